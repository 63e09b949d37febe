//! Installs infra/chart on the local Kubernetes with the real helm.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::aws::{Aws, User};
use crate::eventually::eventually;
use crate::process::Spec;
use crate::stack::Stack;

/// The group of the chart's CustomResourceDefinitions.
const GROUP: &str = "external-secrets.io";

/// `helm install RELEASE infra/chart`, with `values` instead of the chart's own. Returns when the API server serves the
/// chart's kinds.
pub async fn install(stack: &Stack, release: &str, namespace: &str, values: &Value) -> Result<()> {
    let file = written(stack, release, namespace, values)?;
    helm(stack, "install")?
        .args([release, "infra/chart", "--namespace", namespace, "--create-namespace", "--values"])
        .arg(&file)
        .run()
        .await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(stack.kubernetes.client().await?);
    eventually("the chart's CustomResourceDefinitions to be served", Duration::from_secs(30), async || {
        let found = definitions.list(&ListParams::default()).await?;
        let ours: Vec<_> = found.items.iter().filter(|definition| definition.spec.group == GROUP).collect();
        ensure!(!ours.is_empty(), "there are none of the group {GROUP}");
        for definition in ours {
            let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or(&[]);
            let served = conditions.iter().any(|one| one.type_ == "Established" && one.status == "True");
            ensure!(served, "{} is not", definition.spec.names.kind);
        }
        Ok(())
    })
    .await
}

/// `helm upgrade RELEASE infra/chart`, with `values` instead of the chart's own and of those before.
pub async fn upgrade(stack: &Stack, release: &str, namespace: &str, values: &Value) -> Result<()> {
    let file = written(stack, release, namespace, values)?;
    let upgrade = [release, "infra/chart", "--namespace", namespace, "--values"];
    helm(stack, "upgrade")?.args(upgrade).arg(&file).run().await.map(drop)
}

fn written(stack: &Stack, release: &str, namespace: &str, values: &Value) -> Result<std::path::PathBuf> {
    let file = stack.join("helm")?.join(format!("{namespace}-{release}.json"));
    crate::cache::write_private(&file, &values.to_string())?;
    Ok(file)
}

/// The name of the Deployment that a release made.
pub async fn deployment(stack: &Stack, release: &str, namespace: &str) -> Result<String> {
    let deployments: Api<Deployment> = Api::namespaced(stack.kubernetes.client().await?, namespace);
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/instance={release}"));
    let found = deployments.list(&ours).await?.items.into_iter().find_map(|deployment| deployment.metadata.name);
    found.with_context(|| format!("the release {namespace}/{release} made no Deployment"))
}

/// `helm uninstall RELEASE`.
pub async fn uninstall(stack: &Stack, release: &str, namespace: &str) -> Result<()> {
    helm(stack, "uninstall")?.args([release, "--namespace", namespace]).run().await.map(drop)
}

/// `helm lint infra/chart` with `values`.
pub async fn lint(stack: &Stack, values: &Value) -> Result<()> {
    let file = stack.join("helm")?.join("lint.json");
    crate::cache::write_private(&file, &values.to_string())?;
    helm(stack, "lint")?.args(["infra/chart", "--strict", "--values"]).arg(&file).run().await.map(drop)
}

/// The chart's values for an agent that reads the local AWS with the keys of `user`, or without keys as whoever its
/// ServiceAccount is.
#[must_use]
pub fn values(aws: &Aws, user: Option<&User>, queue_url: &str) -> Value {
    let mut variables = vec![("AWS_ENDPOINT_URL", aws.endpoint()), ("AWS_REGION", crate::aws::REGION)];
    if let Some(User { access_key, secret_key }) = user {
        variables.extend([("AWS_ACCESS_KEY_ID", access_key.as_str()), ("AWS_SECRET_ACCESS_KEY", secret_key)]);
    }
    let variables: Vec<Value> = variables.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"queueUrl": queue_url, "extraEnv": variables})
}

fn helm(stack: &Stack, command: &str) -> Result<Spec> {
    let home = stack.join("helm").context("make helm's home")?;
    Ok(Spec::new(&format!("helm {command}"), &stack.tools.helm, stack.directory().join("helm.log"))
        .arg(command)
        .directory(crate::repository())
        .hide_env("HELM_")
        .env("HOME", &home)
        .env("KUBECONFIG", stack.kubernetes.kubeconfig()))
}
