//! Kubernetes Events, for the people who run `kubectl describe`. The only file that writes them.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use rekey_core::resource::Version;
use tracing::debug;

use super::Writer;
use super::error::Action;

/// Publishes Events. One that cannot be published is nobody's problem: the same is in the log and in a condition. A
/// standby publishes none, for the leader says the same.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    writer: Writer,
}

impl Events {
    /// Events by `rekey`, from this instance (the pod's name).
    #[must_use]
    pub fn new(writer: Writer, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "rekey".to_owned(), instance };
        Self { recorder: Recorder::new(writer.client(), reporter), writer }
    }

    /// Something that went as it should.
    pub async fn normal(&self, about: &ObjectReference, reason: &str, action: &str, note: String) {
        self.publish(about, EventType::Normal, reason, action, note).await;
    }

    /// Something that a person should look at.
    pub async fn warning(&self, about: &ObjectReference, reason: &str, action: &str, note: String) {
        self.publish(about, EventType::Warning, reason, action, note).await;
    }

    async fn publish(&self, about: &ObjectReference, type_: EventType, reason: &str, action: &str, note: String) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(clipped(note)),
            action: action.to_owned(),
            secondary: None,
        };
        let object = about.name.as_deref().unwrap_or_default();
        let about = &self.versioned(about);
        let future = self.recorder.publish(&event, about);
        if let Err(error) = self.writer.write(Action::Create, format!("event about {object}"), future).await {
            debug!(%error, "event not published");
        }
    }

    /// A reference that names the version which the cluster serves.
    fn versioned(&self, about: &ObjectReference) -> ObjectReference {
        let mut about = about.clone();
        if about.api_version.as_deref() == Some(Version::V1.api_version()) {
            about.api_version = Some(self.writer.version().api_version().to_owned());
        }
        about
    }
}

/// The API server refuses notes of more than 1 kB.
fn clipped(note: String) -> String {
    const LIMIT: usize = 1000;
    if note.len() <= LIMIT {
        return note;
    }
    let end = (0..=LIMIT).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &note[..end])
}
