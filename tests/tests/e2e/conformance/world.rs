//! What the cases act on: the local AWS as root, and the API server as its administrator.

use anyhow::{Context, Result};
use rekey_tests::aws::{Caller, Request};
use rekey_tests::log::{JsonLog, Mark};
use rekey_tests::stack::Stack;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;

use crate::fixture::Values;
use crate::table::objects::Objects;

pub(super) struct World {
    pub(super) objects: Objects,
    caller: Caller,
    requests: JsonLog<Request>,
    /// What must be seen in no log.
    pub(super) values: &'static Values,
    /// Calls under other names than root's are the agent's.
    root: [String; 2],
}

impl World {
    pub(super) async fn open(stack: &Stack, values: &'static Values) -> Result<Self> {
        let caller = stack.aws.caller();
        let objects = Objects { client: stack.kubernetes.client().await? };
        let root = [caller.account.clone(), "test".to_owned()];
        Ok(Self { objects, caller, requests: stack.aws.requests().clone(), values, root })
    }

    /// A fresh namespace with two stores that read as the agent: `aws` for Secrets Manager, `parameters` for Parameter
    /// Store.
    pub(super) async fn prepare(&self, namespace: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.objects.apply(namespace, &object).await?;
        for (name, service) in [("aws", "SecretsManager"), ("parameters", "ParameterStore")] {
            let spec = json!({"provider": {"aws": {"service": service, "region": self.caller.region}}});
            let kind = "SecretStore";
            let api = "external-secrets.io/v1";
            let store = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec});
            self.objects.apply(namespace, &store).await?;
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

    /// The object as a case sees it: a Secret's data is text, `ready` is its Ready condition in one line, `since` when that
    /// got its status, `events` are those about it. Null if it does not exist.
    pub(super) async fn look(&self, namespace: &str, reference: &str) -> Result<Json> {
        let mut seen = self.objects.look(namespace, reference).await?;
        if seen.is_null() {
            return Ok(seen);
        }
        let ready = ready(&seen);
        seen["since"] = ready["lastTransitionTime"].clone();
        seen["ready"] = line(&ready);
        Ok(seen)
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
}

/// The parameters of a call, with more of them.
fn with(content: &Value, more: &Json) -> Result<Json> {
    let mut parameters = serde_json::to_value(content)?;
    let fields = parameters.as_object_mut().context("neither a text nor parameters of a call")?;
    fields.extend(more.as_object().cloned().unwrap_or_default());
    Ok(parameters)
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
