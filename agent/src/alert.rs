//! Alerts: what became of a restart, posted as JSON to an address of the installation's choice. The form is one, whoever
//! reads it; its `text` is all that chats need. No data of any Secret is in it, and no hash.

use jiff::Timestamp;
use rekey_core::rollout::resource::ResourceKind;
use rekey_core::rollout::workload::WorkloadKey;
use serde::Serialize;

use crate::post::Posts;

/// What became of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its pods are being replaced.
    Restarted,
    /// Every pod is new and serves; a Job has finished.
    Live,
    /// The rollout does not get on.
    Stuck,
    /// The workload could not be restarted, which is tried again, or the Job that was run has failed.
    Failed,
}

/// One alert.
#[derive(Clone, Debug, Serialize)]
pub struct Alert<'a> {
    /// One sentence that says it all.
    pub text: String,
    /// What became of it.
    pub result: Outcome,
    /// The workload.
    pub workload: Named<'a>,
    /// What changed.
    pub changed: Vec<Changed<'a>>,
    /// Seconds from the change of the Secret or ConfigMap, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// When this was found out.
    pub at: Timestamp,
}

/// A workload's name.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Named<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Named<'a> {
    /// The name of this workload.
    #[must_use]
    pub fn of(key: &'a WorkloadKey) -> Self {
        Self { kind: key.kind.as_str(), namespace: &key.object.namespace, name: &key.object.name }
    }
}

/// A Secret or ConfigMap that changed.
#[derive(Clone, Debug, Serialize)]
pub struct Changed<'a> {
    /// `Secret` or `ConfigMap`.
    #[serde(serialize_with = "kind")]
    pub kind: ResourceKind,
    /// Its name.
    pub name: &'a str,
    /// What an ExternalSecret put into it, where one did.
    pub sources: Vec<Source<'a>>,
}

/// Something in AWS, and which version of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Source<'a> {
    /// As in the log: `SecretsManager/eu-west-1/prod/db#AWSCURRENT`.
    pub source: &'a str,
    /// The version's identity.
    pub token: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it like this")]
fn kind<S: serde::Serializer>(kind: &ResourceKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// Where alerts go. Clones share the queue.
#[derive(Clone)]
pub struct Alerts {
    /// The queue.
    pub posts: Posts,
    /// Put before each text, for instance the name of the cluster.
    pub info: Option<String>,
    /// Only the text is posted: Google Chat refuses what it does not know.
    pub text_alone: bool,
}

impl Alerts {
    /// Queues an alert.
    pub fn send(&self, mut alert: Alert<'_>) {
        if let Some(info) = &self.info {
            alert.text = format!("{info}: {}", alert.text);
        }
        let body = if self.text_alone {
            serde_json::to_string(&serde_json::json!({ "text": alert.text }))
        } else {
            serde_json::to_string(&alert)
        };
        // Strings and numbers always serialise.
        self.posts.post(body.unwrap_or_default());
    }
}
