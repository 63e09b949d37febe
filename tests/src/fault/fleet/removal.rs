//! The end of a fleet. Its secrets in AWS stay: nobody asks for them any more.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};
use rekey_core::resource::ExternalSecret;

use super::PREFIX;
use crate::eventually::eventually;

/// Deletes every fleet that a failed test has left.
pub async fn remove_all(client: &Client) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = namespaces.list(&ListParams::default()).await?.items;
    for name in found.into_iter().filter_map(|namespace| namespace.metadata.name) {
        if name.starts_with(PREFIX) {
            remove(client, &name).await?;
        }
    }
    Ok(())
}

pub(super) async fn remove(client: &Client, namespace: &str) -> Result<()> {
    let (now, all) = (DeleteParams::default(), ListParams::default());
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    deployments.delete_collection(&now, &all).await?;
    let objects: Api<ExternalSecret> = Api::namespaced(client.clone(), namespace);
    objects.delete_collection(&now, &all).await?;
    eventually("the ExternalSecrets to be gone", Duration::from_secs(30), async || {
        let left = objects.list(&all).await?.items.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await?;
    Api::<Namespace>::all(client.clone()).delete(namespace, &now).await.map(drop).or_else(|error| match error {
        kube::Error::Api(status) if status.code == 404 || status.code == 409 => Ok(()),
        error => Err(error.into()),
    })
}
