//! A workload in the few facts that rollouts need. The whole object is dropped once these are read.

mod argo;
mod kind;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::annotations::{Annotations, Triggers};
use super::decision::{self, Flags};
use super::follow::{self, Fingerprint, Health, Started};
use super::hook::{HookJob, Order};
use super::marker::Markers;
use super::mistake::Mistake;
use super::options::{Batch, Options};
use super::pause::Pausing;
use super::references::References;
use super::resource::{ByKind, ResourceName};
use super::state::{self, State};
use crate::object::ObjectKey;

pub use argo::Rollout;
pub use kind::{Restartable, WorkloadKind};

/// Kind, namespace and name of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadKey {
    /// The kind.
    pub kind: WorkloadKind,
    /// Namespace and name.
    pub object: ObjectKey,
}

/// What is kept of a workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Who it is.
    pub key: WorkloadKey,
    /// Its uid: the same name with another uid is another workload.
    pub uid: String,
    /// The version that was read, for the next write.
    pub resource_version: String,
    /// When it was created, by the API server's clock, in whole seconds.
    pub created: Timestamp,
    /// What restarts it.
    pub triggers: ByKind<Triggers>,
    /// Of a CronJob: the Secrets for which hooks run it, and when. They stand in other objects, so the book fills them in.
    pub hooks: BTreeMap<ResourceName, Order>,
    /// What it is to a hook, if it is the Job of one.
    pub hook_job: Option<Box<HookJob>>,
    /// What it references. Empty if nothing restarts it.
    pub references: References,
    /// The state on it, if it is ours.
    pub state: Option<State>,
    /// The markers on its template.
    pub markers: Markers,
    /// How far its rollout is.
    pub progress: Progress,
    /// What keeps it from replacing its pods.
    pub standing: Standing,
    /// What its controller says about its rollout.
    pub health: Health,
    /// The last restart of ours, as it is recorded on it.
    pub started: Option<Started>,
    /// Which template its pods have. Only known where a restart is recorded.
    pub template: Fingerprint,
    /// What it says about pauses between a change and its rollout.
    pub pausing: Pausing,
    /// When it was last restarted, as far as it says so itself.
    pub restarted: Option<Timestamp>,
    /// Whether it replaces its pods without a change of their template.
    pub restarts_in_place: bool,
}

/// What keeps a workload from replacing its pods when their template changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Usual,
    /// Its pods are replaced only when somebody deletes them.
    OnDelete,
    /// Its rollouts are paused.
    Paused,
    /// A CronJob that runs nothing at present.
    Suspended,
    /// A Job that has ended.
    Finished,
    /// It is being deleted, and stays until what it owns is gone or somebody's finalizer lets it go.
    Deleted,
}

/// How far a rollout is, as the workload's own controller reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Counts changes of the spec.
    pub generation: i64,
    /// The generation that the controller has seen.
    pub observed: i64,
    /// Pods wanted.
    pub wanted: i32,
    /// Pods that exist, old and new.
    pub existing: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods that serve.
    pub available: i32,
}

/// An object that no API server would send: it lacks the named field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object has no {0}")]
pub struct Incomplete(
    /// The field.
    pub &'static str,
);

impl Workload {
    /// Reads an object; `key_id` names the key whose hashes are believed.
    ///
    /// One whose pods have no template of its own (an Argo Rollout with `workloadRef`) has no containers either.
    ///
    /// # Errors
    /// [`Incomplete`] if it lacks a field that every stored object has.
    pub fn read<K: Restartable>(object: &K, options: &Options, key_id: &str) -> Result<Self, Incomplete> {
        let none = Annotations::new();
        let metadata = object.metadata();
        let pods = object.template();
        let annotations = metadata.annotations.as_ref().unwrap_or(&none);
        let template = pods.and_then(|pods| pods.metadata.as_ref()?.annotations.as_ref());
        let template = template.unwrap_or(&none);
        let uid = metadata.uid.clone().ok_or(Incomplete("metadata.uid"))?;
        let name = metadata.name.clone().ok_or(Incomplete("metadata.name"))?;
        let namespace = metadata.namespace.clone().ok_or(Incomplete("metadata.namespace"))?;

        let hook_job = object.hook_job().map(Box::new);
        let triggers = ByKind::new(|kind| {
            // The Job of a hook is run for one token, and its CronJob for the next.
            let followed = hook_job.is_none() && !options.scope.resources_to_ignore.contains(&kind);
            if followed { Triggers::read(kind, options, annotations, template) } else { Triggers::default() }
        });
        let started = match K::WORKLOAD {
            WorkloadKind::Job => annotations.get(follow::ANNOTATION).and_then(|text| Started::parse(text)),
            _ => annotations.get(state::ANNOTATION).and_then(|text| state::started(text, &uid)),
        };
        let followed = pods.filter(|_| triggers.iter().any(|(_, triggers)| triggers.any()));
        let markers = followed.map(Markers::of).unwrap_or_default();
        Ok(Self {
            key: WorkloadKey { kind: K::WORKLOAD, object: ObjectKey { namespace, name } },
            resource_version: metadata.resource_version.clone().ok_or(Incomplete("metadata.resourceVersion"))?,
            created: metadata.creation_timestamp.as_ref().ok_or(Incomplete("metadata.creationTimestamp"))?.0,
            state: annotations.get(state::ANNOTATION).and_then(|text| State::parse(text, key_id, &uid)),
            uid,
            restarted: markers.at().max(object.restarted(&markers)),
            markers,
            references: followed.and_then(|pods| pods.spec.as_ref()).map(References::of).unwrap_or_default(),
            triggers,
            hooks: BTreeMap::new(),
            hook_job,
            progress: object.progress(),
            standing: if metadata.deletion_timestamp.is_some() { Standing::Deleted } else { object.standing() },
            health: object.health(),
            template: if started.is_some() { Fingerprint::of(pods) } else { Fingerprint::default() },
            started,
            pausing: match K::WORKLOAD {
                WorkloadKind::Deployment => Pausing::read(annotations, &options.keys),
                _ => Pausing::default(),
            },
            restarts_in_place: object.restarts_in_place(),
        })
    }

    /// The resources that stand in it and could restart it, in order. Patterns may match more.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceName> {
        let named = self.triggers.iter().flat_map(|(kind, triggers)| {
            triggers.literals().map(move |name| ResourceName { kind, name: name.to_owned() })
        });
        let used = self.references.resources().chain(self.hooks.keys()).cloned();
        let mut resources: Vec<ResourceName> = named.chain(used).collect();
        resources.sort_unstable();
        resources.dedup();
        resources.retain(|resource| self.concerns(resource));
        resources
    }

    /// The container that uses a resource whose annotations say this, if its change restarts the workload. A hook runs
    /// its CronJob whatever stands in that.
    #[must_use]
    pub fn container_for(&self, resource: &ResourceName, flags: Flags) -> Option<&str> {
        let decided = decision::decide(self.triggers.of(resource.kind), &self.references, resource, flags).ok();
        decided.or_else(|| self.hooks.contains_key(resource).then_some(""))
    }

    /// The same for a resource of which only the name is known.
    #[must_use]
    pub fn conceivable_container_for(&self, resource: &ResourceName) -> Option<&str> {
        let conceived = decision::conceive(self.triggers.of(resource.kind), &self.references, resource).ok();
        conceived.or_else(|| self.hooks.contains_key(resource).then_some(""))
    }

    /// Whether this resource could restart it.
    #[must_use]
    pub fn concerns(&self, resource: &ResourceName) -> bool {
        self.conceivable_container_for(resource).is_some()
    }

    /// Whether it may be restarted by resources whose names do not stand in it.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        self.triggers.iter().any(|(_, triggers)| triggers.has_patterns())
    }

    /// What stands in its annotations and cannot be understood.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let patterns = self.triggers.iter().flat_map(|(_, triggers)| triggers.mistakes());
        patterns.chain(self.pausing.mistake.as_deref()).cloned().collect()
    }

    /// Whether it never has pods again.
    #[must_use]
    pub fn has_ended(&self, batch: Batch) -> bool {
        match self.standing {
            Standing::Finished => !batch.finished_jobs,
            Standing::Deleted => true,
            _ => false,
        }
    }

    /// Whether it has none until somebody lets it run again.
    #[must_use]
    pub fn is_at_rest(&self, batch: Batch) -> bool {
        self.standing == Standing::Suspended && !batch.suspended_cron_jobs
    }

    /// Whether anything at all can restart it.
    #[must_use]
    pub fn asks(&self) -> bool {
        !self.hooks.is_empty() || self.triggers.iter().any(|(_, triggers)| triggers.any())
    }

    /// Whether it asks for the same resources as another one.
    #[must_use]
    pub fn asks_like(&self, other: &Self) -> bool {
        self.triggers == other.triggers && self.references == other.references && self.hooks == other.hooks
    }

    /// The hashes in its state; none if there is no state of ours.
    #[must_use]
    pub fn recorded(&self) -> &state::Hashes {
        static NONE: state::Hashes = state::Hashes::new();
        self.state.as_ref().map_or(&NONE, |state| &state.hashes)
    }

    /// The number of its state; 0 if there is none of ours.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.serial)
    }
}

impl fmt::Display for WorkloadKey {
    /// `Deployment namespace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.object)
    }
}

impl Progress {
    /// Whether every pod has the template of this generation, or of a later one, and serves.
    #[must_use]
    pub fn is_done(&self, generation: i64) -> bool {
        self.is_replaced(generation) && self.available >= self.updated
    }

    /// Whether every pod has the template of this generation, or of a later one.
    #[must_use]
    pub fn is_replaced(&self, generation: i64) -> bool {
        self.observed >= generation
            && self.observed >= self.generation
            && self.updated >= self.wanted
            && self.existing <= self.updated
    }
}

#[cfg(test)]
mod tests;
