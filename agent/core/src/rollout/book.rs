//! Everything that rollouts know: the hashes of resources, the workloads, what waits and what is being written.
//!
//! The agent feeds it from its watches, asks it for writes, carries them out and reports what became of them. It does
//! no I/O and has no clock: the time is passed in.

mod baseline;
mod hooks;
mod interest;
mod outcome;
mod places;
mod queue;
mod resources;
#[cfg(test)]
mod simulation;
mod telling;
#[cfg(test)]
mod tests;
mod turns;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

pub use self::baseline::Unrecorded;
use self::hooks::Hooks;
pub use self::hooks::Owner;
use self::interest::Interest;
pub use self::outcome::{Outcome, Settled};
use self::places::Places;
use self::queue::Queue;
pub use self::resources::ResourceSeen;
use self::resources::Resources;
pub use self::telling::Misread;
use self::turns::Turns;
pub use self::write::{Room, Write};
use super::decide::Memory;
use super::follow::Follow;
use super::options::Options;
use super::resource::ResourceKey;
use super::scope::Reach;
use super::workload::{Workload, WorkloadKey, WorkloadKind};
use crate::budget::Bucket;
use crate::object::ObjectKey;

/// The book of all rollouts.
#[derive(Debug)]
pub struct Book {
    key_id: String,
    options: Options,
    bucket: Bucket,
    resources: Resources,
    entries: HashMap<WorkloadKey, Entry>,
    /// Workloads that were seen and are nothing to be restarted. Should they ask for it, what changed before counts not.
    bystanders: HashSet<WorkloadKey>,
    /// What of a cluster is in scope.
    reach: Reach,
    interest: Interest,
    hooks: Hooks,
    /// Syncs that are queued or running, by target.
    syncs: HashMap<ResourceKey, usize>,
    queue: Queue,
    turns: Turns,
    places: Places,
    /// Workloads whose restarts are to be looked at.
    followed: Queue,
    /// Workloads whose mistakes were not told as they are.
    misread: BTreeSet<WorkloadKey>,
    complete: bool,
}

#[derive(Debug)]
struct Entry {
    workload: Workload,
    memory: Memory,
    /// The write that is under way. There is never a second one.
    in_flight: bool,
    failures: u32,
    conflicts: u32,
    retry_at: Option<Timestamp>,
    /// The generation that a restart of ours made, until its pods have all started.
    following: Option<i64>,
    /// What becomes of it, for people.
    follow: Follow,
    /// Its annotation has no room for all of its state.
    crowded: bool,
}

impl Book {
    /// An empty book. `key_id` names the key whose hashes are believed.
    #[must_use]
    pub fn new(key_id: impl Into<String>, options: Options) -> Self {
        Self {
            key_id: key_id.into(),
            bucket: Bucket::new(options.limits.rate, options.limits.burst),
            reach: Reach::new(options.scope.clone()),
            options,
            resources: Resources::default(),
            entries: HashMap::new(),
            bystanders: HashSet::new(),
            interest: Interest::default(),
            hooks: Hooks::default(),
            syncs: HashMap::new(),
            queue: Queue::default(),
            turns: Turns::default(),
            places: Places::default(),
            followed: Queue::default(),
            misread: BTreeSet::new(),
            complete: false,
        }
    }

    /// A namespace as Kubernetes holds it, in its labels; nothing if it is gone. What is in a namespace that comes into
    /// scope is seen as if for the first time, unless its state tells otherwise.
    pub fn namespace_seen(&mut self, name: &str, labels: Option<&BTreeMap<String, String>>, now: Timestamp) {
        if !self.reach.namespace_seen(name, labels) || !self.complete {
            return;
        }
        for (key, entry) in self.entries.iter_mut().filter(|(key, _)| key.object.namespace == name) {
            entry.memory = Memory::late(&entry.workload, now);
            self.queue.push(key.clone());
        }
    }

    /// A resource as Kubernetes holds it, from a watch, a read or the answer to a write. Older versions than one seen before
    /// are ignored; so whoever writes a Secret shows the version that he writes over first.
    pub fn resource_seen(&mut self, key: &ResourceKey, seen: &ResourceSeen<'_>, now: Timestamp) {
        let scope = &self.options.scope;
        if !scope.has_namespace(&key.object.namespace) {
            return;
        }
        if !scope.resource_labels.fit(seen.labels) {
            return self.resource_gone(key);
        }
        if self.resources.seen(key, seen, self.complete, now) && self.complete {
            self.queue.extend(self.interest.workloads(key, &self.entries));
        }
    }

    /// A resource was deleted. What was applied of it stays remembered on the workloads.
    pub fn resource_gone(&mut self, key: &ResourceKey) {
        if self.resources.gone(key) && self.complete {
            self.queue.extend(self.interest.workloads(key, &self.entries));
        }
    }

    /// A workload as Kubernetes holds it. Older versions than one seen before are ignored.
    pub fn workload_seen(&mut self, mut workload: Workload, now: Timestamp) {
        let key = workload.key.clone();
        if !self.options.scope.has_namespace(&key.object.namespace) || self.options.ignored.contains(&key.kind) {
            return;
        }
        workload.hooks = self.hooks.of(&key);
        if let Some(job) = workload.hook_job.take() {
            self.hook_job_seen(&job);
        }
        self.wake_for_hooks(&key);
        let known = self.entries.get_mut(&key).filter(|entry| entry.workload.uid == workload.uid);
        if known.as_ref().is_some_and(|entry| is_older(&workload.resource_version, &entry.workload.resource_version)) {
            return;
        }
        if !matters(&workload) {
            self.forget(&key);
            self.bystanders.insert(key);
            return;
        }
        if self.complete {
            self.queue.push(key.clone());
            self.followed.push(key.clone());
        }
        let Some(entry) = known else {
            let stood_by = self.bystanders.contains(&key);
            self.forget(&key);
            self.interest.add(&workload);
            if !workload.mistakes().is_empty() {
                self.misread.insert(key.clone());
            }
            let mut memory = Memory::new(&workload);
            if stood_by {
                memory.asks_anew(Some(&workload), now);
            }
            self.entries.insert(key, Entry::new(workload, memory));
            return;
        };
        let mistakes = workload.mistakes();
        if !mistakes.is_empty() && mistakes != entry.workload.mistakes() {
            self.misread.insert(key);
        }
        // Most deliveries are of a status.
        if !workload.asks_like(&entry.workload) {
            self.interest.remove(&entry.workload);
            self.interest.add(&workload);
            entry.memory.asks_anew(Some(&workload), now);
        }
        entry.memory.seen(&workload);
        entry.workload = workload;
        if entry.conflicts > 0 {
            // What the write waited for is here.
            entry.retry_at = None;
        }
        entry.note_done(self.resources.changes);
    }

    /// A workload was deleted.
    pub fn workload_gone(&mut self, key: &WorkloadKey) {
        self.wake_for_hooks(key);
        self.forget(key);
        self.hook_job_gone(key);
    }

    fn forget(&mut self, key: &WorkloadKey) {
        self.bystanders.remove(key);
        if let Some(entry) = self.entries.remove(key) {
            self.interest.remove(&entry.workload);
            self.queue.forget(key);
            self.turns.leave(key);
            self.followed.forget(key);
        }
    }

    /// All resources and workloads that exist have been seen once, and this process is the one that writes. Nothing is decided
    /// or queued before, however long it takes.
    pub fn complete(&mut self) {
        self.complete = true;
        self.queue.extend(self.entries.keys().cloned());
        self.followed.extend(self.entries.keys().cloned());
    }

    /// Whether [`Book::complete`] was called.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// A sync of this target was queued; each call is followed by one of [`Book::sync_finished`].
    pub fn sync_queued(&mut self, target: &ObjectKey) {
        *self.syncs.entry(ResourceKey::secret(target.clone())).or_default() += 1;
    }

    /// A sync of this target ended, well or not.
    pub fn sync_finished(&mut self, target: &ObjectKey) {
        let target = ResourceKey::secret(target.clone());
        let Some(count) = self.syncs.get_mut(&target) else { return };
        *count -= 1;
        if *count == 0 {
            self.syncs.remove(&target);
            self.queue.extend(self.interest.workloads(&target, &self.entries));
        }
    }

    fn has_in_scope(&self, workload: &WorkloadKey) -> bool {
        self.reach.has_namespace(&workload.object.namespace)
    }

    /// When to call [`Book::take`] and [`Book::news`] again at the latest, if nothing happens before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        [self.queue.next(), self.turns.next, self.followed.next()].into_iter().flatten().min()
    }
}

impl Entry {
    fn new(workload: Workload, memory: Memory) -> Self {
        Self {
            workload,
            memory,
            in_flight: false,
            failures: 0,
            conflicts: 0,
            retry_at: None,
            following: None,
            follow: Follow::default(),
            crowded: false,
        }
    }

    /// When it was restarted last, as far as anybody says.
    fn last_restart(&self) -> Option<Timestamp> {
        self.memory.restarted().max(self.workload.restarted)
    }

    /// Notes it if the pods of our last restart have all started.
    fn note_done(&mut self, changes: u64) {
        if self.following.is_some_and(|generation| self.workload.progress.is_done(generation)) {
            self.following = None;
            self.memory.rollout_done(changes);
        }
    }
}

/// Whether there can be anything to write on a workload, or to tell of it. A CronJob may be named by a hook at any time.
fn matters(workload: &Workload) -> bool {
    let asks = workload.asks() || !workload.mistakes().is_empty();
    let marked = workload.state.is_some() || workload.started.is_some() || workload.pausing.since.is_some();
    asks || marked || workload.key.kind == WorkloadKind::CronJob
}

/// Whether a version is certainly older. Versions are numbers on every API server that matters; others are not compared.
fn is_older(version: &str, than: &str) -> bool {
    matches!((version.parse::<u64>(), than.parse::<u64>()), (Ok(version), Ok(than)) if version < than)
}
