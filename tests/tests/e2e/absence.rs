//! Sources that are deleted, and what the deletion policy makes of that.

use std::time::{Duration, Instant};

use anyhow::ensure;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION};
use rekey_tests::eventually::eventually;
use rekey_tests::installation::Installation;
use rekey_tests::stack::Stack;
use serde_json::json;

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);
/// An absence counts when it was read twice, this far apart.
const CONFIRMED_AFTER: Duration = Duration::from_secs(10);

/// What CloudTrail tells of a call, as the opt-in rule would deliver it.
pub async fn tell(stack: &Stack, rekey: &Installation, call: &str, arn: &str) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let event = json!({
        "version": "0", "id": format!("event-{}", rekey_tests::random_word(12)),
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.secretsmanager",
        "account": ACCOUNT, "time": now, "region": REGION, "resources": [],
        "detail": {
            "eventVersion": "1.09", "eventTime": now, "eventSource": "secretsmanager.amazonaws.com",
            "eventName": call, "awsRegion": REGION, "requestParameters": {"secretId": arn},
            "responseElements": {"arn": arn}, "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT,
        },
    });
    let queue = aws_sdk_sqs::Client::new(&stack.aws.sdk_config().await);
    let url = rekey.deployed.output("QueueUrl").unwrap();
    queue.send_message().queue_url(url).message_body(event.to_string()).send().await.unwrap();
}

/// The keys of a Secret; `None` if it is not there.
pub async fn keys(app: &App, name: &str) -> Option<Vec<String>> {
    let secret = Api::<Secret>::namespaced(app.client.clone(), &app.namespace).get_opt(name).await.unwrap()?;
    Some(secret.data.unwrap_or_default().into_keys().collect())
}

#[tokio::test]
async fn the_deletion_policy_acts_on_what_was_looked_for_twice() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let mut arns = Vec::new();
    for name in ["absence/one", "absence/two"] {
        arns.push(stack.aws.create_secret(name, &values.fresh()).await.unwrap());
    }
    let app = App::create(stack, "absence").await.unwrap();
    for policy in ["Retain", "Delete", "Merge"] {
        app.apply(&format!(
            "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {}}}
spec:
  secretStoreRef: {{name: aws}}
  target: {{deletionPolicy: {policy}}}
  data:
  - {{secretKey: one, remoteRef: {{key: absence/one}}}}
  - {{secretKey: two, remoteRef: {{key: absence/two}}}}",
            policy.to_lowercase()
        ))
        .await
        .unwrap();
    }
    for name in ["retain", "delete", "merge"] {
        app.condition(name, "True", "secret synced", SOON).await.unwrap();
    }

    // One of two, scheduled for deletion: its key goes, the other stays; who retains keeps both and says why.
    let begun = Instant::now();
    let delete = ["secretsmanager", "delete-secret", "--secret-id", &arns[0], "--recovery-window-in-days", "7"];
    stack.aws.cli(&delete).await.unwrap();
    tell(stack, rekey, "DeleteSecret", &arns[0]).await;
    for name in ["delete", "merge"] {
        eventually(&format!("{name} to lose the key"), SOON, async || {
            let keys = keys(&app, name).await;
            ensure!(keys == Some(vec!["two".to_owned()]), "{keys:?}");
            Ok(())
        })
        .await
        .unwrap();
        app.condition(name, "True", "secret synced", SOON).await.unwrap();
    }
    assert!(begun.elapsed() >= CONFIRMED_AFTER, "a single look must delete nothing");
    app.condition("retain", "False", "Secret does not exist", SOON).await.unwrap();
    assert_eq!(keys(&app, "retain").await.unwrap(), ["one", "two"]);

    // Both: one policy deletes the Secret, one empties it.
    stack.aws.cli(&["secretsmanager", "delete-secret", "--secret-id", &arns[1]]).await.unwrap();
    tell(stack, rekey, "DeleteSecret", &arns[1]).await;
    eventually("delete to delete and merge to empty", SOON, async || {
        let (delete, merge) = (keys(&app, "delete").await, keys(&app, "merge").await);
        ensure!(delete.is_none() && merge.as_ref().is_some_and(Vec::is_empty), "{delete:?} {merge:?}");
        Ok(())
    })
    .await
    .unwrap();
    app.condition("delete", "True", "secret deleted due to DeletionPolicy=Delete", SOON).await.unwrap();
    assert_eq!(keys(&app, "retain").await.unwrap(), ["one", "two"]);

    // Restored: everything is as before.
    for arn in &arns {
        stack.aws.cli(&["secretsmanager", "restore-secret", "--secret-id", arn]).await.unwrap();
        tell(stack, rekey, "RestoreSecret", arn).await;
    }
    for name in ["retain", "delete", "merge"] {
        eventually(&format!("{name} to have both keys again"), SOON, async || {
            let keys = keys(&app, name).await;
            ensure!(keys == Some(vec!["one".to_owned(), "two".to_owned()]), "{keys:?}");
            Ok(())
        })
        .await
        .unwrap();
        app.condition(name, "True", "secret synced", SOON).await.unwrap();
    }
    values.are_in_no_log(stack, rekey);
}
