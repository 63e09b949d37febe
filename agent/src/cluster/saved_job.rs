//! Manifests of Jobs that are about to be deleted and created again, in Secrets of the agent's own namespace: people write
//! passwords into manifests. The only file that writes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams};
use rekey_core::object::ObjectKey;
use tracing::warn;

use super::Writer;
use super::error::{Action, ClusterError, read};

/// The label of these Secrets, and its value.
const LABEL: (&str, &str) = ("rekey.dev/saved", "job");
/// The annotation with the uid of the Job that was to be deleted.
const UID: &str = "rekey.dev/job-uid";
/// The entry of their data.
const ENTRY: &str = "job.json";

/// A Job that is about to be created again.
#[derive(Clone)]
pub struct Saved {
    /// The Secret's name.
    pub name: String,
    /// The Job.
    pub job: ObjectKey,
    /// The uid of the old one.
    pub uid: String,
    /// When it was saved.
    pub at: Timestamp,
    /// What is created.
    pub manifest: DynamicObject,
}

/// Saves Jobs.
#[derive(Clone)]
pub struct SavedJobs {
    writer: Writer,
    namespace: String,
}

impl SavedJobs {
    /// Writes with this writer into this namespace.
    #[must_use]
    pub fn new(writer: Writer, namespace: &str) -> Self {
        Self { writer, namespace: namespace.to_owned() }
    }

    /// Saves a manifest for the Job with this uid. Each attempt has a save of its own.
    pub async fn save(&self, job: ObjectKey, uid: String, manifest: DynamicObject) -> Result<Saved, ClusterError> {
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let secret = Secret {
            metadata: ObjectMeta {
                generate_name: Some("rekey-job-".to_owned()),
                labels: Some([text(LABEL), text(("app.kubernetes.io/managed-by", "rekey"))].into()),
                annotations: Some([text((UID, &uid)), text(("rekey.dev/job", &job.to_string()))].into()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            // Names and plain values always serialise.
            data: Some(BTreeMap::from([(
                ENTRY.to_owned(),
                ByteString(serde_json::to_vec(&manifest).unwrap_or_default()),
            )])),
            ..Secret::default()
        };
        let (api, parameters) = (self.api(), PostParams::default());
        let what = format!("secret {}/rekey-job-… with the manifest of job {job}", self.namespace);
        let created = self.writer.write(Action::Create, what, api.create(&parameters, &secret)).await;
        let metadata = created.map_err(ClusterError::without_quotes)?.metadata;
        Ok(Saved { at: created_at(&metadata), name: metadata.name.unwrap_or_default(), job, uid, manifest })
    }

    /// Whether a save is still there. Who deletes it gives the Job up.
    pub async fn exists(&self, saved: &Saved) -> Result<bool, ClusterError> {
        Ok(read(self.what(&saved.name), self.api().get_metadata_opt(&saved.name)).await?.is_some())
    }

    /// Every save that is left.
    pub async fn list(&self) -> Result<Vec<Saved>, ClusterError> {
        let ours = ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
        let found = read(format!("secrets of {} with saved jobs", self.namespace), self.api().list(&ours)).await?;
        Ok(found.items.into_iter().filter_map(saved).collect())
    }

    /// Removes a save that is not needed any more.
    pub async fn remove(&self, saved: &Saved) -> Result<(), ClusterError> {
        let (api, parameters) = (self.api(), DeleteParams::default());
        let future = api.delete(&saved.name, &parameters);
        match self.writer.write(Action::Delete, self.what(&saved.name), future).await {
            Err(error) if error.is_not_found() => Ok(()),
            removed => removed.map(drop),
        }
    }

    fn what(&self, name: &str) -> String {
        format!("secret {}/{name}", self.namespace)
    }

    fn api(&self) -> Api<Secret> {
        Api::namespaced(self.writer.client(), &self.namespace)
    }
}

/// Reads a save; nothing if somebody else has written into it.
fn saved(mut secret: Secret) -> Option<Saved> {
    let at = created_at(&secret.metadata);
    let name = secret.metadata.name.unwrap_or_default();
    let manifest = secret.data.as_mut().and_then(|data| data.remove(ENTRY));
    let manifest: Option<DynamicObject> = manifest.and_then(|text| serde_json::from_slice(&text.0).ok());
    let uid = secret.metadata.annotations.as_mut().and_then(|annotations| annotations.remove(UID));
    let (Some(manifest), Some(uid)) = (manifest, uid) else {
        warn!(secret = name, "a saved job cannot be read; create the job yourself and delete this Secret");
        return None;
    };
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let job = ObjectKey::new(part(&manifest.metadata.namespace), part(&manifest.metadata.name));
    Some(Saved { name, job, uid, at, manifest })
}

fn created_at(metadata: &ObjectMeta) -> Timestamp {
    metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |created| created.0)
}
