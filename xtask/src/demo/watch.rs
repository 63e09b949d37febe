//! What an onlooker sees through the API: when the Secret's data and the Deployment's template change, and when the pods
//! of the new template are all there.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::task::JoinHandle;

/// The first time that each thing was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub secret_changed: Option<Timestamp>,
    pub template_changed: Option<Timestamp>,
    pub rolled_out: Option<Timestamp>,
}

/// Watches one Secret and one Deployment until it is dropped.
pub struct Onlooker {
    seen: Arc<Mutex<Seen>>,
    tasks: [JoinHandle<()>; 2],
}

impl Onlooker {
    /// Both are called `name`, and are there already.
    pub fn start(client: &kube::Client, namespace: &str, name: &str, secret: &Secret, deployment: &Deployment) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let note = |seen: &Arc<Mutex<Seen>>, place: fn(&mut Seen) -> &mut Option<Timestamp>| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            place(&mut seen).get_or_insert_with(Timestamp::now);
        };

        let before = secret.data.clone();
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let (stream, book) = (watcher(secrets, only.clone()), Arc::clone(&seen));
        let secrets = tokio::spawn(async move {
            let mut stream = stream.default_backoff().applied_objects().boxed();
            while let Some(secret) = stream.next().await {
                if secret.is_ok_and(|secret| secret.data != before) {
                    note(&book, |seen| &mut seen.secret_changed);
                }
            }
        });

        let generation = deployment.metadata.generation;
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        let (stream, book) = (watcher(deployments, only), Arc::clone(&seen));
        let deployments = tokio::spawn(async move {
            let mut stream = stream.default_backoff().applied_objects().boxed();
            loop {
                let deployment = match stream.try_next().await {
                    Ok(None) => return,
                    Ok(Some(deployment)) => deployment,
                    Err(_) => continue,
                };
                if deployment.metadata.generation > generation {
                    note(&book, |seen| &mut seen.template_changed);
                    if is_complete(&deployment) {
                        note(&book, |seen| &mut seen.rolled_out);
                    }
                }
            }
        });
        Self { seen, tasks: [secrets, deployments] }
    }

    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn is_complete(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation == deployment.metadata.generation
            && status.updated_replicas == wanted
            && status.available_replicas == wanted
            && status.replicas == wanted
    })
}
