//! When the pipe is not proven, refreshInterval does the work.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::ensure;
use futures::FutureExt;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use rekey_tests::app::App;
use rekey_tests::aws::Request;
use rekey_tests::eventually::eventually;
use rekey_tests::installation::Installation;
use rekey_tests::stack::Stack;

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);
/// A heartbeat each five seconds, two and a half of them, and the time until somebody looks.
const PATIENCE: Duration = Duration::from_mins(1);

async fn readyz(rekey: &Installation, part: &str) {
    eventually(&format!("/readyz to say {part:?} of both pipes"), PATIENCE, async || {
        let (status, text) = rekey.agent.get("/readyz").await?;
        ensure!(status == 200, "it is {status}: an unproven pipe is no reason to be unready");
        ensure!(text.lines().filter(|line| line.contains(part)).count() >= 2, "{text}");
        Ok(())
    })
    .await
    .unwrap();
}

/// The agent's Deployment carries this Event about each of the pipes, and one of them says so.
async fn told(stack: &Stack, reason: &str, type_: &str, part: &str) {
    let events: Api<Event> = Api::namespaced(stack.kubernetes.client().await.unwrap(), "rekey-system");
    eventually(&format!("the Event {reason} about both pipes"), SOON, async || {
        let all = events.list(&ListParams::default()).await?.items;
        let told: Vec<&Event> = all.iter().filter(|event| event.reason.as_deref() == Some(reason)).collect();
        ensure!(told.len() >= 2, "{told:?}");
        for event in &told {
            let about = &event.involved_object;
            ensure!(about.kind.as_deref() == Some("Deployment") && about.name.as_deref() == Some("rekey"), "{about:?}");
            ensure!(event.type_.as_deref() == Some(type_), "{event:?}");
        }
        ensure!(told.iter().any(|event| event.message.as_ref().is_some_and(|note| note.contains(part))), "{told:?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// `/metrics` has these series, with these values.
async fn series(rekey: &Installation, lines: &[&str]) {
    eventually(&format!("/metrics to say {lines:?}"), SOON, async || {
        let (_, text) = rekey.agent.get("/metrics").await?;
        for line in lines {
            ensure!(text.lines().any(|found| found == *line), "{line}\n{text}");
        }
        Ok(())
    })
    .await
    .unwrap();
}

/// Turns every rule of the stack that sends to the queue, or that calls the heartbeat function, on or off.
async fn rules(stack: &Stack, command: &str) {
    let answer = stack.aws.cli(&["events", "list-rules"]).await.unwrap();
    let names: Vec<&str> =
        answer["Rules"].as_array().unwrap().iter().filter_map(|rule| rule["Name"].as_str()).collect();
    assert!(names.len() >= 2, "the template's rules are not there: {names:?}");
    for name in names.into_iter().filter(|name| name.starts_with("rekey-")) {
        stack.aws.cli(&["events", command, "--name", name]).await.unwrap();
    }
}

#[tokio::test]
async fn without_heartbeats_refresh_interval_takes_over() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::alone().await;
    readyz(rekey, ": proven").await;
    let (first, second) = (values.fresh(), values.fresh());
    stack.aws.create_secret("pipe/cut", &first).await.unwrap();
    let app = App::create(stack, "pipe-cut").await.unwrap();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: cut}
spec:
  refreshInterval: 3s
  secretStoreRef: {name: aws}
  data: [{secretKey: value, remoteRef: {key: pipe/cut}}]",
    )
    .await
    .unwrap();
    app.holds("cut", "value", &first, SOON).await.unwrap();
    told(stack, "PipeProven", "Normal", "heartbeats prove").await;
    let is_ready = |of: &str, name: &str| {
        format!("{of}_status_condition{{name=\"{name}\",namespace=\"pipe-cut\",condition=\"Ready\",status=\"True\"}} 1")
    };
    series(rekey, &[&is_ready("externalsecret", "cut"), &is_ready("secretstore", "aws"), "rekey_leader 1"]).await;

    rules(stack, "disable-rule").await;
    // Whatever comes of it, the tests after this one need the rules.
    let seen = AssertUnwindSafe(async {
        stack.aws.put_secret("pipe/cut", &second).await.unwrap();
        let (mark, asked) = (rekey.agent.log().mark(), stack.aws.requests().mark());
        let seen = rekey.agent.log().wait_for("the pipe to be unproven", mark, PATIENCE, |line| {
            line.message.starts_with("pipe unproven") && line.field("service") == "SecretsManager"
        });
        seen.await.unwrap();
        app.holds("cut", "value", &second, Duration::from_secs(10)).await.unwrap();
        readyz(rekey, ": unproven").await;
        told(stack, "PipeUnproven", "Warning", "refreshInterval takes over").await;
        let requests = stack.aws.requests().since(asked).unwrap();
        let reads = requests
            .iter()
            .filter(|one| one.action == "GetSecretValue" && one.resource.as_deref() == Some("pipe/cut"))
            .count();
        assert_eq!(reads, 1, "values are read only where the version moved");
    });
    let seen = seen.catch_unwind().await;
    rules(stack, "enable-rule").await;
    if let Err(panic) = seen {
        std::panic::resume_unwind(panic);
    }
    readyz(rekey, ": proven").await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn what_changed_while_the_agent_was_down_arrives_after_its_start() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::alone().await;
    let (first, second) = (values.fresh(), values.fresh());
    stack.aws.create_secret("pipe/down", &first).await.unwrap();
    let app = App::create(stack, "pipe-down").await.unwrap();
    app.external_secret("down", "aws", "pipe/down", None).await.unwrap();
    app.holds("down", "value", &first, SOON).await.unwrap();
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "down").await.unwrap();
    app.has_baseline("user", SOON).await.unwrap();
    let generation = app.settled("user", SOON).await.unwrap();

    let mark = rekey.agent.log().mark();
    rekey.agent.stop(Duration::from_secs(30));
    assert!(
        rekey.agent.log().text_since(mark).unwrap().contains("rekey-agent stopped"),
        "it did not end in good order"
    );
    stack.aws.put_secret("pipe/down", &second).await.unwrap();
    let asked = stack.aws.requests().mark();
    rekey.agent.restart().await.unwrap();
    rekey.agent.ready(SOON).await.unwrap();
    app.holds("down", "value", &second, SOON).await.unwrap();
    fixture::restarted(&app, "user", generation).await;
    let requests = stack.aws.requests().since(asked).unwrap();
    let read = |one: &&Request| one.action == "GetSecretValue" && one.resource.as_deref() == Some("pipe/down");
    assert_eq!(requests.iter().filter(read).count(), 1, "one change, one read");
    values.are_in_no_log(stack, rekey);
}

/// A canary's own event, as a relay from another account or region would put it on the queue.
async fn heartbeat_of(stack: &Stack, rekey: &Installation, account: &str, region: &str, at: jiff::Timestamp) {
    let name = "rekey/canary/other";
    let event = serde_json::json!({
        "version": "0", "id": format!("event-{}", rekey_tests::random_word(12)),
        "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
        "account": account, "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": region,
        "resources": [format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf")],
        "detail": {"name": name, "labelUpdated": "AWSCURRENT", "versionId": rekey_tests::random_word(32)},
    });
    let queue = aws_sdk_sqs::Client::new(&stack.aws.sdk_config().await);
    let url = rekey.deployed.output("QueueUrl").unwrap();
    queue.send_message().queue_url(url).message_body(event.to_string()).send().await.unwrap();
}

#[tokio::test]
async fn pipes_of_other_accounts_and_regions_are_proven_one_by_one() {
    let (stack, rekey, _) = fixture::rekey().await;
    let _pipe = Pipe::alone().await;
    let now = jiff::Timestamp::now();
    let long_ago = now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap();
    heartbeat_of(stack, rekey, "222222222222", "eu-west-1", long_ago).await;
    let proven = |account: &str| {
        let log = rekey.agent.log().since(rekey_tests::log::Mark::default()).unwrap();
        log.iter().any(|line| line.message == "pipe proven" && line.field("account") == account)
    };
    // On a machine that is busy one may be old by the time it is received.
    eventually("the other account's pipe to be proven", PATIENCE, async || {
        heartbeat_of(stack, rekey, "111111111111", "eu-west-1", jiff::Timestamp::now()).await;
        ensure!(proven("111111111111"), "it was not");
        Ok(())
    })
    .await
    .unwrap();
    let says = async |part: &str| {
        eventually(&format!("/readyz to say {part:?}"), PATIENCE, async || {
            let (_, text) = rekey.agent.get("/readyz").await?;
            ensure!(text.lines().any(|line| line.contains(part)), "{text}");
            Ok(())
        })
        .await
        .unwrap();
    };
    says("222222222222 eu-west-1 SecretsManager: unproven").await;
    // The other one was proven while its heartbeats were fresh; nothing follows them.
    says("111111111111 eu-west-1 SecretsManager: unproven").await;
    assert!(!proven("222222222222"), "a heartbeat of an hour ago proves nothing");
    readyz(rekey, ": proven").await;
}
