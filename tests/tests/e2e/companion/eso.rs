//! A stand-in for External Secrets Operator, as far as a companion meets it: it refreshes an ExternalSecret whose labels,
//! annotations or spec it has not acted upon, writes the target and then the status, and repeats ClusterExternalSecrets.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use rekey_core::cluster_external_secret::{self as repeated, Step};
use rekey_core::report;
use rekey_core::resource::{ClusterExternalSecret, ExternalSecret};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The only version that this cluster serves.
pub const VERSION: &str = "v1beta1";
const GROUP: &str = "external-secrets.io";

/// It works until it is dropped.
pub struct Eso(JoinHandle<()>);

impl Drop for Eso {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What it works with.
#[derive(Clone)]
pub struct Means {
    pub client: kube::Client,
    pub secrets_manager: aws_sdk_secretsmanager::Client,
    /// The values of parameters, which nobody here needs to read from AWS.
    pub parameters: std::sync::Arc<std::sync::Mutex<BTreeMap<String, String>>>,
}

impl Means {
    pub fn start(&self) -> Eso {
        let means = self.clone();
        Eso(tokio::spawn(async move {
            loop {
                // Conflicts and absences are tried again, as the real one does.
                let _ = means.look().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }))
    }

    async fn look(&self) -> Result<()> {
        let objects: Vec<ExternalSecret> = typed(&kind(&self.client, "ExternalSecret", None)).await?;
        for owner in typed::<ClusterExternalSecret>(&kind(&self.client, "ClusterExternalSecret", None)).await? {
            self.repeat(&owner, &objects).await?;
        }
        for object in &objects {
            let version = report::synced_resource_version(object);
            let synced = object.status.as_ref().and_then(|status| status.synced_resource_version.as_ref());
            let once = object.spec.refresh_interval == "0" && synced.is_some();
            if synced != Some(&version) && !once {
                self.refresh(object, &version).await?;
            }
        }
        Ok(())
    }

    async fn refresh(&self, object: &ExternalSecret, version: &str) -> Result<()> {
        let started = Timestamp::now();
        let name = object.metadata.name.as_deref().context("no name")?;
        let namespace = object.metadata.namespace.as_deref().context("no namespace")?;
        let key = &object.spec.data.first().context("no data")?.remote_ref.key;
        let known = self.parameters.lock().unwrap().get(key).cloned();
        let value = match known {
            Some(value) => value,
            None => {
                let answer = self.secrets_manager.get_secret_value().secret_id(key).send().await?;
                answer.secret_string().unwrap_or_default().to_owned()
            }
        };
        let target = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "ownerReferences": [{
                "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "ExternalSecret", "name": name,
                "uid": object.metadata.uid, "controller": true, "blockOwnerDeletion": true,
            }]},
            "stringData": {"value": value},
        });
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        secrets.patch(name, &PatchParams::apply("external-secrets").force(), &Patch::Apply(&target)).await?;
        let status = json!({"status": {
            "refreshTime": Timestamp::new(started.as_second(), 0)?.to_string(), "syncedResourceVersion": version,
            "conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}],
        }});
        let api = kind(&self.client, "ExternalSecret", Some(namespace));
        api.patch_status(name, &PatchParams::apply("external-secrets"), &Patch::Merge(&status)).await?;
        Ok(())
    }

    async fn repeat(&self, owner: &ClusterExternalSecret, objects: &[ExternalSecret]) -> Result<()> {
        let listed = Api::<Namespace>::all(self.client.clone()).list(&ListParams::default()).await?;
        let namespaces = listed.into_iter().map(|namespace| {
            let ObjectMeta { name, labels, .. } = namespace.metadata;
            (name.unwrap_or_default(), repeated::Namespace { labels: labels.unwrap_or_default(), terminating: false })
        });
        let concerned: Vec<&ExternalSecret> =
            objects.iter().filter(|object| repeated::concerns(owner, object)).collect();
        for step in repeated::plan(owner, &namespaces.collect(), &concerned).steps {
            let api = kind(&self.client, "ExternalSecret", Some(step.namespace()));
            match &step {
                Step::Create(object) => drop(api.create(&PostParams::default(), &untyped(object)?).await?),
                Step::Update(object) => {
                    let name = object.metadata.name.as_deref().unwrap_or_default();
                    drop(api.replace(name, &PostParams::default(), &untyped(object)?).await?);
                }
                Step::Delete { key, .. } => drop(api.delete(&key.name, &DeleteParams::default()).await?),
            }
        }
        Ok(())
    }
}

/// Objects of one kind, in the version that this cluster serves.
pub fn kind(client: &kube::Client, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

async fn typed<T: DeserializeOwned>(api: &Api<DynamicObject>) -> Result<Vec<T>> {
    let all = api.list(&ListParams::default()).await?;
    all.into_iter().map(|object| Ok(serde_json::from_value(serde_json::to_value(object)?)?)).collect()
}

fn untyped(object: &ExternalSecret) -> Result<DynamicObject> {
    let mut value: Value = serde_json::to_value(object)?;
    value["apiVersion"] = json!(format!("{GROUP}/{VERSION}"));
    for owner in value["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
        owner["apiVersion"] = json!(format!("{GROUP}/{VERSION}"));
    }
    Ok(serde_json::from_value(value)?)
}
