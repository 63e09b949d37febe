//! The objects of a fleet. Deployments have no pods: what counts is their template, and pods would only cost time.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use rekey_core::resource::{ExternalSecret, SecretStore};
use serde_json::{Value, json};

use super::KEY;
use crate::aws::REGION;

const STORE: &str = "aws";

/// The namespace and its SecretStore, which reads as the agent.
pub(crate) async fn namespace(client: &Client, name: &str) -> Result<()> {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.context("create the namespace")?;
    let provider = json!({"aws": {"service": "SecretsManager", "region": REGION}});
    let store = object::<SecretStore>(STORE, json!({"spec": {"provider": provider}}));
    create::<SecretStore>(client, name, &store).await
}

pub(crate) async fn external_secret(
    client: &Client,
    namespace: &str,
    name: &str,
    source: &str,
    refresh: &str,
) -> Result<()> {
    let spec = json!({
        "refreshInterval": refresh,
        "secretStoreRef": {"name": STORE},
        "data": [{"secretKey": KEY, "remoteRef": {"key": source}}],
    });
    create::<ExternalSecret>(client, namespace, &object::<ExternalSecret>(name, json!({"spec": spec}))).await
}

pub(crate) async fn deployment(client: &Client, namespace: &str, name: &str, targets: &[String]) -> Result<()> {
    let sources: Vec<Value> = targets.iter().map(|target| json!({"secretRef": {"name": target}})).collect();
    let containers = json!([{"name": "app", "image": "registry.example/app:1", "envFrom": sources}]);
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": {"reloader.stakater.com/auto": "true"}},
        "spec": {
            "replicas": 0,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}},
        },
    }))?;
    let api = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &deployment).await.with_context(|| format!("create the Deployment {name}"))?;
    Ok(())
}

fn object<K: kube::Resource<DynamicType = ()>>(name: &str, rest: Value) -> DynamicObject {
    let object = DynamicObject::new(name, &ApiResource::erase::<K>(&()));
    DynamicObject { data: rest, ..object }
}

async fn create<K: kube::Resource<DynamicType = ()>>(
    client: &Client,
    namespace: &str,
    object: &DynamicObject,
) -> Result<()> {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()));
    api.create(&PostParams::default(), object).await.with_context(|| format!("create the {}", K::kind(&())))?;
    Ok(())
}
