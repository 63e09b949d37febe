//! The status of ExternalSecrets and stores. The only file that writes it.

use std::fmt::Debug;

use kube::api::{Api, Patch, PatchParams};
use rekey_core::object::ObjectKey;
use rekey_core::resource::{ClusterSecretStore, ExternalSecret, ExternalSecretStatus, SecretStore, SecretStoreStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::error::{Action, ClusterError, call};

/// Writes status subresources.
#[derive(Clone)]
pub struct Statuses {
    client: kube::Client,
}

impl Statuses {
    /// Uses this client's identity.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// Writes an ExternalSecret's status.
    pub async fn external_secret(&self, key: &ObjectKey, status: &ExternalSecretStatus) -> Result<(), ClusterError> {
        self.external_secret_after(key, None, status).await
    }

    /// The same for an object whose old status is known: tokens that are in it and not in the new one are removed.
    pub async fn external_secret_after(
        &self,
        key: &ObjectKey,
        old: Option<&ExternalSecretStatus>,
        status: &ExternalSecretStatus,
    ) -> Result<(), ClusterError> {
        let api: Api<ExternalSecret> = Api::namespaced(self.client.clone(), &key.namespace);
        let mut body = json!(status);
        let tokens = |status: &ExternalSecretStatus| status.source_versions.clone().unwrap_or_default().tokens;
        let kept = tokens(status);
        for gone in old.map(tokens).unwrap_or_default().into_keys().filter(|token| !kept.contains_key(token)) {
            // A merge patch removes what is null.
            body["sourceVersions"]["tokens"][gone] = serde_json::Value::Null;
        }
        patch(&api, &key.name, "externalsecret", &body).await
    }

    /// Writes a SecretStore's status.
    pub async fn store(&self, key: &ObjectKey, status: &SecretStoreStatus) -> Result<(), ClusterError> {
        let api: Api<SecretStore> = Api::namespaced(self.client.clone(), &key.namespace);
        patch(&api, &key.name, "secretstore", status).await
    }

    /// Writes a ClusterSecretStore's status.
    pub async fn cluster_store(&self, name: &str, status: &SecretStoreStatus) -> Result<(), ClusterError> {
        let api: Api<ClusterSecretStore> = Api::all(self.client.clone());
        patch(&api, name, "clustersecretstore", status).await
    }
}

/// A merge patch of the whole status: nobody but the controller writes it, and what it says was just observed.
async fn patch<K, S>(api: &Api<K>, name: &str, kind: &str, status: &S) -> Result<(), ClusterError>
where
    K: Clone + Debug + DeserializeOwned,
    S: Serialize,
{
    let body = Patch::Merge(json!({ "status": status }));
    call(Action::Patch, format!("status of {kind} {name}"), api.patch_status(name, &PatchParams::default(), &body))
        .await?;
    Ok(())
}
