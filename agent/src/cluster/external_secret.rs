//! ExternalSecrets themselves: those that a ClusterExternalSecret asks for, and the finalizers of all. The only file that
//! writes more of them than their status.

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::{GroupVersionKind, TypeMeta};
use rekey_core::cluster_external_secret::FORCE_SYNC;
use rekey_core::object::ObjectKey;
use rekey_core::resource::{ExternalSecret, Version};
use serde_json::json;

use super::Writer;
use super::error::{Action, ClusterError};

/// The name under which annotations are written.
pub(super) const FIELD_MANAGER: &str = "rekey";

/// Writes ExternalSecrets.
#[derive(Clone)]
pub struct ExternalSecrets {
    writer: Writer,
}

impl ExternalSecrets {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Creates it. One that is there is a conflict.
    pub async fn create(&self, object: &ExternalSecret) -> Result<(), ClusterError> {
        let (key, body) = self.body(object);
        let (api, parameters) = (self.api(&key.namespace), PostParams::default());
        let future = api.create(&parameters, &body);
        self.writer.write(Action::Create, format!("externalsecret {key}"), future).await.map(drop)
    }

    /// Replaces it, if it still has the resourceVersion that is in `object`.
    pub async fn update(&self, object: &ExternalSecret) -> Result<(), ClusterError> {
        let (key, body) = self.body(object);
        let (api, parameters) = (self.api(&key.namespace), PostParams::default());
        let future = api.replace(&key.name, &parameters, &body);
        self.writer.write(Action::Update, format!("externalsecret {key}"), future).await.map(drop)
    }

    /// Deletes exactly this object. One that is gone is fine.
    pub async fn delete(&self, key: &ObjectKey, uid: &str) -> Result<(), ClusterError> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let parameters = DeleteParams::default().preconditions(preconditions);
        let api = self.api(&key.namespace);
        let future = api.delete(&key.name, &parameters);
        match self.writer.write(Action::Delete, format!("externalsecret {key}"), future).await {
            Err(error) if error.is_not_found() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Replaces the finalizers of exactly this version of the object.
    pub async fn set_finalizers(&self, object: &ObjectMeta, finalizers: &[String]) -> Result<(), ClusterError> {
        let (namespace, name) =
            (object.namespace.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default());
        let (uid, version) = (&object.uid, &object.resource_version);
        let metadata = json!({ "uid": uid, "resourceVersion": version, "finalizers": finalizers });
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(json!({ "metadata": metadata })));
        let api = self.api(namespace);
        let future = api.patch_metadata(name, &parameters, &patch);
        let what = format!("finalizers of externalsecret {namespace}/{name}");
        self.writer.write(Action::Patch, what, future).await.map(drop)
    }

    /// Tells External Secrets Operator to refresh this version of the object.
    pub async fn force_sync(&self, object: &ObjectMeta, marker: &str) -> Result<(), ClusterError> {
        let (namespace, name) =
            (object.namespace.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default());
        let (uid, version) = (&object.uid, &object.resource_version);
        let metadata = json!({ "uid": uid, "resourceVersion": version, "annotations": { FORCE_SYNC: marker } });
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let api = self.api(namespace);
        let future = api.patch_metadata(name, &parameters, &patch);
        self.writer.write(Action::Patch, format!("externalsecret {namespace}/{name}"), future).await.map(drop)
    }

    /// Unlike a path, an object says its version itself.
    fn body(&self, object: &ExternalSecret) -> (ObjectKey, DynamicObject) {
        let mut metadata = object.metadata.clone();
        self.writer.sign(&mut metadata);
        let key =
            ObjectKey::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        let types =
            TypeMeta { api_version: self.writer.version().api_version().to_owned(), kind: "ExternalSecret".to_owned() };
        let data = json!({ "spec": object.spec });
        (key, DynamicObject { types: Some(types), metadata, data })
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(Version::GROUP, self.writer.version().as_str(), "ExternalSecret");
        Api::namespaced_with(self.writer.client(), namespace, &ApiResource::from_gvk(&kind))
    }
}
