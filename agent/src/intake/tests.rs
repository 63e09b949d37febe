//! The acknowledger against a queue that notes what it is told.

use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::gate::Gate;
use crate::provider::testing::{FakeAws, Reply};
use crate::queue::QueueUrl;

fn queue(aws: &FakeAws) -> Queue {
    let connector = SharedHttpConnector::new(aws.clone());
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            aws_credential_types::Credentials::new("id", "key", None, None, "test"),
        ))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Queue::new(&config, &QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/rekey").unwrap())
}

fn acknowledger(aws: &FakeAws, gate: Gate) -> (Acknowledger, UnboundedSender<Finished>) {
    let (sender, finished) = unbounded_channel();
    let acknowledger = Acknowledger {
        queue: queue(aws),
        finished,
        holding: Holding::default(),
        metrics: Metrics::default(),
        shutdown: CancellationToken::new(),
        gate,
    };
    (acknowledger, sender)
}

/// Does all it is asked for, except for the messages with this receipt.
fn sqs(but: &'static str) -> FakeAws {
    FakeAws::new(move |_, request| {
        let entries = request["Entries"].as_array().expect("a batch");
        let (refused, done): (Vec<&Value>, _) = entries.iter().partition(|entry| entry["ReceiptHandle"] == but);
        let refused = refused.iter().map(|entry| json!({"Id": entry["Id"], "SenderFault": true, "Code": "Refused"}));
        let done = done.iter().map(|entry| json!({"Id": entry["Id"]}));
        Reply::Json(json!({"Successful": done.collect::<Vec<_>>(), "Failed": refused.collect::<Vec<_>>()}))
    })
}

#[tokio::test]
async fn behind_a_closed_gate_the_queue_is_told_nothing() {
    for (gate, told) in
        [(Gate::closed(), vec![]), (Gate::open(), vec!["ChangeMessageVisibilityBatch", "DeleteMessageBatch"])]
    {
        let aws = sqs("none");
        let (acknowledger, sender) = acknowledger(&aws, gate);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        acknowledger.holding.add("held".to_owned(), long_ago);
        sender
            .send(Finished { receipt: "a".to_owned(), outcome: MessageOutcome::Foreign, received: long_ago })
            .unwrap();
        drop(sender);
        acknowledger.run().await;
        let mut operations = aws.operations();
        operations.sort();
        operations.dedup();
        assert!(operations.iter().all(|operation| told.contains(&operation.as_str())), "{operations:?}");
        assert_eq!(operations.contains(&"DeleteMessageBatch".to_owned()), !told.is_empty(), "{operations:?}");
    }
}

#[tokio::test]
async fn what_the_queue_does_not_extend_is_extended_again() {
    let aws = sqs("receipt-17");
    let (acknowledger, _sender) = acknowledger(&aws, Gate::open());
    let long_ago = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
    (0..25).for_each(|n| acknowledger.holding.add(format!("receipt-{n}"), long_ago));
    acknowledger.extend().await;
    assert_eq!(aws.operations(), ["ChangeMessageVisibilityBatch"; 3]);
    assert_eq!(acknowledger.holding.to_extend(Instant::now()), ["receipt-17"]);
}
