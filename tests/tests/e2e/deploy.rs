//! What is deployed: the agent may do what the chart lets it, and no more.

use anyhow::Context;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, PostParams};

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
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), "default");
    config_maps.list(&all).await.context("ConfigMaps, for templateFrom").unwrap();
    let write = config_maps.create(&PostParams::default(), &ConfigMap::default()).await;
    assert!(forbidden(write.expect_err("it reads ConfigMaps only")));
    let secrets = Api::<Secret>::namespaced(client.clone(), "default");
    let targets_only = secrets.delete_collection(&DeleteParams::default(), &all).await;
    assert!(forbidden(targets_only.expect_err("it deletes targets one by one, if their object says so")));
    let cron_jobs = Api::<CronJob>::namespaced(client.clone(), "default");
    assert!(forbidden(cron_jobs.delete("any", &DeleteParams::default()).await.expect_err("it deletes Jobs alone")));
    let deployments = Api::<Deployment>::namespaced(client, "default");
    assert!(forbidden(deployments.delete("any", &DeleteParams::default()).await.expect_err("it deletes no workload")));
}
