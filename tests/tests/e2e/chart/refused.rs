//! Bad values are refused, with a sentence that names the value and what to do.

use rekey_tests::chart::Chart;
use serde_json::{Value, json};

/// Each of these values is refused with a sentence that has both parts.
async fn all_refused<const N: usize>(rows: [(Value, [&str; 2]); N]) {
    let chart = Chart::open().await.unwrap();
    for (values, parts) in rows {
        let said = match chart.text("rekey", "here", &values).await {
            Ok(_) => panic!("{values} is taken"),
            Err(error) => format!("{error:#}"),
        };
        assert!(parts.iter().all(|part| said.contains(part)), "{values}: {parts:?} is not in {said}");
    }
}

#[tokio::test]
async fn a_queue_or_an_identity_that_is_none_is_refused_with_what_to_do() {
    let role = "arn:aws:iam::111122223333:role/rekey";
    all_refused([
        (json!({"queueUrl": ""}), ["queueUrl is needed", "QueueUrl of the SAM stack"]),
        (json!({"queueUrl": null}), ["queueUrl is needed", "QueueUrl of the SAM stack"]),
        (json!({"queueUrl": 5}), ["queueUrl is no text (5)", "QueueUrl of the SAM stack"]),
        (json!({"queueUrl": "rekey"}), ["perhaps a queue's name (rekey)", "QueueUrl of the SAM stack"]),
        (
            json!({"queueUrl": "arn:aws:sqs:eu-west-1:111122223333:rekey"}),
            ["queueUrl is an ARN", "QueueUrl of the SAM stack"],
        ),
        (
            json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com"}),
            ["does not end in an account", "QueueUrl of the SAM stack"],
        ),
        (
            json!({"identity": {"kind": "IRSA"}}),
            ["identity.kind is IRSA", "write irsa, podIdentity, static or default"],
        ),
        (json!({"identity": {"kind": null}}), ["identity.kind is", "write irsa, podIdentity, static or default"]),
        (json!({"identity": {"kind": "irsa"}}), ["identity.roleArn is needed", "arn:aws:iam::"]),
        (json!({"identity": {"kind": "irsa", "roleArn": "rekey"}}), ["no ARN of a role (rekey)", "arn:aws:iam::"]),
        (json!({"identity": {"kind": "irsa", "roleArn": 7}}), ["no ARN of a role (7)", "arn:aws:iam::"]),
        (json!({"identity": {"roleArn": role}}), ["not used with identity.kind=default", "set identity.kind to irsa"]),
        (
            json!({"identity": {"kind": "irsa", "roleArn": role}, "serviceAccount": {"create": false, "name": "mine"}}),
            ["serviceAccount.create is false", "annotate yours"],
        ),
        (
            json!({
                "identity": {"kind": "irsa", "roleArn": role},
                "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/other"}},
            }),
            ["differ", "leave the annotation out"],
        ),
        (
            json!({
                "identity": {"kind": "podIdentity"},
                "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": role}},
            }),
            ["would count more", "leave the annotation out"],
        ),
        (json!({"identity": {"kind": "static"}}), ["identity.secretName is needed", "access-key-id"]),
        (json!({"identity": {"secretName": "aws"}}), ["identity.secretName is not used", "static"]),
    ])
    .await;
}

#[tokio::test]
async fn contradictions_are_refused_with_what_to_do() {
    let account = json!([{"namespace": "c", "name": "reader"}]);
    all_refused([
        (
            json!({"serviceAccount": {"create": false}}),
            ["serviceAccount.name is needed", "the name of the ServiceAccount"],
        ),
        (json!({"podDisruptionBudget": {"enabled": true}}), ["replicas=1", "set replicas to 2"]),
        (
            json!({"serviceMonitor": {"enabled": true}, "service": {"enabled": false}}),
            ["serviceMonitor.enabled", "set service.enabled=true"],
        ),
        (json!({"prometheusRule": {"disabled": ["RekeyDown"]}}), ["names RekeyDown", "they are RekeyNoLeader"]),
        (json!({"extraArgs": {"mode": "companion"}}), ["extraArgs.mode", "values.yaml"]),
        (json!({"extraArgs": {"namespaces": "a"}}), ["extraArgs.namespaces", "values.yaml"]),
        (json!({"extraArgs": {"--alert-info": "a"}}), ["extraArgs.--alert-info", "without dashes"]),
        (json!({"namespaces": ["Shop"]}), ["namespaces: \"Shop\" is no name", "for instance [shop, pay]"]),
        (json!({"namespaces": ["a"], "clusterExternalSecrets": true}), ["whole cluster", "leave namespaces empty"]),
        (
            json!({"namespaces": ["a"], "processClusterExternalSecret": true}),
            ["whole cluster", "leave namespaces empty"],
        ),
        (json!({"scopedRBAC": true}), ["scopedRBAC needs scopedNamespace", "set namespaces"]),
        (json!({"scopedNamespace": "a", "namespaces": ["b"]}), ["different things", "give namespaces alone"]),
        (json!({"namespaces": ["a"], "reloader": {"namespaces": ["b"]}}), ["workloads of b", "add it to namespaces"]),
        (
            json!({"namespaces": ["a"], "reloader": {"watchGlobally": false}}),
            ["workloads of here", "add it to namespaces"],
        ),
        (
            json!({"namespaces": ["a"], "clusterStores": false, "reloader": {"namespaceSelector": "x=y"}}),
            ["labels of namespaces", "set clusterStores=true"],
        ),
        (json!({"namespaces": ["a"], "stores": {"serviceAccounts": account}}), ["c/reader", "add c to namespaces"]),
        (json!({"adminAddr": "0.0.0.0"}), ["adminAddr has no port", "0.0.0.0:8080"]),
        (
            json!({"reloader": {"ignoreSecrets": true, "ignoreConfigMaps": true}}),
            ["reloader.ignoreSecrets and reloader.ignoreConfigMaps", "one of them only"],
        ),
        (json!({"reloader": {"enableHA": true}}), ["reloader.enableHA", "set replicas"]),
        (json!({"reloader": {"webhookUrl": "https://a.example"}}), ["reloader.webhookUrl", "webhook.secretName"]),
        (json!({"reloader": {"logLevel": "debug"}}), ["reloader.logLevel", "set logLevel"]),
        (
            json!({"reloader": {"enableCSIIntegration": true}}),
            ["reloader.enableCSIIntegration", "SecretProviderClasses"],
        ),
    ])
    .await;
}

/// The schema's own words, where they name the value and what it wants.
#[tokio::test]
async fn wrong_types_and_unknown_names_are_refused() {
    all_refused([
        (json!({"replicas": "two"}), ["'/replicas'", "want integer"]),
        (json!({"replicas": 0}), ["'/replicas'", "want 1"]),
        (json!({"mode": "both"}), ["'/mode'", "'standalone', 'companion'"]),
        (json!({"sweepInterval": "soon"}), ["'/sweepInterval'", "does not match"]),
        (json!({"image": {"digest": "sha256:1"}}), ["'/image/digest'", "[0-9a-f]{64}"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": "half"}}), ["'/podDisruptionBudget/maxUnavailable'", "%"]),
        (json!({"alerts": {"sink": "irc"}}), ["'/alerts/sink'", "'slack'"]),
        (json!({"queueURL": "a"}), ["queueURL", "not allowed"]),
        (json!({"reloader": {"autoReload": true}}), ["autoReload", "not allowed"]),
        (json!({"hostNetwork": true}), ["hostNetwork", "not allowed"]),
    ])
    .await;
}

/// Every value stands in values.yaml, with a comment above it, and in the schema.
#[test]
fn every_value_is_explained() {
    let chart = rekey_tests::repository().join("infra/chart");
    let text = std::fs::read_to_string(chart.join("values.yaml")).unwrap();
    let values: Value = serde_yaml_ng::from_str(&text).unwrap();
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(chart.join("values.schema.json")).unwrap()).unwrap();
    same_names("", &values, &schema);
    let (mut path, mut above) = (Vec::<(usize, &str)>::new(), "");
    for line in text.lines() {
        let (indent, name) =
            (line.len() - line.trim_start().len(), line.trim_start().split(':').next().unwrap_or_default());
        if line.contains(':') && !name.starts_with('#') {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, name));
            let names: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
            let pointer = format!("/properties/{}", names.join("/properties/"));
            // What stands in a security context and the like is explained by Kubernetes.
            let is_ours = schema.pointer(&pointer).is_some_and(|one| one["properties"].is_null());
            assert!(!is_ours || above.trim_start().starts_with('#'), "values.yaml says nothing of {pointer}");
        }
        above = line;
    }
}

/// Of objects whose members are free there is nothing to compare.
fn same_names(place: &str, values: &Value, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    assert_eq!(schema["additionalProperties"], false, "{place:?} takes any name");
    let values = values.as_object().unwrap_or_else(|| panic!("{place} is no object in values.yaml"));
    let optional = [
        "global",
        "enableHA",
        "enablePProf",
        "pprofAddr",
        "enableCSIIntegration",
        "webhookUrl",
        "logLevel",
        "logFormat",
    ];
    for (name, schema) in properties
        .iter()
        .filter(|(name, _)| place.is_empty() && *name != "global" || !optional.contains(&name.as_str()))
    {
        let Some(value) = values.get(name) else {
            assert_eq!(place, "/reloader/custom_annotations", "{place}/{name} is not in values.yaml");
            continue;
        };
        same_names(&format!("{place}/{name}"), value, schema);
    }
    for name in values.keys() {
        assert!(properties.contains_key(name), "{place}/{name} is not in the schema");
    }
}
