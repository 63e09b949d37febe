//! Targets: the Secrets that ExternalSecrets produce. The only file that writes them.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use rekey_core::object::ObjectKey;

use super::error::{Action, ClusterError, call};

/// Reads and writes targets.
#[derive(Clone)]
pub struct Targets {
    client: kube::Client,
}

impl Targets {
    /// Uses this client's identity.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// The Secret as it is now, if it exists.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Secret>, ClusterError> {
        call(Action::Get, format!("secret {key}"), self.api(key).get_opt(&key.name)).await
    }

    /// Creates it and returns what the API server made of it. Somebody who was faster is a conflict, as with an update.
    pub async fn create(&self, key: &ObjectKey, secret: &Secret, manager: &str) -> Result<Secret, ClusterError> {
        call(Action::Create, format!("secret {key}"), self.api(key).create(&parameters(manager), secret))
            .await
            .map_err(ClusterError::without_quotes)
    }

    /// Replaces it, if it still has the resourceVersion that is in `secret`, and returns what became of it.
    pub async fn update(&self, key: &ObjectKey, secret: &Secret, manager: &str) -> Result<Secret, ClusterError> {
        let (api, parameters) = (self.api(key), parameters(manager));
        let future = api.replace(&key.name, &parameters, secret);
        call(Action::Update, format!("secret {key}"), future).await.map_err(ClusterError::without_quotes)
    }

    /// Deletes exactly this version of it.
    pub async fn delete(&self, key: &ObjectKey, uid: &str, version: &str) -> Result<(), ClusterError> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: Some(version.to_owned()) };
        let parameters = DeleteParams::default().preconditions(preconditions);
        let api = self.api(key);
        call(Action::Delete, format!("secret {key}"), api.delete(&key.name, &parameters))
            .await
            .map(drop)
            .map_err(ClusterError::without_quotes)
    }

    fn api(&self, key: &ObjectKey) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }
}

fn parameters(manager: &str) -> PostParams {
    PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() }
}
