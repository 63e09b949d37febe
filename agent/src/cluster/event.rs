//! Kubernetes Events, for the people who run `kubectl describe`. The only file that writes them.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as Stored;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
pub use kube::runtime::events::EventType as Kind;
use kube::runtime::events::{Event, Recorder, Reporter};
use rekey_core::resource::Version;
use tokio::sync::Semaphore;
use tracing::debug;

use super::Writer;
use super::error::Action;

/// Publishes Events. One that cannot be published is nobody's problem: the same is in the log and in a condition. A
/// standby publishes none, for the leader says the same.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    reporter: Reporter,
    writer: Writer,
    /// Those that may be published at a time: a change of a Secret that many use is told to many.
    places: Arc<Semaphore>,
}

/// Each has a connection of its own for that moment.
const PLACES: usize = 16;

impl Events {
    /// Events by `rekey`, from this instance (the pod's name).
    #[must_use]
    pub fn new(writer: Writer, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "rekey".to_owned(), instance };
        Self {
            recorder: Recorder::new(writer.client(), reporter.clone()),
            reporter,
            writer,
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }

    /// Something that went as it should.
    pub async fn normal(&self, about: &ObjectReference, reason: &str, action: &str, note: String) {
        self.publish(about, Kind::Normal, reason, action, note).await;
    }

    /// Something that a person should look at.
    pub async fn warning(&self, about: &ObjectReference, reason: &str, action: &str, note: String) {
        self.publish(about, Kind::Warning, reason, action, note).await;
    }

    /// One or the other.
    pub async fn publish(&self, about: &ObjectReference, type_: Kind, reason: &str, action: &str, note: String) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(clipped(note)),
            action: action.to_owned(),
            secondary: None,
        };
        let object = about.name.as_deref().unwrap_or_default();
        let about = &self.versioned(about);
        // It is never closed, so there is no error.
        let _place = self.places.acquire().await;
        let future = self.recorder.publish(&event, about);
        if let Err(error) = self.writer.write(Action::Create, format!("event about {object}"), future).await {
            debug!(%error, "event not published");
        }
    }

    /// Something that happens once, whoever tells of it: `identity` names it among all Events of the namespace. Returns
    /// whether nobody had told of it before; where that cannot be known, it is taken to be so.
    pub async fn once(
        &self,
        about: &ObjectReference,
        kind: Kind,
        reason: &str,
        action: &str,
        note: String,
        identity: String,
    ) -> bool {
        let namespace = about.namespace.clone().unwrap_or_default();
        let stored = Stored {
            metadata: ObjectMeta { name: Some(identity), namespace: Some(namespace.clone()), ..ObjectMeta::default() },
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(clipped(note)),
            reason: Some(reason.to_owned()),
            regarding: Some(self.versioned(about)),
            reporting_controller: Some(self.reporter.controller.clone()),
            reporting_instance: self.reporter.instance.clone().or_else(|| Some(self.reporter.controller.clone())),
            type_: Some(match kind {
                Kind::Normal => "Normal".to_owned(),
                Kind::Warning => "Warning".to_owned(),
            }),
            ..Stored::default()
        };
        let events: Api<Stored> = Api::namespaced(self.writer.client(), &namespace);
        let parameters = PostParams::default();
        let object = about.name.as_deref().unwrap_or_default();
        let _place = self.places.acquire().await;
        let future = events.create(&parameters, &stored);
        match self.writer.write(Action::Create, format!("event about {object}"), future).await {
            Ok(_) => true,
            Err(error) if error.is_conflict() => false,
            // The leader says the same.
            Err(error) if error.is_not_leader() => false,
            Err(error) => {
                debug!(%error, "event not published");
                true
            }
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
