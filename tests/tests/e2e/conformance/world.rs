//! What the cases act on: the local AWS as root, and the API server as its administrator.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use rekey_tests::aws::{Caller, Request};
use rekey_tests::installation::Installation;
use rekey_tests::log::{JsonLog, Mark};
use rekey_tests::stack::Stack;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;

/// The kinds that a case can name, and their API version.
const KINDS: [(&str, &str); 13] = [
    ("ConfigMap", "v1"),
    ("Namespace", "v1"),
    ("Secret", "v1"),
    ("ServiceAccount", "v1"),
    ("Role", "rbac.authorization.k8s.io/v1"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("Deployment", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("ExternalSecret", "external-secrets.io/v1"),
    ("SecretStore", "external-secrets.io/v1"),
    ("ClusterSecretStore", "external-secrets.io/v1"),
    ("ClusterExternalSecret", "external-secrets.io/v1"),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
];

/// Those of them that stand in no namespace.
const CLUSTER_SCOPED: [&str; 4] =
    ["Namespace", "ClusterSecretStore", "ClusterExternalSecret", "CustomResourceDefinition"];

pub(super) struct World {
    client: kube::Client,
    caller: Caller,
    requests: JsonLog<Request>,
    /// Calls under other names than root's are the agent's.
    root: [String; 2],
}

impl World {
    pub(super) async fn open(stack: &Stack, _rekey: &Installation) -> Result<Self> {
        let caller = stack.aws.caller();
        let root = [caller.account.clone(), "test".to_owned()];
        Ok(Self { client: stack.kubernetes.client().await?, caller, requests: stack.aws.requests().clone(), root })
    }

    /// A fresh namespace with two stores that read as the agent: `aws` for Secrets Manager, `parameters` for Parameter
    /// Store.
    pub(super) async fn prepare(&self, namespace: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.apply(namespace, &object).await?;
        for (name, service) in [("aws", "SecretsManager"), ("parameters", "ParameterStore")] {
            let spec = json!({"provider": {"aws": {"service": service, "region": self.caller.region}}});
            let kind = "SecretStore";
            let api = "external-secrets.io/v1";
            let store = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec});
            self.apply(namespace, &store).await?;
        }
        Ok(())
    }

    /// Creates a secret, or gives it a new version.
    pub(super) async fn secret(&self, name: &str, content: &Value) -> Result<()> {
        let Value::String(text) = content else {
            return self.call("secretsmanager.CreateSecret", &with(content, &json!({"Name": name}))?).await.map(drop);
        };
        let create = json!({"Name": name, "SecretString": text});
        match self.call("secretsmanager.CreateSecret", &create).await {
            Err(error) if error.to_string().contains("ResourceExistsException") => {
                let put = json!({"SecretId": name, "SecretString": text});
                self.call("secretsmanager.PutSecretValue", &put).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// Creates a parameter, or gives it a new version.
    pub(super) async fn parameter(&self, name: &str, content: &Value) -> Result<()> {
        let parameters = match content {
            Value::String(text) => json!({"Name": name, "Value": text, "Type": "SecureString", "Overwrite": true}),
            _ => with(content, &json!({"Name": name}))?,
        };
        self.call("ssm.PutParameter", &parameters).await.map(drop)
    }

    pub(super) async fn call(&self, operation: &str, parameters: &Json) -> Result<Json> {
        self.caller.call(operation, parameters).await
    }

    /// As `kubectl apply --server-side` does.
    pub(super) async fn apply(&self, namespace: &str, object: &Json) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object.clone()).context("read a manifest")?;
        let types = object.types.as_ref().context("a manifest has no kind")?;
        let named = object.metadata.namespace.as_deref().unwrap_or(namespace);
        let api = self.api(named, &types.kind, &types.api_version)?;
        let name = object.metadata.name.as_deref().context("a manifest has no name")?;
        let how = PatchParams::apply("kubectl").force();
        api.patch(name, &how, &Patch::Apply(&object)).await.with_context(|| format!("apply {} {name}", types.kind))?;
        Ok(())
    }

    /// As `kubectl patch --type merge` does.
    pub(super) async fn patch(&self, namespace: &str, reference: &str, patch: &Json) -> Result<()> {
        let (api, name) = self.find(namespace, reference)?;
        let how = PatchParams { field_manager: Some("kubectl-patch".to_owned()), ..PatchParams::default() };
        api.patch(name, &how, &Patch::Merge(patch)).await.with_context(|| format!("patch {reference}"))?;
        Ok(())
    }

    pub(super) async fn delete(&self, namespace: &str, reference: &str) -> Result<()> {
        let (api, name) = self.find(namespace, reference)?;
        api.delete(name, &DeleteParams::background()).await.with_context(|| format!("delete {reference}"))?;
        Ok(())
    }

    /// The object as a case sees it: a Secret's data is text, `ready` is its Ready condition in one line, `since` when that
    /// got its status, `events` are those about it. Null if it does not exist.
    pub(super) async fn look(&self, namespace: &str, reference: &str) -> Result<Json> {
        let (api, name) = self.find(namespace, reference)?;
        let Some(object) = api.get_opt(name).await? else { return Ok(Json::Null) };
        let mut seen = serde_json::to_value(&object)?;
        if seen["kind"] == "Secret" {
            decode(&mut seen["data"]);
        }
        let ready = ready(&seen);
        seen["since"] = ready["lastTransitionTime"].clone();
        seen["ready"] = line(&ready);
        seen["events"] = self.events(&object).await?;
        Ok(seen)
    }

    async fn events(&self, object: &DynamicObject) -> Result<Json> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let list = Api::<Event>::namespaced(self.client.clone(), namespace).list(&about).await?;
        let line = |event: &Event| {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            format!("{} {}: {}", text(&event.type_), text(&event.reason), text(&event.message))
        };
        Ok(list.items.iter().map(line).collect())
    }

    /// The present end of the log of requests.
    pub(super) fn mark(&self) -> Mark {
        self.requests.mark()
    }

    /// How often the agent has called `action` since then, about something whose name contains `namespace`.
    pub(super) fn calls(&self, since: Mark, action: &str, namespace: &str) -> Result<usize> {
        let ours = |request: &&Request| {
            let principal = request.principal.as_ref();
            request.action == action
                && request.resource.as_ref().is_some_and(|resource| resource.contains(namespace))
                && principal.is_none_or(|principal| !self.root.contains(principal))
        };
        Ok(self.requests.since(since)?.iter().filter(ours).count())
    }

    /// `Kind/name`, or `Kind/namespace/name` for one elsewhere.
    fn find<'a>(&self, namespace: &str, reference: &'a str) -> Result<(Api<DynamicObject>, &'a str)> {
        let (kind, rest) = reference.split_once('/').with_context(|| format!("{reference} is no Kind/name"))?;
        let Some((_, version)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            bail!("the kind {kind} is not known here")
        };
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        Ok((self.api(namespace, kind, version)?, name))
    }

    fn api(&self, namespace: &str, kind: &str, version: &str) -> Result<Api<DynamicObject>> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        if !KINDS.iter().any(|(known, _)| *known == kind) {
            bail!("the kind {kind} is not known here");
        }
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Ok(if CLUSTER_SCOPED.contains(&kind) {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        })
    }
}

/// The parameters of a call, with more of them.
fn with(content: &Value, more: &Json) -> Result<Json> {
    let mut parameters = serde_json::to_value(content)?;
    let fields = parameters.as_object_mut().context("neither a text nor parameters of a call")?;
    fields.extend(more.as_object().cloned().unwrap_or_default());
    Ok(parameters)
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

fn ready(object: &Json) -> Json {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|one| one["type"] == "Ready").cloned().unwrap_or_default()
}

/// `True SecretSynced: secret synced`.
fn line(ready: &Json) -> Json {
    if ready.is_null() {
        return Json::Null;
    }
    let text = |field: &str| ready[field].as_str().unwrap_or_default();
    Json::String(format!("{} {}: {}", text("status"), text("reason"), text("message")))
}
