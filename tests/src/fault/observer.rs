//! Each restart of each Deployment of a namespace, in order, as the API server reports it to a watch of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use rekey_core::rollout::marker::{self, Marker};
use rekey_core::rollout::state;

/// What was seen of one Deployment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// `metadata.generation` when it was first seen with the agent's state, and when it was seen last. It counts changes of the
    /// spec, and of a Deployment's annotations too.
    pub generations: (i64, i64),
    /// Each marker on its template that differs from the one before.
    pub markers: Vec<Marker>,
    /// The newest marker's text, by which a change of anything in it counts.
    pub text: String,
    /// The state that the agent keeps on it.
    pub state: Option<String>,
    /// Its uid.
    pub uid: String,
}

/// A running watch. Dropping it ends it.
pub struct Observer {
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Observer {
    /// Begins to watch, on the runtime that calls this.
    #[must_use]
    pub fn start(client: Client, namespace: &str) -> Self {
        let seen: Arc<Mutex<BTreeMap<String, Seen>>> = Arc::default();
        let deployments: Api<Deployment> = Api::namespaced(client, namespace);
        let record = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut stream = watcher(deployments, watcher::Config::default()).boxed();
            while let Some(event) = stream.next().await {
                if let Ok(Event::Apply(deployment) | Event::InitApply(deployment)) = event {
                    let name = deployment.metadata.name.clone().unwrap_or_default();
                    let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
                    record.entry(name).or_default().see(&deployment);
                }
            }
        });
        Self { seen, task }
    }

    /// What was seen so far, by Deployment.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<String, Seen> {
        self.lock().clone()
    }

    /// How many Deployments carry a state of the agent.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.lock().values().filter(|seen| seen.state.is_some()).count()
    }

    /// How many restarts there were.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.lock().values().map(|seen| seen.markers.len()).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn see(&mut self, deployment: &Deployment) {
        let generation = deployment.metadata.generation.unwrap_or_default();
        if self.state.is_none() {
            self.generations.0 = generation;
        }
        self.generations.1 = generation;
        self.uid = deployment.metadata.uid.clone().unwrap_or_default();
        let annotations = deployment.metadata.annotations.as_ref();
        self.state = annotations.and_then(|annotations| annotations.get(state::ANNOTATION)).cloned();
        let template = deployment.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
        let text = template.and_then(|template| template.annotations.as_ref()?.get(marker::ANNOTATION));
        let Some(text) = text.filter(|text| **text != self.text) else { return };
        text.clone_into(&mut self.text);
        self.markers.extend(Marker::parse(text));
    }
}
