//! infra/terraform, as far as it can be judged without its providers, which are in no package registry. Only `policies/`, which
//! needs none, is applied; nothing here leaves a file in the tree or asks the network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rekey_tests::cache::Cache;
use rekey_tests::chart::Chart;
use rekey_tests::policies::{self, Placeholders};
use rekey_tests::process::Spec;
use rekey_tests::progress::Progress;
use rekey_tests::{repository, tools};
use serde_json::{Value, json};

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF";
const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/shop";

/// A program that would have to fail at once if it asked anything beyond this machine.
pub(crate) fn offline(name: &str, program: impl Into<PathBuf>, log: &Path) -> Spec {
    Spec::new(name, program, log)
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "")
        .directory(repository())
}

fn terraform(log: &Path, data: &Path) -> Spec {
    offline("terraform (1.9 or newer; https://developer.hashicorp.com/terraform/install)", "terraform", log)
        .hide_env("TF_")
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("TF_IN_AUTOMATION", "1")
        .env("TF_DATA_DIR", data)
}

#[tokio::test]
async fn terraform_files_are_formatted() {
    let folder = crate::stack().await.join("terraform-fmt").unwrap();
    let log = folder.join("log");
    terraform(&log, &folder).args(["fmt", "-check", "-diff", "-recursive", "infra/terraform"]).run().await.unwrap();
}

#[tokio::test]
async fn tflint_finds_nothing() {
    let folder = crate::stack().await.join("tflint").unwrap();
    let tflint = tools::tflint(&Cache::open().unwrap(), &Progress::stderr()).await.unwrap();
    let module = repository().join("infra/terraform");
    offline("tflint", tflint, &folder.join("log"))
        .args(["--recursive", "--config"])
        .arg(module.join(".tflint.hcl"))
        .hide_env("TFLINT_")
        .directory(module)
        .run()
        .await
        .unwrap();
}

/// What `policies/` makes of `variables`.
async fn outputs(name: &str, variables: &Value) -> Value {
    let folder = crate::stack().await.join(&format!("terraform-{name}")).unwrap();
    let (log, state, file) = (folder.join("log"), folder.join("state"), folder.join("variables.tfvars.json"));
    std::fs::write(&file, variables.to_string()).unwrap();
    let command = |command: &str| terraform(&log, &folder).args(["-chdir=infra/terraform/policies", command]);
    command("init").args(["-input=false", "-backend=false"]).run().await.unwrap();
    command("apply")
        .args(["-auto-approve", "-input=false", "-lock=false", "-backup=-", "-no-color"])
        .arg(format!("-state={}", state.display()))
        .arg(format!("-var-file={}", file.display()))
        .run()
        .await
        .unwrap();
    let text = command("output").arg("-json").arg(format!("-state={}", state.display())).stdout().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The document, in an order that says nothing.
fn document(text: &Value) -> Value {
    text.as_str().map_or(Value::Null, |text| sorted(serde_json::from_str(text).unwrap()))
}

/// IAM does not care for the order of actions, nor whether one resource stands in a list.
fn sorted(mut document: Value) -> Value {
    let statements = document["Statement"].as_array_mut().expect("statements");
    if statements.is_empty() {
        return Value::Null;
    }
    for statement in statements {
        let actions = statement["Action"].as_array_mut().expect("actions");
        actions.sort_by_key(ToString::to_string);
        if let Some([one]) = statement["Resource"].as_array().map(Vec::as_slice) {
            statement["Resource"] = one.clone();
        }
    }
    document
}

fn agent() -> Value {
    json!({"namespace": "rekey-system", "release_name": "rekey"})
}

/// Terraform's variables and the placeholders that they stand for.
const TEXTS: [(&str, &str); 5] = [
    ("queue_arn", "QueueArn"),
    ("canary_secret_arn", "CanarySecretArn"),
    ("canary_parameter_arn", "CanaryParameterArn"),
    ("bus_arn", "BusArn"),
    ("secrets_of_account", "SecretsOfAccount"),
];
const LISTS: [(&str, &str); 2] = [("secret_arns", "SecretArns"), ("parameter_arns", "ParameterArns")];
/// What is there only if somebody wants what it is for.
const OPTIONAL: [(&str, &str); 6] = [
    ("kms_key_arns", "KmsKeyArns"),
    ("role_arns", "RoleArns"),
    ("relay_bus_arns", "RelayBusArns"),
    ("master_secret_arns", "MasterSecretArns"),
    ("user_arns", "UserArns"),
    ("cache_user_arns", "CacheUserArns"),
];

#[tokio::test]
async fn terraforms_policies_are_those_of_infra_policies() {
    let functions = policies::functions().unwrap();
    let own = |name: &str| (format!("arn:function:{name}"), format!("arn:logs:{name}"));
    let names: Value = functions
        .keys()
        .map(|name| (name.clone(), own(name)))
        .map(|(name, (arn, logs))| (name, json!({"arn": arn, "log_group_arn": logs})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (case, everything) in [("most", true), ("least", false)] {
        let mut variables = json!({"account_id": "111122223333", "functions": names, "agent": agent()});
        let mut placeholders = Placeholders::new();
        for (variable, placeholder) in TEXTS {
            variables[variable] = json!(format!("arn:{variable}"));
            placeholders.insert(placeholder.to_owned(), vec![format!("arn:{variable}")]);
        }
        for (variable, placeholder) in LISTS.into_iter().chain(OPTIONAL.into_iter().filter(|_| everything)) {
            let two = vec![format!("arn:{variable}:1"), format!("arn:{variable}:2")];
            variables[variable] = json!(two);
            placeholders.insert(placeholder.to_owned(), two);
        }
        if everything {
            variables["network"] = json!(true);
            // A text that YAML would take for something else.
            variables["secret_tag"] = json!({"key": "team:owner/1", "value": "true"});
            for (name, text) in [("Network", "true"), ("SecretTagKey", "team:owner/1"), ("SecretTagValue", "true")] {
                placeholders.insert(name.to_owned(), vec![text.to_owned()]);
            }
        }
        let outputs = outputs(&format!("policies-{case}"), &variables).await;
        let documents = outputs["documents"]["value"].as_object().unwrap();
        let mut expected = BTreeMap::new();
        for (name, policies) in policies::roles().unwrap() {
            let document = policies::document(policies.iter().map(String::as_str), &placeholders).unwrap();
            expected.insert(name, document);
        }
        for (name, function) in &functions {
            let (arn, logs) = own(name);
            let mut placeholders = placeholders.clone();
            placeholders.insert("FunctionArn".to_owned(), vec![arn]);
            placeholders.insert("LogStreamArns".to_owned(), vec![format!("{logs}:*")]);
            let names = function.policies.iter().map(String::as_str).chain(["logs"]);
            expected.insert(name.clone(), policies::document(names, &placeholders).unwrap());
            let needs = &outputs["functions"]["value"][name];
            assert_eq!(
                (&needs["memory"], &needs["timeout"]),
                (&json!(function.memory), &json!(function.timeout)),
                "{name}"
            );
            assert_eq!(needs["network"], function.policies.iter().any(|policy| policy == "network"), "{name}");
        }
        assert_eq!(documents.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{case}");
        for (name, expected) in expected {
            assert_eq!(document(&documents[&name]), sorted(expected), "{case}: {name}");
        }
    }
}

#[tokio::test]
async fn terraforms_trust_policies_name_the_charts_service_account() {
    let chart = Chart::open().await.unwrap();
    for (release, namespace, account) in [
        ("rekey", "rekey-system", None),
        ("secrets", "ops", None),
        ("my-rekey-2", "ops", None),
        ("rekey", "rekey-system", Some("agent")),
    ] {
        let values = json!({"serviceAccount": {"name": account}});
        let rendered = chart.render(release, namespace, &values).await.unwrap();
        let rendered = rendered.into_iter().find(|one| one["kind"] == "ServiceAccount").unwrap();
        let name = rendered["metadata"]["name"].as_str().unwrap();
        assert_eq!(rendered["metadata"]["namespace"], namespace);

        let variables = json!({"account_id": "111122223333", "agent": {
            "release_name": release,
            "namespace": namespace,
            "service_account": account,
            "cluster_arn": CLUSTER,
            "oidc_issuer": format!("https://{ISSUER}"),
            "oidc_provider_arn": format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}"),
        }});
        let outputs = outputs("trust", &variables).await;
        assert_eq!(outputs["service_account"]["value"], name);
        let trust = |way: &str| -> Value {
            let text = outputs["trusts"]["value"][way].as_str().unwrap();
            let document: Value = serde_json::from_str(text).unwrap();
            document["Statement"][0].clone()
        };
        let irsa = trust("irsa");
        assert_eq!(irsa["Action"], "sts:AssumeRoleWithWebIdentity");
        assert_eq!(irsa["Principal"]["Federated"], format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}"));
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        let expected = json!({format!("{ISSUER}:sub"): subject, format!("{ISSUER}:aud"): "sts.amazonaws.com"});
        assert_eq!(irsa["Condition"], json!({"StringEquals": expected}));
        let pod_identity = trust("pod-identity");
        assert_eq!(pod_identity["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
        assert_eq!(pod_identity["Principal"], json!({"Service": "pods.eks.amazonaws.com"}));
        let expected = json!({
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": name,
            "aws:RequestTag/eks-cluster-arn": CLUSTER,
        });
        assert_eq!(pod_identity["Condition"], json!({"StringEquals": expected}));
    }
}
