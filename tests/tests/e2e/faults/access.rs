//! IAM changes its mind, and no event says so.

use std::time::Duration;

use anyhow::{Context, ensure};
use rekey_tests::eventually::eventually;
use rekey_tests::fault::fleet::Fleet;
use rekey_tests::fault::passed::Passed;
use serde_json::json;

use super::stage::{Row, SOON};

/// In place of seven minutes: see the flags of the stage.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);

async fn ready(fleet: &Fleet, status: &str, part: &str, timeout: Duration) {
    eventually(&format!("every ExternalSecret to be Ready={status} with {part:?}"), timeout, async || {
        for index in 0..fleet.sources.len() {
            let conditions = fleet.object(index).await?.status.map(|status| status.conditions).unwrap_or_default();
            let ready = conditions.into_iter().find(|one| one.type_ == "Ready").context("there is no condition")?;
            let message = ready.message.unwrap_or_default();
            ensure!(ready.status == status && message.contains(part), "Ready={}: {message}", ready.status);
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_repaired_policy_is_noticed_without_anybody_touching_an_object() {
    let row = Row::begin("IAM refuses a read, then allows it", &[]).await;
    let mut fleet = row.fleet(3, 1, "1h").await;
    let aws = &row.stage.stack.aws;
    let user = format!("{}-agent", row.stage.name);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
    }]})
    .to_string();
    let which = ["--user-name", user.as_str(), "--policy-name", "refusal"];
    let deny = [["iam", "put-user-policy"].as_slice(), &which, &["--policy-document", &policy]].concat();
    aws.cli(&deny).await.unwrap();
    fleet.rotate_each().await.unwrap();
    ready(&fleet, "False", "access denied", SOON).await;
    // The condition and its own retries own the rest: nothing waits in the queue.
    row.queue.drained(SOON).await.unwrap();
    let mark = row.stage.aws.mark();
    eventually("the back-off to have reached its longest pause", SOON, async || {
        let tries = row.stage.aws.count(mark, Passed::is_read);
        ensure!(tries >= 9, "{tries} tries");
        Ok(())
    })
    .await
    .unwrap();
    let before: Vec<_> = objects(&fleet).await;
    aws.cli(&[["iam", "delete-user-policy"].as_slice(), &which].concat()).await.unwrap();
    ready(&fleet, "True", "", LONGEST_PAUSE.mul_f64(1.1) + Duration::from_secs(1)).await;
    fleet.are_equal().await.unwrap();
    assert_eq!(objects(&fleet).await, before, "somebody has touched an object");
    row.end(fleet, 0, SOON).await;
}

/// Counts the changes of each object, its status apart.
async fn objects(fleet: &Fleet) -> Vec<Option<i64>> {
    let mut generations = Vec::new();
    for index in 0..fleet.sources.len() {
        generations.push(fleet.object(index).await.unwrap().metadata.generation);
    }
    generations
}
