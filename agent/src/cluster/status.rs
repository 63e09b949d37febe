//! The status of ExternalSecrets and stores. The only file that writes it.
//!
//! A status is about an object as it was looked at: its spec, labels and annotations. It is written on that version, so
//! that it never covers a newer one. Where only the version moved (another status, a finalizer), it is written on the
//! newer version; where the object itself changed, that is a conflict, and whoever watches it looks again.

use std::fmt::Debug;
use std::sync::Arc;

use kube::Resource;
use kube::api::{Api, ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use rekey_core::report;
use rekey_core::resource::{ClusterSecretStore, ExternalSecret, ExternalSecretStatus, SecretStore, SecretStoreStatus};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::Writer;
use super::error::{Action, ClusterError, read};

/// Writes status subresources. Every call returns the object's version after the write.
#[derive(Clone)]
pub struct Statuses {
    writer: Writer,
    places: Arc<Semaphore>,
}

/// ExternalSecrets whose success is written at a time. Where thousands of secrets change at once, conditions must not keep the
/// API server from targets and restarts.
const PLACES: usize = 8;

impl Statuses {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// [`Statuses::external_secret`] in its turn, after those that came before.
    pub async fn external_secret_in_turn(
        &self,
        object: &ObjectMeta,
        old: Option<&ExternalSecretStatus>,
        status: &ExternalSecretStatus,
    ) -> Result<String, ClusterError> {
        // It is never closed, so there is no error.
        let _place = self.places.acquire().await;
        // A call takes much more memory than the wait for it, and thousands may wait.
        Box::pin(self.external_secret(object, old, status)).await
    }

    /// Writes an ExternalSecret's status. Tokens that are in the old one and not in the new one are removed.
    pub async fn external_secret(
        &self,
        object: &ObjectMeta,
        old: Option<&ExternalSecretStatus>,
        status: &ExternalSecretStatus,
    ) -> Result<String, ClusterError> {
        let mut body = json!(status);
        let tokens = |status: &ExternalSecretStatus| status.source_versions.clone().unwrap_or_default().tokens;
        let kept = tokens(status);
        for gone in old.map(tokens).unwrap_or_default().into_keys().filter(|token| !kept.contains_key(token)) {
            // A merge patch removes what is null.
            body["sourceVersions"]["tokens"][gone] = Value::Null;
        }
        self.write(&self.api::<ExternalSecret>(object), "externalsecret", object, &body).await
    }

    /// Writes a SecretStore's status.
    pub async fn store(&self, object: &ObjectMeta, status: &SecretStoreStatus) -> Result<String, ClusterError> {
        self.write(&self.api::<SecretStore>(object), "secretstore", object, &json!(status)).await
    }

    /// Writes a ClusterSecretStore's status.
    pub async fn cluster_store(&self, object: &ObjectMeta, status: &SecretStoreStatus) -> Result<String, ClusterError> {
        let api: Api<PartialObjectMeta<ClusterSecretStore>> = Api::all(self.writer.client());
        self.write(&api, "clustersecretstore", object, &json!(status)).await
    }

    /// Metadata is all that is read of the answers, so that the status of an object that cannot be parsed can be written.
    fn api<K>(&self, object: &ObjectMeta) -> Api<PartialObjectMeta<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.writer.client(), object.namespace.as_deref().unwrap_or_default())
    }

    async fn write<K>(
        &self,
        api: &Api<PartialObjectMeta<K>>,
        kind: &str,
        object: &ObjectMeta,
        status: &Value,
    ) -> Result<String, ClusterError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug,
    {
        let name = object.name.as_deref().unwrap_or_default();
        let conflict = match self.patch(api, kind, object, status).await {
            Err(error) if error.is_conflict() => error,
            outcome => return outcome,
        };
        let newer = read(format!("{kind} {name}"), api.get(name)).await?.metadata;
        let same = newer.uid == object.uid && report::object_version(&newer) == report::object_version(object);
        if same { self.patch(api, kind, &newer, status).await } else { Err(conflict) }
    }

    /// A merge patch of the whole status, for nobody but the controller writes it; and the version that makes it fail on
    /// anything newer.
    async fn patch<K>(
        &self,
        api: &Api<PartialObjectMeta<K>>,
        kind: &str,
        object: &ObjectMeta,
        status: &Value,
    ) -> Result<String, ClusterError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug,
    {
        let name = object.name.as_deref().unwrap_or_default();
        let (uid, version) = (&object.uid, &object.resource_version);
        let body = Patch::Merge(json!({ "metadata": { "uid": uid, "resourceVersion": version }, "status": status }));
        let parameters = PatchParams::default();
        let future = api.patch_status(name, &parameters, &body);
        let written = self.writer.tell(Action::Patch, format!("status of {kind} {name}"), future).await?;
        Ok(written.metadata.resource_version.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
