//! Messages that come twice, that say nothing, or that are no messages.

use std::time::Duration;

use anyhow::{Context, ensure};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, Request};
use rekey_tests::eventually::eventually;
use rekey_tests::fault::queue::Queue;
use rekey_tests::installation::Installation;
use serde_json::{Value, json};

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);

/// The native event of a label that moved, as AWS documents it.
fn label_updated(arn: &str, name: &str, version: &str) -> Value {
    json!({
        "version": "0",
        "id": format!("event-{}", rekey_tests::random_word(12)),
        "detail-type": "Secret Label Updated",
        "source": "aws.secretsmanager",
        "account": ACCOUNT,
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [arn],
        "detail": {"name": name, "labelUpdated": "AWSCURRENT", "versionId": version},
    })
}

fn reads(requests: &[Request], rekey: &Installation, resource: &str) -> usize {
    let reading = ["GetSecretValue", "DescribeSecret", "ListSecrets", "BatchGetSecretValue"];
    requests
        .iter()
        .filter(|request| {
            reading.contains(&request.action.as_str())
                && request.principal.as_deref() == Some(rekey.user.access_key.as_str())
                && request.resource.as_deref().is_some_and(|asked| asked.contains(resource))
        })
        .count()
}

#[tokio::test]
async fn a_duplicate_costs_no_read_and_no_write() {
    let (stack, rekey, values) = fixture::rekey().await;
    let queue = Queue::of(stack, &rekey.deployed).await.unwrap();
    let _pipe = Pipe::shared().await;
    let (first, second) = (values.fresh(), values.fresh());
    let arn = stack.aws.create_secret("messages/twice", &first).await.unwrap();
    let app = App::create(stack, "messages-twice").await.unwrap();
    app.external_secret("twice", "aws", "messages/twice", None).await.unwrap();
    app.holds("twice", "value", &first, SOON).await.unwrap();

    let version = stack.aws.put_secret("messages/twice", &second).await.unwrap();
    let written = app.holds("twice", "value", &second, SOON).await.unwrap();
    eventually("the token to be in the status", SOON, async || {
        let tokens =
            app.object("twice").await?.status.and_then(|status| status.source_versions).context("none")?.tokens;
        ensure!(tokens.values().any(|token| token.ends_with(&version)), "{tokens:?}");
        Ok(())
    })
    .await
    .unwrap();
    queue.drained(SOON).await.unwrap();

    let (mark, logged) = (stack.aws.requests().mark(), rekey.agent.log().mark());
    let event = label_updated(&arn, "messages/twice", &version);
    for _ in 0..3 {
        queue.send(&event.to_string()).await.unwrap();
    }
    let id = event["id"].as_str().unwrap();
    eventually("the agent to have received each", SOON, async || {
        let lines = rekey.agent.log().since(logged)?;
        let seen = lines.iter().filter(|line| line.message == "event received" && line.field("event_id") == id).count();
        ensure!(seen >= 3, "{seen}");
        Ok(())
    })
    .await
    .unwrap();
    queue.drained(SOON).await.unwrap();
    assert_eq!(reads(&stack.aws.requests().since(mark).unwrap(), rekey, "messages/twice"), 0);
    let after = app.secret("twice").await.unwrap();
    assert_eq!(after.metadata.resource_version, written.metadata.resource_version, "the target was written again");
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn nonsense_goes_to_the_dlq_and_holds_nothing_up() {
    let (stack, rekey, values) = fixture::rekey().await;
    let queue = Queue::of(stack, &rekey.deployed).await.unwrap();
    let _pipe = Pipe::shared().await;
    let (first, second) = (values.fresh(), values.fresh());
    stack.aws.create_secret("messages/behind", &first).await.unwrap();
    let app = App::create(stack, "messages-behind").await.unwrap();
    app.external_secret("behind", "aws", "messages/behind", None).await.unwrap();
    app.holds("behind", "value", &first, SOON).await.unwrap();

    let nonsense = format!("not an event at all {}", rekey_tests::random_word(12));
    let other =
        json!({"id": "x", "source": "aws.ec2", "detail-type": "Other", "time": "2026-01-01T00:00:00Z", "detail": {}});
    queue.send(&nonsense).await.unwrap();
    queue.send(&other.to_string()).await.unwrap();
    stack.aws.put_secret("messages/behind", &second).await.unwrap();
    app.holds("behind", "value", &second, Duration::from_secs(10)).await.unwrap();

    eventually("the nonsense to be in the DLQ", SOON, async || {
        let bodies = queue.dead_bodies().await?;
        ensure!(bodies.contains(&nonsense), "{} messages", bodies.len());
        Ok(())
    })
    .await
    .unwrap();
    queue.drained(SOON).await.unwrap();
    rekey.agent.check().unwrap();
    values.add(&nonsense);
    values.are_in_no_log(stack, rekey);
}
