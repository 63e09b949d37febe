//! What is deployed: the chart renders with the one value it needs, and the agent may do what the chart lets it and no more.

use anyhow::Context;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams};

use crate::fixture;

#[tokio::test]
async fn the_agent_has_the_charts_rights_and_no_others() {
    let (stack, rekey, _) = fixture::rekey().await;
    let text = std::fs::read_to_string(rekey.agent.kubeconfig()).unwrap();
    let client = stack.kubernetes.client_of(&text).await.unwrap();
    let all = ListParams::default();
    Api::<Secret>::all(client.clone()).list(&all).await.context("Secrets").unwrap();
    Api::<Deployment>::all(client.clone()).list(&all).await.context("Deployments").unwrap();
    let forbidden = |error: kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), "kube-system");
    assert!(forbidden(config_maps.list(&all).await.expect_err("it has no business with ConfigMaps yet")));
    let secrets = Api::<Secret>::namespaced(client.clone(), "default");
    assert!(forbidden(secrets.delete("any", &DeleteParams::default()).await.expect_err("it deletes no Secret")));
    let deployments = Api::<Deployment>::namespaced(client, "default");
    assert!(forbidden(deployments.delete("any", &DeleteParams::default()).await.expect_err("it deletes no workload")));
}
