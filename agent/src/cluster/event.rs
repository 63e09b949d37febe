//! Kubernetes Events, for the people who run `kubectl describe`. The only file that writes them.

mod series;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
pub use kube::runtime::events::EventType as Kind;
use rekey_core::resource::Version;
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::debug;

use self::series::{Sentence, Series, Told};
use super::Writer;
use super::error::{Action, ClusterError};

/// Publishes Events. One that cannot be published is nobody's problem: the same is in the log and in a condition. A
/// standby publishes none, for the leader says the same.
#[derive(Clone)]
pub struct Events {
    /// The pod's name.
    instance: Option<String>,
    writer: Writer,
    /// Those that may be published at a time: a change of a Secret that many use is told to many.
    places: Arc<Semaphore>,
    /// What was told lately.
    series: Arc<Mutex<Series>>,
}

/// Each has a connection of its own for that moment, and nobody waits for it. A call takes much more memory than the wait for
/// it, and thousands may wait, so calls are in boxes.
const PLACES: usize = 16;

const CONTROLLER: &str = "rekey";

impl Events {
    /// Events by `rekey`, from this instance (the pod's name).
    #[must_use]
    pub fn new(writer: Writer, instance: Option<String>) -> Self {
        Self { instance, writer, places: Arc::new(Semaphore::new(PLACES)), series: Arc::default() }
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
    pub async fn publish(&self, about: &ObjectReference, kind: Kind, reason: &str, action: &str, note: String) {
        let sentence = Sentence { uid: about.uid.clone(), reason: reason.to_owned(), note: note.clone() };
        let event = self.event(about, kind, reason, action, note);
        let known = self.series().take(&sentence, Timestamp::now());
        match self.tell(&event, known).await {
            Ok(told) => self.series().put(sentence, told),
            Err(error) => debug!(%error, "event not published"),
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
        let mut event = self.event(about, kind, reason, action, note);
        event.metadata = ObjectMeta { name: Some(identity), generate_name: None, ..event.metadata };
        match self.create(&event).await {
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

    /// Counts the Event up that told it lately; a new one, if there is none or somebody has deleted it.
    async fn tell(&self, event: &Event, known: Option<Told>) -> Result<Told, ClusterError> {
        let last = Timestamp::now();
        if let Some(known) = known {
            let told = Told { count: known.count.saturating_add(1), last, ..known };
            match self.count(event, &told).await {
                Err(error) if error.is_not_found() => {}
                counted => return counted.map(|()| told),
            }
        }
        let name = self.create(event).await?.metadata.name.unwrap_or_default();
        Ok(Told { name, count: 1, last })
    }

    async fn create(&self, event: &Event) -> Result<Event, ClusterError> {
        let (api, parameters) = (self.api(event), PostParams::default());
        // It is never closed, so there is no error.
        let _place = self.places.acquire().await;
        Box::pin(self.writer.tell(Action::Create, what(event), api.create(&parameters, event))).await
    }

    async fn count(&self, event: &Event, told: &Told) -> Result<(), ClusterError> {
        let series = json!({ "count": told.count, "lastObservedTime": MicroTime(told.last) });
        let (api, parameters) = (self.api(event), PatchParams::default());
        let patch = Patch::Merge(json!({ "series": series }));
        // As above.
        let _place = self.places.acquire().await;
        let future = api.patch(&told.name, &parameters, &patch);
        Box::pin(self.writer.tell(Action::Patch, what(event), future)).await.map(drop)
    }

    fn event(&self, about: &ObjectReference, kind: Kind, reason: &str, action: &str, note: String) -> Event {
        Event {
            metadata: ObjectMeta {
                // The API server cuts it to what leaves room for the rest, and takes no other sign at its end.
                generate_name: Some(format!("{}-", about.name.as_deref().unwrap_or(CONTROLLER))),
                // Where Events about what has no namespace are looked for.
                namespace: about.namespace.clone().or_else(|| Some("default".to_owned())),
                ..ObjectMeta::default()
            },
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(clipped(note)),
            reason: Some(reason.to_owned()),
            regarding: Some(self.versioned(about)),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone().unwrap_or_else(|| CONTROLLER.to_owned())),
            type_: Some(match kind {
                Kind::Normal => "Normal".to_owned(),
                Kind::Warning => "Warning".to_owned(),
            }),
            ..Event::default()
        }
    }

    fn api(&self, event: &Event) -> Api<Event> {
        Api::namespaced(self.writer.client(), event.metadata.namespace.as_deref().unwrap_or_default())
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
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

fn what(event: &Event) -> String {
    let about = event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref());
    format!("event about {}", about.unwrap_or_default())
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

#[cfg(test)]
mod tests;
