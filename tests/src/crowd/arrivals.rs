//! Watches of its own on Secrets and Deployments, which note when they first said what.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use rekey_core::object::ObjectKey;
use rekey_core::rollout::{marker, state};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::fault::fleet::KEY;

/// Running watches. Dropping them ends them.
pub struct Arrivals {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    more: Notify,
}

#[derive(Default)]
struct Seen {
    /// When a target first held this.
    values: HashMap<String, Instant>,
    /// By Deployment, the newest marker on its template and when that was first there.
    markers: HashMap<ObjectKey, (String, Instant)>,
    /// Deployments on which the agent has put on record what they run with.
    recorded: HashSet<ObjectKey>,
}

impl Arrivals {
    pub(super) fn start(client: &Client) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let tasks = [
            follow(client, &shared, |seen, secret: Secret, at| {
                let value = secret.data.and_then(|mut data| data.remove(KEY));
                if let Some(value) = value.and_then(|value| String::from_utf8(value.0).ok()) {
                    seen.values.entry(value).or_insert(at);
                }
            }),
            follow(client, &shared, |seen, deployment: Deployment, at| {
                let metadata = deployment.metadata;
                let key = ObjectKey::new(
                    metadata.namespace.as_deref().unwrap_or_default(),
                    metadata.name.as_deref().unwrap_or_default(),
                );
                if metadata.annotations.is_some_and(|annotations| annotations.contains_key(state::ANNOTATION)) {
                    seen.recorded.insert(key.clone());
                }
                let template = deployment.spec.and_then(|spec| spec.template.metadata?.annotations);
                let Some(text) = template.and_then(|mut template| template.remove(marker::ANNOTATION)) else { return };
                if seen.markers.get(&key).is_none_or(|(before, _)| *before != text) {
                    seen.markers.insert(key, (text, at));
                }
            }),
        ];
        Self { shared, tasks }
    }

    /// Waits until a target holds this value. Returns when that was first seen.
    pub async fn value(&self, value: &str, timeout: Duration) -> Result<Instant> {
        self.until("a target to hold its new value", timeout, |seen| seen.values.get(value).copied()).await
    }

    /// Waits until the template of this Deployment is newer than `since`. Returns when that was first seen.
    pub async fn restart(&self, workload: &ObjectKey, since: Instant, timeout: Duration) -> Result<Instant> {
        let newer = |seen: &Seen| seen.markers.get(workload).map(|(_, at)| *at).filter(|at| *at > since);
        self.until(&format!("{workload} to be restarted"), timeout, newer).await
    }

    pub(super) async fn baseline(&self, workload: &ObjectKey, timeout: Duration) -> Result<()> {
        self.until(&format!("{workload} to have its baseline"), timeout, |seen| {
            seen.recorded.contains(workload).then_some(())
        })
        .await
    }

    async fn until<T>(&self, what: &str, timeout: Duration, look: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                // Before the look, so that what arrives after it is not missed.
                let more = self.shared.more.notified();
                if let Some(found) = look(&self.shared.seen()) {
                    return found;
                }
                more.await;
            }
        };
        tokio::time::timeout(timeout, found).await.with_context(|| format!("waited {timeout:?} in vain for {what}"))
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn follow<K>(client: &Client, shared: &Arc<Shared>, note: fn(&mut Seen, K, Instant)) -> JoinHandle<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (api, shared) = (Api::<K>::all(client.clone()), Arc::clone(shared));
    tokio::spawn(async move {
        let mut stream = watcher(api, watcher::Config::default()).boxed();
        while let Some(event) = stream.next().await {
            if let Ok(Event::Apply(object) | Event::InitApply(object)) = event {
                note(&mut shared.seen(), object, Instant::now());
                shared.more.notify_waiters();
            }
        }
    })
}
