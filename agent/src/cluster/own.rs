//! The agent's own Deployment, found from its pod. Reads only.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta};
use tokio::sync::OnceCell;
use tracing::debug;

use super::error::{ClusterError, read};

/// Where Events about the agent as a whole go. Clones share what was found.
#[derive(Clone)]
pub struct OwnDeployment {
    client: kube::Client,
    namespace: String,
    pod: Option<String>,
    found: Arc<OnceCell<Option<ObjectReference>>>,
}

impl OwnDeployment {
    /// Nothing is looked up before it is asked for.
    #[must_use]
    pub fn new(client: kube::Client, namespace: String, pod: Option<String>) -> Self {
        Self { client, namespace, pod, found: Arc::default() }
    }

    /// The agent's own namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The Deployment, if the agent runs in one and may read what leads to it. What was found once is not asked for
    /// again; a question that failed is.
    pub async fn get(&self) -> Option<ObjectReference> {
        match self.found.get_or_try_init(|| self.find()).await {
            Ok(found) => found.clone(),
            Err(error) => {
                debug!(%error, "own Deployment not found; no Events about it this time");
                None
            }
        }
    }

    /// Pod → ReplicaSet → Deployment.
    async fn find(&self) -> Result<Option<ObjectReference>, ClusterError> {
        let Some(pod) = &self.pod else {
            debug!("no pod name, so no Events about the agent's own Deployment; set --pod-name");
            return Ok(None);
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let pod = read(format!("pod {}/{pod}", self.namespace), pods.get_metadata(pod)).await?;
        let Some(set) = controller(&pod.metadata, "ReplicaSet") else { return Ok(self.none("the pod")) };
        let sets: Api<ReplicaSet> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = format!("replicaset {}/{}", self.namespace, set.name);
        let set = read(name, sets.get_metadata(&set.name)).await?;
        let Some(owner) = controller(&set.metadata, "Deployment") else { return Ok(self.none("the ReplicaSet")) };
        Ok(Some(ObjectReference {
            api_version: Some(owner.api_version.clone()),
            kind: Some(owner.kind.clone()),
            namespace: Some(self.namespace.clone()),
            name: Some(owner.name.clone()),
            uid: Some(owner.uid.clone()),
            ..ObjectReference::default()
        }))
    }

    fn none(&self, last: &'static str) -> Option<ObjectReference> {
        debug!(pod = self.pod, "{last} of the agent belongs to no Deployment; no Events about it");
        None
    }
}

fn controller<'a>(metadata: &'a ObjectMeta, kind: &str) -> Option<&'a OwnerReference> {
    let owners = metadata.owner_references.iter().flatten();
    owners.into_iter().find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

#[cfg(test)]
mod tests;
