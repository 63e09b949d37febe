//! Messages that come twice, that say nothing, or that are no messages.

use std::time::Duration;

use anyhow::{Context, ensure};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, Request};
use rekey_tests::eventually::eventually;
use rekey_tests::installation::Installation;
use rekey_tests::stack::Stack;
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

async fn queue(stack: &Stack) -> Client {
    Client::new(&stack.aws.sdk_config().await)
}

async fn send(stack: &Stack, rekey: &Installation, body: &str) {
    let url = rekey.deployed.output("QueueUrl").unwrap();
    queue(stack).await.send_message().queue_url(url).message_body(body).send().await.unwrap();
}

/// Waits until the agent has nothing left of what was sent.
async fn drained(stack: &Stack, rekey: &Installation) {
    let client = queue(stack).await;
    let url = rekey.deployed.output("QueueUrl").unwrap();
    let names =
        [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible];
    eventually("the queue to be empty", SOON, async || {
        let answer =
            client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec())).send().await?;
        let attributes = answer.attributes.context("no attributes")?;
        ensure!(names.iter().all(|name| attributes.get(name).is_some_and(|count| count == "0")), "{attributes:?}");
        Ok(())
    })
    .await
    .unwrap();
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
    let _pipe = Pipe::shared().await;
    let first = rekey_tests::random_word(20);
    let second = rekey_tests::random_word(20);
    values.add(&first);
    values.add(&second);
    let create = ["secretsmanager", "create-secret", "--name", "messages/twice", "--secret-string", &first];
    let arn = stack.aws.cli(&create).await.unwrap()["ARN"].as_str().unwrap().to_owned();
    let app = App::create(stack, "messages-twice").await.unwrap();
    app.external_secret("twice", "aws", "messages/twice", None).await.unwrap();
    app.holds("twice", "value", &first, SOON).await.unwrap();

    let put = ["secretsmanager", "put-secret-value", "--secret-id", "messages/twice", "--secret-string", &second];
    let version = stack.aws.cli(&put).await.unwrap()["VersionId"].as_str().unwrap().to_owned();
    let written = app.holds("twice", "value", &second, SOON).await.unwrap();
    eventually("the token to be in the status", SOON, async || {
        let tokens =
            app.object("twice").await?.status.and_then(|status| status.source_versions).context("none")?.tokens;
        ensure!(tokens.values().any(|token| token.ends_with(&version)), "{tokens:?}");
        Ok(())
    })
    .await
    .unwrap();
    drained(stack, rekey).await;

    let (mark, logged) = (stack.aws.requests().mark(), rekey.agent.log().mark());
    let event = label_updated(&arn, "messages/twice", &version);
    for _ in 0..3 {
        send(stack, rekey, &event.to_string()).await;
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
    drained(stack, rekey).await;
    assert_eq!(reads(&stack.aws.requests().since(mark).unwrap(), rekey, "messages/twice"), 0);
    let after = app.secret("twice").await.unwrap();
    assert_eq!(after.metadata.resource_version, written.metadata.resource_version, "the target was written again");
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn nonsense_goes_to_the_dlq_and_holds_nothing_up() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (first, second) = (rekey_tests::random_word(20), rekey_tests::random_word(20));
    values.add(&first);
    values.add(&second);
    let create = ["secretsmanager", "create-secret", "--name", "messages/behind", "--secret-string", &first];
    stack.aws.cli(&create).await.unwrap();
    let app = App::create(stack, "messages-behind").await.unwrap();
    app.external_secret("behind", "aws", "messages/behind", None).await.unwrap();
    app.holds("behind", "value", &first, SOON).await.unwrap();

    let nonsense = format!("not an event at all {}", rekey_tests::random_word(12));
    send(stack, rekey, &nonsense).await;
    send(
        stack,
        rekey,
        &json!({"id": "x", "source": "aws.ec2", "detail-type": "Other", "time": "2026-01-01T00:00:00Z", "detail": {}})
            .to_string(),
    )
    .await;
    let put = ["secretsmanager", "put-secret-value", "--secret-id", "messages/behind", "--secret-string", &second];
    stack.aws.cli(&put).await.unwrap();
    app.holds("behind", "value", &second, Duration::from_secs(10)).await.unwrap();

    let dead = rekey.deployed.output("DeadLetterQueueUrl").unwrap();
    let client = queue(stack).await;
    eventually("the nonsense to be in the DLQ", SOON, async || {
        let answer = client.receive_message().queue_url(dead).wait_time_seconds(0).send().await?;
        let bodies: Vec<_> =
            answer.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect();
        ensure!(bodies.contains(&nonsense), "{} messages", bodies.len());
        Ok(())
    })
    .await
    .unwrap();
    drained(stack, rekey).await;
    rekey.agent.check().unwrap();
    values.add(&nonsense);
    values.are_in_no_log(stack, rekey);
}
