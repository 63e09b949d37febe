//! infra/install.sh and infra/clean-up.sh, on a stack of their own: the first hour as the README has it, the same again with
//! another identity, and what they refuse.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use rekey_tests::agent::{Agent, Way};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, Place, REGION};
use rekey_tests::cache::write_private;
use rekey_tests::eventually::eventually;
use rekey_tests::process::Spec;
use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack};
use rekey_tests::{documentation, helm, keyboard, sam};
use serde_json::{Value, json};

use crate::agent_identity::pod_identity::PodIdentity;
use crate::template;

const SOON: Duration = Duration::from_mins(1);
/// As the script takes it from --name.
const AGENT: &str = "rekey-agent";
const NAMESPACE: &str = "rekey-system";

/// The stack, and what a reader of the README fills in.
struct Desk {
    stack: Stack,
    /// Values of the chart: the way to the local AWS, in the place of a registry.
    values: String,
}

impl Desk {
    async fn create() -> Self {
        let options = Options { purpose: "tests".to_owned(), ..Options::default() };
        let stack = Box::pin(Stack::start(options, &Progress::stderr())).await.unwrap();
        let file = stack.directory().join("values.json");
        let mut values = helm::values(&stack.aws, None, "");
        values.as_object_mut().unwrap().remove("queueUrl");
        write_private(&file, &values.to_string()).unwrap();
        Self { values: file.display().to_string(), stack }
    }

    /// A block of the README, with more words for install.sh.
    fn block(&self, name: &str, function: &str) -> Spec {
        let commands = documentation::block("README.md", name).unwrap();
        let words = [("EKS_CLUSTER", "main"), ("VALUES_FILE", self.values.as_str()), ("FUNCTION_ARN", function)];
        self.shell(&documentation::filled(&commands, &words))
    }

    /// Lines of shell. What they build has been built, for this machine.
    fn shell(&self, commands: &str) -> Spec {
        let commands =
            commands.replace("infra/install.sh", "infra/install.sh --no-build --parameter Architecture=x86_64");
        // Nothing but what is local, as in `sam::deploy`.
        keyboard::shell(&self.stack, &commands, &commands)
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1,localhost")
    }

    async fn aws(&self, words: &[&str]) -> Value {
        self.stack.aws.cli(words).await.unwrap()
    }

    /// Whom the role of the agent trusts, and under which conditions.
    async fn trust(&self) -> Value {
        let role = self.aws(&["iam", "get-role", "--role-name", AGENT]).await;
        role["Role"]["AssumeRolePolicyDocument"]["Statement"][0].clone()
    }

    /// The ServiceAccount that the chart's pods run as, and the name of their Deployment.
    async fn account(&self) -> (ServiceAccount, String) {
        let deployment = helm::deployment(&self.stack, "rekey", NAMESPACE).await.unwrap();
        let app = App { namespace: NAMESPACE.to_owned(), client: self.stack.kubernetes.client().await.unwrap() };
        let pod = app.workload(&deployment).await.unwrap().spec.unwrap().template.spec.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(app.client, NAMESPACE);
        (accounts.get(&pod.service_account_name.unwrap()).await.unwrap(), deployment)
    }

    /// The function that the script has made for random text.
    async fn function(&self) -> String {
        let query = ["cloudformation", "describe-stacks", "--stack-name", "rekey"];
        let stacks = self.aws(&query).await;
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().cloned().unwrap_or_default();
        let found = outputs.iter().find(|one| one["OutputKey"] == "RotationGenericFunctionArn");
        found.and_then(|one| one["OutputValue"].as_str()).unwrap().to_owned()
    }
}

/// The pod identity associations that the script has made are those that EKS would act on.
async fn associated(desk: &Desk) -> Result<PodIdentity> {
    let list = desk.aws(&["eks", "list-pod-identity-associations", "--cluster-name", "main"]).await;
    let [one] = list["associations"].as_array().context("no list")?.as_slice() else {
        anyhow::bail!("one association, not {list}")
    };
    let id = one["associationId"].as_str().context("it has no id")?;
    let describe = ["eks", "describe-pod-identity-association", "--cluster-name", "main", "--association-id", id];
    let association = desk.aws(&describe).await["association"].clone();
    let text = |name: &str| association[name].as_str().context("it is not all there").map(str::to_owned);
    let endpoint = PodIdentity::start(&desk.stack).await?;
    endpoint.associate(&text("namespace")?, &text("serviceAccount")?, &text("roleArn")?);
    Ok(endpoint)
}

#[tokio::test]
async fn the_readme_s_first_hour_from_installation_to_clean_up() {
    let desk = Desk::create().await;
    let stack = &desk.stack;
    let built = sam::built(stack, Place::default(), &Progress::stderr()).await.unwrap();
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let role = ["iam", "create-role", "--role-name", "eks", "--assume-role-policy-document", &trust];
    let role = desk.aws(&role).await["Role"]["Arn"].as_str().unwrap().to_owned();
    desk.aws(&[
        "eks",
        "create-cluster",
        "--name",
        "main",
        "--role-arn",
        &role,
        "--resources-vpc-config",
        "subnetIds=s",
    ])
    .await;
    refusals(&desk).await;

    desk.block("install", "").run().await.unwrap();
    let (account, deployment) = desk.account().await;
    let endpoint = associated(&desk).await.unwrap();
    let way = Way { pod_identity: Some(endpoint.url.clone()), ..Way::default() };
    let agent = Agent::start(stack, NAMESPACE, &deployment, &way).await.unwrap();
    agent.ready(SOON).await.unwrap();
    desk.block("use", "").run().await.unwrap();
    let function = desk.function().await;
    let shop = App { namespace: "shop".to_owned(), client: stack.kubernetes.client().await.unwrap() };
    let before = value(&shop).await;
    shop.has_baseline("web", SOON).await.unwrap();
    let generation = shop.settled("web", SOON).await.unwrap();
    desk.block("rotate", &function).run().await.unwrap();
    eventually("the new value to arrive", SOON, async || {
        ensure!(value(&shop).await != before, "the Secret has the old one");
        Ok(())
    })
    .await
    .unwrap();
    crate::fixture::restarted(&shop, "web", generation).await;
    let shown = desk.block("verify", "").stdout().await.unwrap();
    let rotated = value(&shop).await;
    assert!(shown.contains(&rotated) && shown.contains("SecretSynced"), "{}", shown.replace(&rotated, "VALUE"));
    assert!(!endpoint.keys().is_empty(), "the agent was somebody else");
    drop(agent);

    other_identity(&desk, &account).await;

    desk.block("clean-up", "").run().await.unwrap();
    gone(&desk).await;
    assert_eq!(value(&shop).await, rotated, "the target stays");
    shop.object("token").await.expect("the ExternalSecret stays");
    let secret = desk.aws(&["secretsmanager", "describe-secret", "--secret-id", "shop/token"]).await;
    assert_eq!(secret["RotationEnabled"], false, "its function is gone");
    // There is nothing left to do, and nothing wrong with that.
    desk.block("clean-up", "").run().await.unwrap();
    drop(built);
}

async fn value(shop: &App) -> String {
    let data = shop.secret("token").await.unwrap().data.unwrap();
    String::from_utf8(data["TOKEN"].0.clone()).unwrap()
}

/// A second run changes the identity and puts the secret on a schedule, and touches nothing else.
async fn other_identity(desk: &Desk, account: &ServiceAccount) {
    let name = account.metadata.name.as_deref().unwrap();
    assert_eq!(
        desk.trust().await["Condition"]["StringEquals"],
        json!({
            "aws:RequestTag/kubernetes-namespace": NAMESPACE,
            "aws:RequestTag/kubernetes-service-account": name,
            "aws:RequestTag/eks-cluster-arn": format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/main"),
        })
    );
    let issuer = desk.stack.kubernetes.issuer().await.unwrap();
    let provider = desk.stack.aws.create_oidc_provider(&issuer, &["sts.amazonaws.com"]).await.unwrap();
    let described = desk.aws(&["secretsmanager", "describe-secret", "--secret-id", "shop/token"]).await;
    let secret = described["ARN"].as_str().unwrap();
    desk.shell(&format!(
        "infra/install.sh --identity irsa --oidc-provider {provider} --rotate generic={secret} --schedule 'rate(10 days)' \
           --secrets 'arn:aws:secretsmanager:*:*:secret:shop/*' --yes"
    ))
    .run()
    .await
    .unwrap();
    let host = issuer.trim_start_matches("https://");
    assert_eq!(
        desk.trust().await["Condition"]["StringEquals"],
        json!({
            format!("{host}:sub"): format!("system:serviceaccount:{NAMESPACE}:{name}"),
            format!("{host}:aud"): "sts.amazonaws.com",
        })
    );
    let (account, _) = desk.account().await;
    let annotations = account.metadata.annotations.unwrap_or_default();
    assert_eq!(annotations["eks.amazonaws.com/role-arn"], format!("arn:aws:iam::{ACCOUNT}:role/{AGENT}"));
    let described = desk.aws(&["secretsmanager", "describe-secret", "--secret-id", "shop/token"]).await;
    assert_eq!(described["RotationRules"]["ScheduleExpression"], "rate(10 days)");
}

/// What is wrong is said, with the remedy, and nothing is made.
async fn refusals(desk: &Desk) {
    let secret = desk.stack.aws.create_secret("other/one", "a value of somebody").await.unwrap();
    let irsa = "--identity irsa --oidc-provider arn:aws:iam::111122223333:oidc-provider/none";
    for (words, sentence) in [
        ("", "--identity is needed: pod-identity, irsa, static or default"),
        ("--identity oidc", "--identity oidc: there are pod-identity"),
        ("--identity irsa", "needs --eks-cluster, or --oidc-provider"),
        ("--identity pod-identity", "needs --eks-cluster"),
        ("--identity pod-identity --eks-cluster none", "--eks-cluster none: there is no such cluster in us-east-1"),
        (irsa, "make it with: aws iam create-open-id-connect-provider --url https://none"),
        ("--identity static --engine oracle", "unknown engine oracle; there are: postgres mysql"),
        ("--identity static --name Rekey", "--name Rekey: 1 to 40 small letters"),
        ("--identity static --rotate generic=shop/token", "write ENGINE=ARN with the secret's full ARN"),
        (&format!("--identity static --rotate generic={secret}x"), "there is no such secret"),
        (
            &format!("--identity static --rotate generic={}", secret.replace(REGION, "eu-west-1")),
            "its region is not us-east-1",
        ),
        ("--identity static --schedule 'rate(2 hours)'", "every 4 hours is the most; write rate(4 hours)"),
        ("--identity static --schedule 'rate(1 week)'", "write cron(...), rate(... hours) or rate(... days)"),
        ("--identity static --schedule 'cron(5 4 * * ? *)'", "the minute is 0"),
        ("--identity static --schedule 'cron(0 * * * ? *)'", "every hour is too often"),
        ("--identity static --schedule 'cron(0 4 * * *)'", "six fields"),
        ("--identity static --schedule 'cron(0 4 1 * 2 *)'", "day of month or day of week is ?"),
        ("--identity static --secrets 'arn:*:secret:none/*'", "matches no secret of account 111122223333"),
        ("--identity static --parameter engine", "write KEY=VALUE"),
        ("--identity static --values", "--values needs a value"),
        ("--identity static --force", "unknown option --force"),
        // A person is asked, and here is none.
        ("--identity static", "nobody is there to ask, and nothing was changed; give --yes"),
    ] {
        let refused = desk.shell(&format!("infra/install.sh {words} </dev/null")).run().await;
        let said = format!("{:#}", refused.err().with_context(|| format!("{words} was taken")).unwrap());
        assert!(said.contains(sentence), "{words}: {said}");
    }
    let mut left = template::rest(&desk.stack, "rekey").await;
    left.extend(namespaces(desk).await.into_iter().filter(|name| name == NAMESPACE));
    assert_eq!(left, Vec::<String>::new());
}

async fn namespaces(desk: &Desk) -> Vec<String> {
    let all: Api<Namespace> = Api::all(desk.stack.kubernetes.client().await.unwrap());
    let list = all.list(&kube::api::ListParams::default()).await.unwrap();
    list.items.into_iter().filter_map(|one| one.metadata.name).collect()
}

/// All that install.sh has made.
async fn gone(desk: &Desk) {
    assert_eq!(template::rest(&desk.stack, "rekey").await, Vec::<String>::new());
    let list = desk.aws(&["eks", "list-pod-identity-associations", "--cluster-name", "main"]).await;
    assert_eq!(list["associations"], json!([]));
    eventually("the namespace to be gone", SOON, async || {
        ensure!(!namespaces(desk).await.contains(&NAMESPACE.to_owned()), "it is there");
        Ok(())
    })
    .await
    .unwrap();
}
