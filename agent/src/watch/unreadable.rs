//! Objects that cannot be parsed. Each is left as it was, and its condition and an Event name the field that is to blame; an
//! ExternalSecret that is being deleted is let go of.
//!
//! A standby keeps what is to be said for when it leads.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::api::ObjectMeta;
use rekey_core::backoff::Backoff;
use rekey_core::object::ObjectKey;
use rekey_core::resource::{
    ClusterExternalSecret, ClusterExternalSecretStatus, ClusterSecretStore, Condition, ExternalSecret, SecretStore,
    SecretStoreStatus,
};
use rekey_core::{release, report, store};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;

use super::guard::Invalid;
use crate::cluster::ClusterError;
use crate::cluster::cluster_external_secret::ClusterExternalSecrets;
use crate::cluster::event::Events;
use crate::cluster::external_secret::ExternalSecrets;
use crate::cluster::status::Statuses;
use crate::leader::Leadership;
use crate::state::StoreKey;

/// An object of a kind that may be unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    ExternalSecret(ObjectKey),
    Store(StoreKey),
    ClusterExternalSecret(String),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExternalSecret(key) => write!(f, "ExternalSecret {key}"),
            Self::Store(StoreKey { namespace: Some(namespace), name }) => write!(f, "SecretStore {namespace}/{name}"),
            Self::Store(StoreKey { namespace: None, name }) => write!(f, "ClusterSecretStore {name}"),
            Self::ClusterExternalSecret(name) => write!(f, "ClusterExternalSecret {name}"),
        }
    }
}

/// Who tells people.
#[derive(Clone)]
pub struct Teller {
    /// Conditions of ExternalSecrets and stores.
    pub statuses: Statuses,
    /// Conditions of ClusterExternalSecrets.
    pub cluster_external_secrets: ClusterExternalSecrets,
    /// Finalizers.
    pub objects: ExternalSecrets,
    /// Events.
    pub events: Events,
    /// Whose stores we speak of.
    pub class: String,
    /// Whether ClusterSecretStores are among them.
    pub cluster_stores: bool,
    /// Whether this instance is the one to tell people.
    pub leadership: Leadership,
}

/// What was said of objects that cannot be parsed: their version, and what is wrong with them. Clones share it.
#[derive(Clone)]
pub struct Unreadable {
    said: Arc<Mutex<HashMap<Which, (String, String)>>>,
    teller: Option<Teller>,
}

impl Unreadable {
    /// Without a teller they are only logged: another controller's conditions are its own.
    #[must_use]
    pub fn new(teller: Option<Teller>) -> Self {
        Self { said: Arc::default(), teller }
    }

    /// It can be read, or is gone.
    pub(super) fn is_over(&self, which: &Which) {
        self.lock().remove(which);
    }

    /// It cannot be read.
    pub(super) fn seen(&self, which: Which, invalid: Invalid) {
        // Writing the condition makes the watch show the object again.
        let said = (report::object_version(&invalid.metadata), invalid.problem.clone());
        if self.lock().insert(which.clone(), said.clone()).as_ref() == Some(&said) {
            return;
        }
        warn!(object = %which, problem = invalid.problem, "not readable; it is left alone");
        let Some(teller) = self.teller.clone() else { return };
        let unreadable = self.clone();
        tokio::spawn(async move {
            teller.leadership.leading().await;
            for failures in 1.. {
                if unreadable.lock().get(&which) != Some(&said) {
                    return;
                }
                let Err(error) = teller.tell(&which, &invalid).await else { return };
                let pause = Backoff::FAILURE.wait(failures, rand::random());
                warn!(object = %which, %error, ?pause, "nothing written to it; trying again");
                tokio::time::sleep(pause).await;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Which, (String, String)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Teller {
    async fn tell(
        &self,
        which: &Which,
        Invalid { metadata, problem, stored, .. }: &Invalid,
    ) -> Result<(), ClusterError> {
        let problem = format!("the object cannot be read: {problem}; correct that field");
        match which {
            // What it says of its target cannot be read; one that it owns goes with it.
            Which::ExternalSecret(_) if release::is_awaited(metadata) => {
                self.objects.set_finalizers(metadata, &release::finalizers_left(metadata)).await
            }
            Which::ExternalSecret(_) => self.external_secret(metadata, stored, problem).await,
            Which::Store(StoreKey { namespace: None, .. }) if !self.cluster_stores => Ok(()),
            Which::Store(key) => self.store(key, metadata, stored, problem).await,
            Which::ClusterExternalSecret(_) => self.cluster_external_secret(metadata, stored, problem).await,
        }
    }

    async fn external_secret(
        &self,
        metadata: &ObjectMeta,
        stored: &Value,
        problem: String,
    ) -> Result<(), ClusterError> {
        let (old, message) = (status(stored), format!("could not update secret: {problem}"));
        let Some(status) = report::failed(old.as_ref(), message.clone(), Timestamp::now()) else { return Ok(()) };
        self.statuses.external_secret(metadata, old.as_ref(), &status).await?;
        self.events.warning(&reference::<ExternalSecret>(metadata), "UpdateFailed", "Sync", message).await;
        Ok(())
    }

    /// Another controller's store may be as that one reads it.
    async fn store(
        &self,
        key: &StoreKey,
        metadata: &ObjectMeta,
        stored: &Value,
        problem: String,
    ) -> Result<(), ClusterError> {
        let spec = &stored["spec"];
        if spec["provider"]["aws"].is_null() || !store::is_of_class(spec["controller"].as_str(), &self.class) {
            return Ok(());
        }
        let (old, reason): (SecretStoreStatus, _) = (status(stored).unwrap_or_default(), "InvalidProviderConfig");
        let Some(conditions) = not_ready(&old.conditions, reason, &problem) else { return Ok(()) };
        let status = SecretStoreStatus { conditions, ..old };
        let about = if key.namespace.is_some() {
            self.statuses.store(metadata, &status).await?;
            reference::<SecretStore>(metadata)
        } else {
            self.statuses.cluster_store(metadata, &status).await?;
            reference::<ClusterSecretStore>(metadata)
        };
        self.events.warning(&about, reason, "Validate", problem).await;
        Ok(())
    }

    async fn cluster_external_secret(
        &self,
        metadata: &ObjectMeta,
        stored: &Value,
        problem: String,
    ) -> Result<(), ClusterError> {
        let (old, reason): (ClusterExternalSecretStatus, _) = (status(stored).unwrap_or_default(), "Unreadable");
        let Some(conditions) = not_ready(&old.conditions, reason, &problem) else { return Ok(()) };
        self.cluster_external_secrets.status(metadata, &ClusterExternalSecretStatus { conditions, ..old }).await?;
        self.events.warning(&reference::<ClusterExternalSecret>(metadata), reason, "Repeat", problem).await;
        Ok(())
    }
}

/// The status as it is stored, if that can be read at least.
fn status<S: DeserializeOwned>(stored: &Value) -> Option<S> {
    serde_json::from_value(stored.get("status")?.clone()).ok()
}

/// A Ready condition that says why not; nothing if it does so already.
fn not_ready(old: &[Condition], reason: &str, message: &str) -> Option<Vec<Condition>> {
    let known = old.iter().find(|condition| condition.type_ == report::READY);
    let condition = report::condition(known, false, reason, message.to_owned(), Timestamp::now());
    (known != Some(&condition)).then(|| vec![condition])
}

fn reference<K: Resource<DynamicType = ()>>(metadata: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
