//! What a case does to the API server, as its administrator.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::Value as Json;

/// The kinds that a case can name, and their API version.
const KINDS: [(&str, &str); 24] = [
    ("ConfigMap", "v1"),
    ("Event", "v1"),
    ("Namespace", "v1"),
    ("Pod", "v1"),
    ("Secret", "v1"),
    ("ServiceAccount", "v1"),
    ("Role", "rbac.authorization.k8s.io/v1"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("Deployment", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("CronJob", "batch/v1"),
    ("Job", "batch/v1"),
    ("Ingress", "networking.k8s.io/v1"),
    ("Rollout", "argoproj.io/v1alpha1"),
    ("ExternalSecret", "external-secrets.io/v1"),
    ("SecretStore", "external-secrets.io/v1"),
    ("ClusterSecretStore", "external-secrets.io/v1"),
    ("ClusterExternalSecret", "external-secrets.io/v1"),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ("ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1"),
    ("ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1"),
    ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
];

/// Those of them that stand in no namespace.
const CLUSTER_SCOPED: [&str; 7] = [
    "Namespace",
    "ClusterSecretStore",
    "ClusterExternalSecret",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// The API server. Objects are named `Kind/name`, or `Kind/namespace/name` for one elsewhere.
#[derive(Clone)]
pub struct Objects {
    pub client: kube::Client,
}

impl Objects {
    /// As `kubectl apply --server-side` does.
    pub async fn apply(&self, namespace: &str, object: &Json) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object.clone()).context("read a manifest")?;
        let types = object.types.as_ref().context("a manifest has no kind")?;
        let named = object.metadata.namespace.as_deref().unwrap_or(namespace);
        let api = self.api(named, &types.kind, &types.api_version);
        let name = object.metadata.name.as_deref().context("a manifest has no name")?;
        let how = PatchParams::apply("kubectl").force();
        api.patch(name, &how, &Patch::Apply(&object)).await.with_context(|| format!("apply {} {name}", types.kind))?;
        Ok(())
    }

    /// As `kubectl patch --type merge` does.
    pub async fn patch(&self, namespace: &str, reference: &str, patch: &Json) -> Result<()> {
        let (api, name) = self.find(namespace, reference)?;
        let how = PatchParams { field_manager: Some("kubectl-patch".to_owned()), ..PatchParams::default() };
        api.patch(name, &how, &Patch::Merge(patch)).await.with_context(|| format!("patch {reference}"))?;
        Ok(())
    }

    /// What would become of a change of an annotation.
    pub async fn try_patch(&self, namespace: &str, reference: &str) -> Result<()> {
        let (api, name) = self.find(namespace, reference)?;
        let how = PatchParams { dry_run: true, ..PatchParams::default() };
        let patch = serde_json::json!({"metadata": {"annotations": {"suite.rekey.dev/tried": "true"}}});
        api.patch(name, &how, &Patch::Merge(patch)).await?;
        Ok(())
    }

    pub async fn delete(&self, namespace: &str, reference: &str) -> Result<()> {
        let (api, name) = self.find(namespace, reference)?;
        api.delete(name, &DeleteParams::background()).await.with_context(|| format!("delete {reference}"))?;
        Ok(())
    }

    /// The object as it is; null if it does not exist. A Secret's data is text; `events` are those about it.
    pub async fn look(&self, namespace: &str, reference: &str) -> Result<Json> {
        let (api, name) = self.find(namespace, reference)?;
        let Some(object) = api.get_opt(name).await? else { return Ok(Json::Null) };
        let mut seen = serde_json::to_value(&object)?;
        if seen["kind"] == "Secret" {
            decode(&mut seen["data"]);
        }
        seen["events"] = self.events(&object).await?;
        Ok(seen)
    }

    async fn events(&self, object: &DynamicObject) -> Result<Json> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let mut list = Api::<Event>::namespaced(self.client.clone(), namespace).list(&about).await?;
        // By name, as they come, their order is chance.
        list.items.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        let line = |event: &Event| {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            format!("{} {}: {}", text(&event.type_), text(&event.reason), text(&event.message))
        };
        Ok(list.items.iter().map(line).collect())
    }

    /// Every object of a kind, in all namespaces.
    pub fn all(&self, kind: &str) -> Result<Api<DynamicObject>> {
        Ok(Api::all_with(self.client.clone(), &resource(kind, version(kind)?)))
    }

    /// The API of what is referred to, and its name.
    pub fn find<'a>(&self, namespace: &str, reference: &'a str) -> Result<(Api<DynamicObject>, &'a str)> {
        let (kind, rest) = reference.split_once('/').with_context(|| format!("{reference} is no Kind/name"))?;
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        Ok((self.api(namespace, kind, version(kind)?), name))
    }

    pub fn api(&self, namespace: &str, kind: &str, version: &str) -> Api<DynamicObject> {
        let resource = resource(kind, version);
        if CLUSTER_SCOPED.contains(&kind) {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }
}

fn version(kind: &str) -> Result<&'static str> {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.map(|(_, version)| *version).with_context(|| format!("the kind {kind} is not known here"))
}

fn resource(kind: &str, version: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// Text in the place of base64; bytes that are no text stay as they are.
fn decode(data: &mut Json) {
    use base64::Engine;
    for value in data.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
        if let Some(text) = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            *value = Json::String(text);
        }
    }
}
