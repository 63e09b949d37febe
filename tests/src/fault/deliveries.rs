//! Which messages the agent received and deleted, and what it had written before it deleted them: read from the records of
//! the two proxies, whose times are of one clock and lie between cause and effect.

use std::collections::HashMap;
use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::fleet::{Source, value_of};
use super::passed::Passed;

/// What the queue calls of one proxy say.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// The body of each received message, by its receipt.
    pub received: HashMap<String, String>,
    /// When the agent asked to delete which receipt.
    pub deleted: Vec<(Instant, String)>,
}

impl Deliveries {
    /// Reads the record of the proxy in front of AWS.
    #[must_use]
    pub fn of(aws: &[Passed]) -> Self {
        let mut deliveries = Self::default();
        for passed in aws {
            match passed.action.as_str() {
                "ReceiveMessage" => {
                    for message in list(&passed.answer, "Messages") {
                        if let (Some(receipt), Some(body)) = (text(&message, "ReceiptHandle"), text(&message, "Body")) {
                            deliveries.received.insert(receipt, body);
                        }
                    }
                }
                "DeleteMessageBatch" => {
                    for entry in list(&passed.request, "Entries") {
                        deliveries
                            .deleted
                            .extend(text(&entry, "ReceiptHandle").map(|receipt| (passed.arrived, receipt)));
                    }
                }
                _ => {}
            }
        }
        deliveries
    }

    /// The deleted messages that announced a version of one of the fleet's secrets, with the time: target, number of the
    /// version.
    fn announced_and_deleted(&self, sources: &[Source]) -> Vec<(Instant, String, usize)> {
        let announced = |(at, receipt): &(Instant, String)| {
            let event: Value = serde_json::from_str(self.received.get(receipt)?).ok()?;
            let source = sources.iter().find(|source| event["detail"]["name"] == source.id.as_str())?;
            let version =
                source.versions.iter().position(|version| event["detail"]["versionId"] == version.id.as_str())?;
            Some((*at, source.name.clone(), version))
        };
        self.deleted.iter().filter_map(announced).collect()
    }

    /// The messages about the fleet that were deleted before their version, or a later one, was in its target: one text for
    /// each. And how many were deleted at all.
    #[must_use]
    pub fn deleted_early(&self, namespace: &str, sources: &[Source], kubernetes: &[Passed]) -> (Vec<String>, usize) {
        let written = writes(namespace, sources, kubernetes);
        let deleted = self.announced_and_deleted(sources);
        let early = |(at, target, version): &&(Instant, String, usize)| {
            // The first version was there before the record began.
            let there = |(when, name, held): &(Instant, String, usize)| name == target && held >= version && when <= at;
            *version > 0 && !written.iter().any(there)
        };
        let texts = deleted.iter().filter(early).map(|(_, target, version)| format!("{target}, version {version}"));
        (texts.collect(), deleted.len())
    }
}

/// When the API server had confirmed which version in which target.
fn writes(namespace: &str, sources: &[Source], kubernetes: &[Passed]) -> Vec<(Instant, String, usize)> {
    let prefix = format!("/api/v1/namespaces/{namespace}/secrets");
    let written = |passed: &Passed| {
        let answered = passed.answered.filter(|_| passed.resource.starts_with(&prefix))?;
        // A refusal is a Status, which has no data.
        let secret: Secret = serde_json::from_slice(&passed.answer).ok()?;
        let (name, value) = (secret.metadata.name.clone()?, value_of(&secret)?);
        let source = sources.iter().find(|source| source.name == name)?;
        let version = source.versions.iter().position(|version| version.value == value)?;
        Some((answered, name, version))
    };
    kubernetes.iter().filter_map(written).collect()
}

fn list(body: &[u8], name: &str) -> Vec<Value> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    value[name].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use super::super::fleet::Version;
    use super::super::passed::Call;
    use super::*;

    fn source(begin: Instant) -> Source {
        let version = |number: &str| Version {
            id: format!("id-{number}"),
            value: format!("value-{number}"),
            at: begin,
            time: Timestamp::UNIX_EPOCH,
        };
        Source {
            name: "db".to_owned(),
            id: "ns/db".to_owned(),
            arn: "arn".to_owned(),
            versions: ["0", "1", "2"].map(version).to_vec(),
        }
    }

    fn passed(service: &str, action: &str, path: &str, request: &Value, answer: &Value, at: Instant) -> Passed {
        let call = Call {
            service: service.to_owned(),
            action: action.to_owned(),
            path: path.to_owned(),
            body: request.to_string().into(),
        };
        Passed { arrived: at, answered: Some(at), answer: answer.to_string().into(), ..Passed::new(&call) }
    }

    #[test]
    fn a_message_is_deleted_early_unless_its_version_or_a_later_one_was_written_before() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let body = json!({"detail": {"name": "ns/db", "versionId": "id-1"}}).to_string();
        let received = json!({"Messages": [
            {"ReceiptHandle": "r", "Body": body}, {"ReceiptHandle": "other", "Body": "{}"},
        ]});
        let aws = [
            passed("AmazonSQS", "ReceiveMessage", "/", &json!({}), &received, at(0)),
            passed(
                "AmazonSQS",
                "DeleteMessageBatch",
                "/",
                &json!({"Entries": [{"ReceiptHandle": "r"}, {"ReceiptHandle": "other"}]}),
                &json!({}),
                at(100),
            ),
        ];
        let deliveries = Deliveries::of(&aws);
        assert_eq!((deliveries.received.len(), deliveries.deleted.len()), (2, 2));
        let written = |value: &str, ms: u64| {
            let data = json!({"value": k8s_openapi::ByteString(value.as_bytes().to_vec())});
            let secret = json!({"kind": "Secret", "metadata": {"name": "db"}, "data": data});
            passed("", "PUT", "/api/v1/namespaces/ns/secrets/db", &json!({}), &secret, at(ms))
        };
        let refused =
            passed("", "PUT", "/api/v1/namespaces/ns/secrets/db", &json!({}), &json!({"kind": "Status"}), at(50));
        for (writes, early) in [
            (vec![], 1),
            (vec![refused], 1),
            (vec![written("value-0", 50)], 1),
            (vec![written("value-1", 150)], 1),
            (vec![written("value-1", 50)], 0),
            (vec![written("value-2", 50)], 0),
        ] {
            let (found, deleted) = deliveries.deleted_early("ns", &[source(begin)], &writes);
            assert_eq!((found.len(), deleted), (early, 1), "{found:?}");
        }
    }
}
