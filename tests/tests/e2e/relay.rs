//! Two accounts and two regions: secrets live in one, the cluster in the other, and a bus in between.

use std::time::Duration;

use anyhow::ensure;
use rekey_tests::app::App;
use rekey_tests::aws::Place;
use rekey_tests::eventually::eventually;
use rekey_tests::installation::{Installation, Options};
use rekey_tests::policies::{self, Placeholders};
use rekey_tests::progress::Progress;
use rekey_tests::sam;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::{fixture, least_privilege};

const SECRETS: Place = Place { account: "444455556666", region: "eu-west-1" };
const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/rekey";
const PATIENCE: Duration = Duration::from_secs(40);

/// What an agent says of a pipe.
async fn pipe(rekey: &Installation, line: &str) {
    eventually(&format!("/readyz to say {line}"), PATIENCE, async || {
        let (_, text) = rekey.agent.get("/readyz").await?;
        ensure!(text.lines().any(|found| found.contains(line)), "{text}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Where the cluster is: a bus that takes what the other account sends, and a queue that listens on it and on nothing else.
/// This account's own changes are relayed to it, too.
async fn cluster(stack: &Stack) -> Installation {
    let template = rekey_tests::repository().join("infra/bus.yaml");
    let accounts = format!("SenderAccounts={}", SECRETS.account);
    let deploy =
        ["cloudformation", "deploy", "--stack-name", "rekey-bus", "--template-file", template.to_str().unwrap()];
    let deploy = [&deploy[..], &["--parameter-overrides", &accounts]].concat();
    stack.aws.cli_text(Place::default(), &deploy).await.unwrap();
    let parameters = [
        ("HeartbeatMinutes", fixture::HEARTBEAT_MINUTES),
        ("EventBusName", "rekey"),
        ("RelayBusArns", BUS),
        ("RoleArnPatterns", "arn:aws:iam::444455556666:role/*"),
    ];
    let options = Options {
        name: "rekey-abroad".to_owned(),
        namespace: "rekey-abroad".to_owned(),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        values: json!({
            "controllerClass": "abroad", "heartbeatPeriod": fixture::HEARTBEAT_PERIOD, "minRestartInterval": "0s",
            // Workloads are the shared agent's, and this one has none.
            "crds": {"install": false}, "reloader": {"namespaces": ["relay"]},
        }),
        ..Options::default()
    };
    let rekey = Installation::create(stack, &options, &Progress::stderr()).await.unwrap();
    rekey.agent.ready(PATIENCE).await.unwrap();
    rekey
}

#[tokio::test]
async fn a_rotation_reaches_a_cluster_in_another_account_and_region_and_a_relay_that_may_not_is_seen() {
    let (stack, ..) = fixture::rekey().await;
    let rekey = cluster(stack).await;
    let agent = "arn:aws:iam::111122223333:user/rekey-abroad-agent";
    let parameters = [
        ("ClusterName", "secrets"),
        ("ClusterQueue", "false"),
        ("HeartbeatMinutes", fixture::HEARTBEAT_MINUTES),
        ("EngineGeneric", "true"),
        ("RelayBusArns", BUS),
        ("ReaderPrincipalArns", agent),
    ];
    let secrets = sam::deploy_in(stack, SECRETS, "secrets", &parameters, &Progress::stderr()).await.unwrap();
    let there = stack.aws.caller().at(SECRETS);
    let call = async |operation: &str, parameters: Value| there.call(operation, &parameters).await.unwrap();
    call("secretsmanager.CreateSecret", json!({"Name": "relay/db", "SecretString": "the first"})).await;
    stack.aws.create_secret("relay/here", "of this account").await.unwrap();

    let app = App::create(stack, "relay").await.unwrap();
    let role = secrets.output("ReaderRoleArn").unwrap();
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: abroad}}
spec: {{controller: abroad, provider: {{aws: {{service: SecretsManager, region: eu-west-1, role: '{role}'}}}}}}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: here}}
spec: {{controller: abroad, provider: {{aws: {{service: SecretsManager, region: us-east-1}}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: db}}
spec:
  refreshInterval: 1h
  secretStoreRef: {{name: abroad}}
  data: [{{secretKey: value, remoteRef: {{key: relay/db}}}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: here}}
spec:
  refreshInterval: 1h
  secretStoreRef: {{name: here}}
  data: [{{secretKey: value, remoteRef: {{key: relay/here}}}}]"
    ))
    .await
    .unwrap();
    app.condition("db", "True", "", PATIENCE).await.unwrap();
    app.holds("db", "value", "the first", PATIENCE).await.unwrap();
    let (abroad, here) = ("444455556666 eu-west-1 SecretsManager", "111122223333 us-east-1 SecretsManager");
    pipe(&rekey, &format!("{abroad}: proven")).await;
    pipe(&rekey, &format!("{here}: proven")).await;

    let lambda = secrets.output("RotationGenericFunctionArn").unwrap();
    call("secretsmanager.RotateSecret", json!({"SecretId": "relay/db", "RotationLambdaARN": lambda})).await;
    let now = eventually("the rotation", PATIENCE, async || {
        let now = there.call("secretsmanager.GetSecretValue", &json!({"SecretId": "relay/db"})).await?;
        let now = now["SecretString"].as_str().unwrap_or_default().to_owned();
        ensure!(now != "the first", "it has not ended");
        Ok(now)
    });
    // Polling would take an hour.
    app.holds("db", "value", &now.await.unwrap(), PATIENCE).await.unwrap();

    // The role of the rule may not any more: the pipe says so here, and the dead-letter queue there says why.
    let relay = least_privilege::of_the_relay();
    let describe = ["cloudformation", "describe-stack-resource", "--stack-name", "secrets"];
    let described = stack.aws.cli_in(SECRETS, &[&describe[..], &["--logical-resource-id", "RelayRole"]].concat()).await;
    let role = described.unwrap()["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned();
    call("iam.DeleteRolePolicy", json!({"RoleName": role, "PolicyName": relay.policy})).await;
    pipe(&rekey, &format!("{abroad}: unproven")).await;
    pipe(&rekey, &format!("{here}: proven")).await;
    let queue = secrets.output("DeadLetterQueueUrl").unwrap();
    eventually("the dead-letter queue to say why", PATIENCE, async || {
        let receive = json!({"QueueUrl": queue, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10});
        let received = there.call("sqs.ReceiveMessage", &receive).await?;
        let messages = received["Messages"].as_array().into_iter().flatten();
        let mut said = messages.map(|message| {
            let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default();
            (attribute("ERROR_CODE"), attribute("ERROR_MESSAGE"))
        });
        let found = said.find(|(code, text)| *code == "NO_PERMISSIONS" && text.contains(relay.action));
        ensure!(found.is_some_and(|(_, text)| text.contains(&role)), "{received}");
        Ok(())
    })
    .await
    .unwrap();

    let placeholders = Placeholders::from([("RelayBusArns".to_owned(), vec![BUS.to_owned()])]);
    let documented = policies::document([relay.policy], &placeholders).unwrap();
    there.set_role_policy(&role, relay.policy, &documented).await.unwrap();
    pipe(&rekey, &format!("{abroad}: proven")).await;
}
