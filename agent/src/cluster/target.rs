//! Targets: the Secrets that ExternalSecrets produce. The only file that writes them.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions};
use rekey_core::object::ObjectKey;
use rekey_core::plan::Removal;
use rekey_core::resource::Version;

use super::Writer;
use super::error::{Action, ClusterError, read};

/// Reads and writes targets.
#[derive(Clone)]
pub struct Targets {
    writer: Writer,
}

impl Targets {
    /// Writes with this writer, and reads with its client.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// The Secret as it is now, if it exists.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Secret>, ClusterError> {
        read(format!("secret {key}"), self.api(key).get_opt(&key.name)).await
    }

    /// Creates it and returns what the API server made of it. Somebody who was faster is a conflict, as with an update.
    pub async fn create(&self, key: &ObjectKey, secret: &Secret, manager: &str) -> Result<Secret, ClusterError> {
        let (api, parameters, secret) = (self.api(key), parameters(manager), self.signed(secret));
        let future = api.create(&parameters, &secret);
        self.writer.write(Action::Create, format!("secret {key}"), future).await.map_err(ClusterError::without_quotes)
    }

    /// Replaces it, if it still has the resourceVersion that is in `secret`, and returns what became of it.
    pub async fn update(&self, key: &ObjectKey, secret: &Secret, manager: &str) -> Result<Secret, ClusterError> {
        let (api, parameters, secret) = (self.api(key), parameters(manager), self.signed(secret));
        let future = api.replace(&key.name, &parameters, &secret);
        self.writer.write(Action::Update, format!("secret {key}"), future).await.map_err(ClusterError::without_quotes)
    }

    /// Deletes exactly this version of a Secret.
    pub async fn delete(&self, removal: &Removal) -> Result<(), ClusterError> {
        let (uid, version) = (removal.uid.clone(), removal.resource_version.clone());
        let preconditions = Preconditions { uid: Some(uid), resource_version: Some(version) };
        let parameters = DeleteParams::default().preconditions(preconditions);
        let (key, api) = (&removal.key, self.api(&removal.key));
        let future = api.delete(&key.name, &parameters);
        let deleted = self.writer.write(Action::Delete, format!("secret {key}"), future).await;
        deleted.map(drop).map_err(ClusterError::without_quotes)
    }

    fn signed<'a>(&self, secret: &'a Secret) -> Cow<'a, Secret> {
        let mut secret = Cow::Borrowed(secret);
        if self.writer.version() != Version::V1 {
            self.writer.sign(&mut secret.to_mut().metadata);
        }
        secret
    }

    /// The metadata of the Secrets that a label selector finds in a namespace.
    pub async fn labelled(&self, namespace: &str, selector: &str) -> Result<Vec<ObjectMeta>, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.writer.client(), namespace);
        let parameters = ListParams::default().labels(selector);
        let found = read(format!("secrets of {namespace}"), api.list_metadata(&parameters)).await?;
        Ok(found.items.into_iter().map(|found| found.metadata).collect())
    }

    fn api(&self, key: &ObjectKey) -> Api<Secret> {
        Api::namespaced(self.writer.client(), &key.namespace)
    }
}

fn parameters(manager: &str) -> PostParams {
    PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() }
}
