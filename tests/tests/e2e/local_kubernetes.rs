//! The local Kubernetes is a real one where it matters to Rekey.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use rekey_tests::eventually::eventually;

use crate::stack;

async fn namespace(client: &kube::Client) -> Result<String> {
    let name = format!("local-{}", rekey_tests::random_word(8));
    let object = Namespace {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &object).await?;
    Ok(name)
}

#[tokio::test]
async fn a_deployment_gets_ready_pods_and_deleting_it_takes_them_away_at_once() -> Result<()> {
    let client = stack().await.kubernetes.client().await?;
    let namespace = namespace(&client).await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let web = serde_json::from_value(serde_json::json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}},
    }))?;
    deployments.create(&PostParams::default(), &web).await?;
    eventually("two ready pods", Duration::from_secs(30), async || {
        let status = deployments.get("web").await?.status.unwrap_or_default();
        ensure!(status.ready_replicas == Some(2), "ready replicas: {:?}", status.ready_replicas);
        Ok(())
    })
    .await?;
    deployments.delete("web", &DeleteParams::default()).await?;
    // Well below the 30 s of grace that a pod has by default: nobody plays that out here.
    eventually("the pods to be gone", Duration::from_secs(15), async || {
        let left = pods.list(&ListParams::default()).await?.items.len();
        ensure!(left == 0, "pods: {left}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_service_account_may_do_only_what_rbac_says() -> Result<()> {
    let stack = stack().await;
    let client = stack.kubernetes.client().await?;
    let namespace = namespace(&client).await?;
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("reader".to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    accounts.create(&PostParams::default(), &account).await?;
    let kubeconfig = stack.kubernetes.service_account_kubeconfig(&namespace, "reader").await?;
    let reader = stack.kubernetes.client_of(&kubeconfig).await?;

    let maps: Api<ConfigMap> = Api::namespaced(reader, &namespace);
    let refused = maps.list(&ListParams::default()).await.expect_err("no role was bound yet");
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused:?}");

    let binding = serde_json::from_value(serde_json::json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }))?;
    Api::<RoleBinding>::namespaced(client, &namespace).create(&PostParams::default(), &binding).await?;
    eventually("the role to be in force", Duration::from_secs(15), async || {
        Ok(maps.list(&ListParams::default()).await.map(drop)?)
    })
    .await
}
