//! Rollouts: carries what `rekey_core::rollout` decides from the watches to the workloads.
//!
//! ```text
//! watch ─► resource_seen, workload_seen ─► book (core) ─► run ─► cluster/workload.rs
//! sync ──► baseline, sync_queued, sync_finished ─┘
//! ```
//!
//! A Secret or ConfigMap is hashed when it is seen and nothing of its data is kept. This module never reads from AWS, never writes a
//! Secret, and does not care who wrote one.

mod again;
mod baseline;
mod followed;
mod hook;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::annotations::Annotations;
use rekey_core::rollout::book::{Book, ResourceSeen};
use rekey_core::rollout::decision::Flags;
use rekey_core::rollout::hash::HashKey;
use rekey_core::rollout::hook::EntryMacs;
use rekey_core::rollout::options::Options;
use rekey_core::rollout::resource::{ResourceKey, ResourceKind};
use rekey_core::rollout::workload::{Restartable, Workload, WorkloadKey, WorkloadKind};
use tokio::sync::{Notify, watch};
use tracing::warn;

pub use self::followed::Followed;
pub use self::report::Audience;
use self::report::Reports;
use self::webhook::Webhook;
use crate::cluster::Writer;
use crate::cluster::job::Jobs;
use crate::cluster::workload::Workloads;
use crate::post::Posts;
use crate::state::State;

/// What rollouts need to know besides what they see.
#[derive(Clone, Default)]
pub struct RolloutOptions {
    /// What the installation chose.
    pub choices: Options,
    /// Who is told.
    pub audience: Audience,
    /// What knows which ExternalSecrets produce a Secret, so that people are told there too.
    pub state: Option<State>,
    /// Where changes are posted in place of restarts; nowhere, if there is nothing.
    pub webhook: Option<Posts>,
    /// The agent's own namespace.
    pub namespace: String,
}

/// All rollouts of this agent. Clones are the same.
#[derive(Clone)]
pub struct Rollouts {
    inner: Arc<Inner>,
}

struct Inner {
    book: Mutex<Book>,
    key: HashKey,
    choices: Options,
    workloads: Workloads,
    jobs: Jobs,
    reports: Reports,
    /// In place of restarts.
    webhook: Option<Webhook>,
    /// Something may have become due.
    due: Notify,
    /// A Job may have been deleted and not be there again.
    left: Notify,
    /// A write has ended.
    settled: watch::Sender<()>,
}

impl Rollouts {
    /// Nothing is known yet: feed the watches, call [`Rollouts::complete`], and let [`Rollouts::run`] run.
    #[must_use]
    pub fn new(writer: Writer, key: HashKey, options: RolloutOptions) -> Self {
        let webhook = options.webhook.map(|posts| Webhook::new(posts, &options.choices));
        let jobs = Jobs::new(writer.clone(), &options.namespace);
        let inner = Inner {
            book: Mutex::new(Book::new(key.id(), options.choices.clone())),
            key,
            choices: options.choices,
            workloads: Workloads::new(writer, jobs.clone()),
            jobs,
            reports: Reports::new(options.audience, options.state),
            webhook,
            due: Notify::new(),
            left: Notify::new(),
            settled: watch::Sender::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A Secret or ConfigMap as Kubernetes holds it. It may come from the watch, from a read, or from the answer to a write, in any
    /// order: an older version than one seen before is ignored. Whoever writes a Secret shows the answer before
    /// [`Rollouts::sync_finished`], so that a restart carries it even when the watch is a moment behind.
    pub fn resource_seen<K: Followed>(&self, resource: &K) {
        let metadata = resource.metadata();
        let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else { return };
        let key = ResourceKey { kind: K::RESOURCE, object: ObjectKey::new(namespace, name) };
        let none = Annotations::new();
        let entries = match K::RESOURCE {
            ResourceKind::Secret => EntryMacs::of(&self.inner.key, &key.object, resource.entries().into_iter()),
            ResourceKind::ConfigMap => EntryMacs::default(),
        };
        let seen = ResourceSeen {
            resource_version: metadata.resource_version.as_deref().unwrap_or_default(),
            mac: self.inner.key.hash(key.kind, &key.object, resource.entries().into_iter()),
            sha: resource.sha(),
            flags: Flags::read(metadata.annotations.as_ref().unwrap_or(&none), &self.inner.choices.keys),
            entries: &entries,
            labels: metadata.labels.as_ref().unwrap_or(&none),
        };
        if let Some(webhook) = &self.inner.webhook {
            return webhook.seen(&key, &seen);
        }
        self.book().resource_seen(&key, &seen, Timestamp::now());
        self.inner.due.notify_one();
    }

    /// A Secret or ConfigMap was deleted.
    pub fn resource_gone(&self, key: &ResourceKey) {
        if let Some(webhook) = &self.inner.webhook {
            return webhook.gone(key);
        }
        self.book().resource_gone(key);
        self.inner.due.notify_one();
    }

    /// A namespace in its labels, or that there is none of this name.
    pub fn namespace_seen(&self, name: &str, labels: Option<&BTreeMap<String, String>>) {
        if let Some(webhook) = &self.inner.webhook {
            return webhook.namespace_seen(name, labels);
        }
        self.book().namespace_seen(name, labels, Timestamp::now());
        self.inner.due.notify_one();
    }

    /// Whether workloads of this kind are looked at at all.
    #[must_use]
    pub fn follow(&self, kind: WorkloadKind) -> bool {
        !self.inner.choices.ignored.contains(&kind)
    }

    /// A workload as Kubernetes holds it.
    pub fn workload_seen<K: Restartable>(&self, object: &K) {
        if self.inner.webhook.is_some() {
            return;
        }
        let workload = match Workload::read(object, &self.inner.choices, self.inner.key.id()) {
            Ok(workload) => workload,
            Err(error) => {
                let (kind, name) = (K::WORKLOAD.as_str(), &object.metadata().name);
                return warn!(kind, name, %error, "workload is not readable");
            }
        };
        self.book().workload_seen(workload, Timestamp::now());
        self.inner.due.notify_one();
    }

    /// A workload was deleted.
    pub fn workload_gone(&self, key: &WorkloadKey) {
        self.book().workload_gone(key);
        self.inner.reports.gone(key);
    }

    /// Every resource and workload that exists has been seen, and this instance leads. Nothing is decided before.
    pub fn complete(&self) {
        if let Some(webhook) = &self.inner.webhook {
            return webhook.complete();
        }
        self.book().complete();
        self.inner.due.notify_one();
        self.inner.settled.send_replace(());
    }

    /// A sync of this target is queued or runs. Restarts of its workloads wait for it, though not for ever. Each call is
    /// followed by one of [`Rollouts::sync_finished`].
    pub fn sync_queued(&self, target: &ObjectKey) {
        self.book().sync_queued(target);
    }

    /// A sync of this target ended, well or not.
    pub fn sync_finished(&self, target: &ObjectKey) {
        self.book().sync_finished(target);
        self.inner.due.notify_one();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // The book holds no promises between its fields that a panic of another thread could have broken half-way.
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
