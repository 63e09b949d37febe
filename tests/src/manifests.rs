//! Applies manifests as `kubectl apply` does.

use anyhow::{Context, Result};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use serde::Deserialize;

/// Applies each document of a YAML text, in order. Namespaced objects that name no namespace go to `namespace`.
pub async fn apply(client: &kube::Client, namespace: &str, yaml: &str) -> Result<()> {
    apply_as(client, namespace, yaml, &PatchParams::apply("kubectl").force()).await
}

/// The same as somebody else, who may force nothing.
pub async fn apply_as(client: &kube::Client, namespace: &str, yaml: &str, how: &PatchParams) -> Result<()> {
    for document in serde_yaml_ng::Deserializer::from_str(yaml) {
        let object = DynamicObject::deserialize(document).context("read a manifest")?;
        let types = object.types.as_ref().context("a manifest has no kind")?;
        let kind = GroupVersionKind::try_from(types)?;
        let (resource, capabilities) = pinned_kind(client, &kind).await?;
        let name = object.metadata.name.as_deref().context("a manifest has no name")?;
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client.clone(), &resource),
            Scope::Namespaced => {
                let named = object.metadata.namespace.as_deref().unwrap_or(namespace);
                Api::namespaced_with(client.clone(), named, &resource)
            }
        };
        api.patch(name, how, &Patch::Apply(&object)).await.with_context(|| format!("apply {} {name}", kind.kind))?;
    }
    Ok(())
}
