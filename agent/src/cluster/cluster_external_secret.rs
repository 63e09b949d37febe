//! ClusterExternalSecrets: their status, and the finalizer that External Secrets Operator left on them. The only file that
//! writes them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use rekey_core::cluster_external_secret::{CLEANUP, FORCE_SYNC, without};
use rekey_core::resource::{ClusterExternalSecret, ClusterExternalSecretStatus};
use serde_json::{Value, json};

use super::Writer;
use super::error::{Action, ClusterError};
use super::external_secret::FIELD_MANAGER;

/// Writes ClusterExternalSecrets.
#[derive(Clone)]
pub struct ClusterExternalSecrets {
    writer: Writer,
}

impl ClusterExternalSecrets {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Writes the whole status, on the version of the object that it is about.
    pub async fn status(&self, object: &ObjectMeta, status: &ClusterExternalSecretStatus) -> Result<(), ClusterError> {
        let name = object.name.as_deref().unwrap_or_default();
        let mut body = on_version(object);
        body["status"] = json!(status);
        for list in ["failedNamespaces", "provisionedNamespaces"] {
            if body["status"].get(list).is_none() {
                // A merge patch removes only what it names.
                body["status"][list] = Value::Null;
            }
        }
        let (api, parameters, patch) = (self.api(), PatchParams::default(), Patch::Merge(body));
        let future = api.patch_status(name, &parameters, &patch);
        self.writer.tell(Action::Patch, format!("status of clusterexternalsecret {name}"), future).await.map(drop)
    }

    /// Removes ESO's finalizer: what it stands for is done.
    pub async fn release(&self, object: &ObjectMeta) -> Result<(), ClusterError> {
        let name = object.name.as_deref().unwrap_or_default();
        let mut body = on_version(object);
        let finalizers = object.finalizers.clone().unwrap_or_default();
        body["metadata"]["finalizers"] = json!(without(&finalizers, &[CLEANUP.to_owned()]));
        let (api, parameters, patch) = (self.api(), PatchParams::default(), Patch::Merge(body));
        let future = api.patch(name, &parameters, &patch);
        self.writer.write(Action::Patch, format!("clusterexternalsecret {name}"), future).await.map(drop)
    }

    /// Tells External Secrets Operator to refresh all of its ExternalSecrets: of exactly this object, for anybody can name
    /// any owner.
    pub async fn force_sync(&self, owner: &OwnerReference, marker: &str) -> Result<(), ClusterError> {
        let name = owner.name.as_str();
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "metadata": { "uid": owner.uid, "annotations": { FORCE_SYNC: marker } } }));
        let api = self.api();
        let future = api.patch_metadata(name, &parameters, &patch);
        self.writer.write(Action::Patch, format!("clusterexternalsecret {name}"), future).await.map(drop)
    }

    fn api(&self) -> Api<PartialObjectMeta<ClusterExternalSecret>> {
        Api::all(self.writer.client())
    }
}

fn on_version(object: &ObjectMeta) -> Value {
    json!({ "metadata": { "uid": object.uid, "resourceVersion": object.resource_version } })
}
