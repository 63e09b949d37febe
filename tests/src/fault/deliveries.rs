//! Which messages the agent received and deleted, and what it had written before it deleted them: read from the records of
//! the two proxies, whose times are of one clock and lie between cause and effect.

use std::collections::HashMap;
use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::fleet::{Fleet, value_of};
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
    fn announced_and_deleted(&self, fleet: &Fleet) -> Vec<(Instant, String, usize)> {
        let announced = |(at, receipt): &(Instant, String)| {
            let event: Value = serde_json::from_str(self.received.get(receipt)?).ok()?;
            let source = fleet.sources.iter().find(|source| event["detail"]["name"] == source.id.as_str())?;
            let version =
                source.versions.iter().position(|version| event["detail"]["versionId"] == version.id.as_str())?;
            Some((*at, source.name.clone(), version))
        };
        self.deleted.iter().filter_map(announced).collect()
    }

    /// The messages about the fleet that were deleted before their version, or a later one, was in its target: one text for
    /// each. And how many were deleted at all.
    #[must_use]
    pub fn deleted_early(&self, fleet: &Fleet, kubernetes: &[Passed]) -> (Vec<String>, usize) {
        let written = writes(fleet, kubernetes);
        let deleted = self.announced_and_deleted(fleet);
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
fn writes(fleet: &Fleet, kubernetes: &[Passed]) -> Vec<(Instant, String, usize)> {
    let prefix = format!("/api/v1/namespaces/{}/secrets", fleet.namespace);
    let written = |passed: &Passed| {
        let answered = passed.answered.filter(|_| passed.resource.starts_with(&prefix))?;
        // A refusal is a Status, which has no data.
        let secret: Secret = serde_json::from_slice(&passed.answer).ok()?;
        let (name, value) = (secret.metadata.name.clone()?, value_of(&secret)?);
        let version = fleet.source(&name)?.versions.iter().position(|version| version.value == value)?;
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
