//! Namespaces: finalizers that External Secrets Operator left on them. The only file that writes them.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use rekey_core::cluster_external_secret::without;
use serde_json::json;

use super::Writer;
use super::error::{Action, ClusterError};

/// Writes namespaces.
#[derive(Clone)]
pub struct Namespaces {
    writer: Writer,
}

impl Namespaces {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Removes these finalizers, on the version of the namespace that they were found on. One that is gone is fine.
    pub async fn release(&self, namespace: &ObjectMeta, gone: &[String]) -> Result<(), ClusterError> {
        let name = namespace.name.as_deref().unwrap_or_default();
        let kept = without(namespace.finalizers.as_deref().unwrap_or_default(), gone);
        let body = json!({ "metadata": {
            "uid": namespace.uid, "resourceVersion": namespace.resource_version, "finalizers": kept,
        } });
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.writer.client());
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(body));
        let future = api.patch(name, &parameters, &patch);
        match self.writer.write(Action::Patch, format!("namespace {name}"), future).await {
            Err(error) if error.is_not_found() => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}
