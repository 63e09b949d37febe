//! ExternalSecrets themselves: the only file that writes more of them than their status, and that is their finalizers.

use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use rekey_core::resource::ExternalSecret;
use serde_json::json;

use super::Writer;
use super::error::{Action, ClusterError};

/// Writes finalizers of ExternalSecrets.
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

    /// Replaces the finalizers of exactly this version of the object.
    pub async fn set_finalizers(&self, object: &ObjectMeta, finalizers: &[String]) -> Result<(), ClusterError> {
        let (namespace, name) =
            (object.namespace.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default());
        let api: Api<ExternalSecret> = Api::namespaced(self.writer.client(), namespace);
        let (uid, version) = (&object.uid, &object.resource_version);
        let metadata = json!({ "uid": uid, "resourceVersion": version, "finalizers": finalizers });
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(json!({ "metadata": metadata })));
        let future = api.patch_metadata(name, &parameters, &patch);
        let what = format!("finalizers of externalsecret {namespace}/{name}");
        self.writer.write(Action::Patch, what, future).await.map(drop)
    }
}
