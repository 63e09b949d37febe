//! Everything that rollouts know: the hashes of resources, the workloads, what waits and what is being written.
//!
//! The agent feeds it from its watches, asks it for writes, carries them out and reports what became of them. It does
//! no I/O and has no clock: the time is passed in.

mod interest;
mod outcome;
mod queue;
mod resources;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jiff::Timestamp;

use self::interest::Interest;
pub use self::outcome::Outcome;
use self::queue::Queue;
pub use self::resources::ResourceSeen;
use self::resources::Resources;
use super::decide::{self, Decision, Held, Memory};
use super::decision;
use super::follow::{Follow, News, Started};
use super::mistake::Mistake;
use super::options::Options;
use super::pause::Pause;
use super::resource::{ResourceKey, ResourceName};
use super::restart::Restart;
use super::state::State;
use super::workload::{Standing, Workload, WorkloadKey};
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
    interest: Interest,
    /// Syncs that are queued or running, by target.
    syncs: HashMap<ResourceKey, usize>,
    queue: Queue,
    /// Workloads whose restarts are to be looked at.
    followed: Queue,
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
    /// The generation that a restart of ours made, until its rollout is done.
    following: Option<i64>,
    /// How that goes on, for people.
    follow: Follow,
}

/// One patch of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The workload.
    pub workload: WorkloadKey,
    /// Its uid.
    pub uid: String,
    /// The version on which the decision was made; the patch must fail if there is a newer one.
    pub resource_version: String,
    /// The new value of the state annotation; nothing removes it.
    pub state: Option<String>,
    /// How the workload is restarted; nothing leaves its pods alone.
    pub restart: Option<Restart>,
    /// The resources for which it is restarted; empty exactly if it is not.
    pub changed: Vec<ResourceName>,
    /// What becomes of the Deployment's pause; nothing leaves it alone.
    pub pause: Option<Pause>,
    /// What kept the workload from replacing its pods when this was decided. If it is paused or replaces them only when
    /// they are deleted, a restart changes its template and the pods keep the old data until somebody acts.
    pub standing: Standing,
    /// Whether the last write of this workload failed. Such writes must not take the place of others.
    pub retrying: bool,
    /// When the first of the changes was seen, of those that this process saw.
    pub seen: Option<Timestamp>,
    /// The record of the restart, which is part of the state; nothing if it is none.
    pub started: Option<Started>,
    outcome: State,
}

/// How many writes may be started.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of workloads whose last write went well.
    pub fresh: usize,
    /// Of workloads whose last write failed.
    pub retrying: usize,
}

/// What a delivered workload gave rise to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The rollout of a restart of ours is done.
    pub done: bool,
    /// What stands in its annotations and cannot be understood, if that is new.
    pub mistakes: Vec<Mistake>,
}

/// The workloads whose state lacks a Secret that is about to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Those that will be written shortly.
    pub waiting: Vec<WorkloadKey>,
    /// Those whose last write failed.
    pub failing: Vec<WorkloadKey>,
}

impl Book {
    /// An empty book. `key_id` names the key whose hashes are believed.
    #[must_use]
    pub fn new(key_id: impl Into<String>, options: Options) -> Self {
        Self {
            key_id: key_id.into(),
            bucket: Bucket::new(options.limits.rate, options.limits.burst),
            options,
            resources: Resources::default(),
            entries: HashMap::new(),
            interest: Interest::default(),
            syncs: HashMap::new(),
            queue: Queue::default(),
            followed: Queue::default(),
            complete: false,
        }
    }

    /// A resource as Kubernetes holds it, from a watch, a read or the answer to a write. Older versions than one seen before
    /// are ignored; so whoever writes a Secret shows the version that he writes over first.
    pub fn resource_seen(&mut self, key: &ResourceKey, seen: &ResourceSeen<'_>, now: Timestamp) {
        if self.resources.seen(key, seen, now) && self.complete {
            self.queue.extend(self.interest.workloads(key, &self.entries));
        }
    }

    /// A resource was deleted. What was applied of it stays remembered on the workloads.
    pub fn resource_gone(&mut self, key: &ResourceKey) {
        self.resources.gone(key);
    }

    /// A workload as Kubernetes holds it. Older versions than one seen before are ignored.
    pub fn workload_seen(&mut self, workload: Workload) -> Seen {
        let key = workload.key.clone();
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.workload.uid == workload.uid) else {
            self.workload_gone(&key);
            self.interest.add(&workload);
            if self.complete {
                self.queue.push(key.clone());
                self.followed.push(key.clone());
            }
            let seen = Seen { done: false, mistakes: workload.mistakes() };
            self.entries.insert(key, Entry::new(workload));
            return seen;
        };
        if is_older(&workload.resource_version, &entry.workload.resource_version) {
            return Seen::default();
        }
        let mut mistakes = workload.mistakes();
        if mistakes == entry.workload.mistakes() {
            mistakes.clear();
        }
        self.interest.replace(&entry.workload, &workload);
        entry.memory.seen(&workload);
        entry.workload = workload;
        if entry.conflicts > 0 {
            // What the write waited for is here.
            entry.retry_at = None;
        }
        if self.complete {
            self.followed.push(key.clone());
            self.queue.push(key);
        }
        Seen { done: entry.take_done(self.resources.changes), mistakes }
    }

    /// A workload was deleted.
    pub fn workload_gone(&mut self, key: &WorkloadKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.interest.remove(&entry.workload);
            self.queue.forget(key);
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

    /// The writes that are due and for which there is room. Each has to be reported with [`Book::written`].
    pub fn take(&mut self, mut room: Room, now: Timestamp) -> Vec<Write> {
        if !self.complete {
            return Vec::new();
        }
        let mut writes = Vec::new();
        let mut no_room = Vec::new();
        self.queue.ripen(now);
        while let Some(key) = self.queue.pop() {
            let Some(entry) = self.entries.get(&key).filter(|entry| !entry.in_flight) else { continue };
            if let Some(retry_at) = entry.retry_at.filter(|at| *at > now) {
                self.queue.at(key, retry_at);
                continue;
            }
            let lane = if entry.failures > 0 { &mut room.retrying } else { &mut room.fresh };
            if *lane == 0 {
                no_room.push(key);
            } else if let Some(write) = self.decide(&key, now) {
                *lane -= 1;
                writes.push(write);
            }
        }
        self.queue.extend(no_room);
        writes
    }

    /// What there is to tell of restarts that were carried out.
    pub fn news(&mut self, now: Timestamp) -> Vec<News> {
        let mut news = Vec::new();
        if !self.complete {
            return news;
        }
        self.followed.ripen(now);
        while let Some(key) = self.followed.pop() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let look = entry.follow.look(&entry.workload, now);
            news.extend(look.news);
            if let Some(again) = look.again {
                self.followed.at(key, again);
            }
        }
        news
    }

    /// When to call [`Book::take`] and [`Book::news`] again at the latest, if nothing happens before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        [self.queue.next(), self.followed.next()].into_iter().flatten().min()
    }

    /// The workloads that a change of this Secret would restart and whose state does not know it yet. They are made due.
    pub fn unrecorded(&mut self, target: &ObjectKey, now: Timestamp) -> Unrecorded {
        let target = ResourceKey::secret(target.clone());
        let name = target.local();
        let mut unrecorded = Unrecorded::default();
        let Some(flags) = self.resources.flags(&target) else { return unrecorded };
        for key in self.interest.workloads(&target, &self.entries) {
            let Some(entry) = self.entries.get(&key) else { continue };
            let Workload { triggers, references, .. } = &entry.workload;
            let asked = decision::decide(triggers.of(name.kind), references, &name, flags).is_ok();
            if !asked || entry.workload.recorded().contains_key(&name) || entry.memory.rewrite_waits(now) {
                continue;
            }
            if entry.failures > 0 {
                unrecorded.failing.push(key);
            } else {
                self.queue.push(key.clone());
                unrecorded.waiting.push(key);
            }
        }
        unrecorded
    }

    fn decide(&mut self, key: &WorkloadKey, now: Timestamp) -> Option<Write> {
        let entry = self.entries.get_mut(key)?;
        let Entry { workload, memory, .. } = entry;
        let current = self.resources.current(workload);
        let sync_pending = Interest::is_any(workload, &self.syncs);
        let held = Held { sync_pending, throttled: self.bucket.next(now) };
        memory.examine(workload, &current, now);

        let (state, changed) = match decide::decide(workload, memory, &current, held, &self.options.limits, now) {
            Decision::Nothing => {
                // A write whose answer was lost has arrived after all.
                (entry.failures, entry.conflicts) = (0, 0);
                return None;
            }
            Decision::Wait(until) => {
                self.queue.at(key.clone(), until);
                return None;
            }
            Decision::Record(state) => (state, Vec::new()),
            Decision::Restart { state, changed } => {
                self.bucket.take();
                memory.restart_decided(self.resources.changes);
                (state, changed)
            }
        };
        let seen = changed.iter().filter_map(|name| current.get(name)?.changed).map(|change| change.at).min();
        let started = (!changed.is_empty()).then(|| Started::next(workload, &changed, seen.unwrap_or(now)));
        let last = started.as_ref().or(entry.follow.started()).or(workload.started.as_ref());
        let text = state.render_with(&self.key_id, &workload.uid, last);
        let write = Write {
            workload: key.clone(),
            uid: workload.uid.clone(),
            resource_version: workload.resource_version.clone(),
            restart: Restart::of(workload, &changed, &current, &self.options, &state, now)
                .filter(|_| !changed.is_empty()),
            state: (!state.hashes.is_empty()).then_some(text),
            seen,
            started,
            pause: None,
            standing: workload.standing,
            changed,
            retrying: entry.failures > 0,
            outcome: state,
        };
        entry.in_flight = true;
        Some(write)
    }
}

impl Entry {
    fn new(workload: Workload) -> Self {
        let memory = Memory::new(&workload);
        Self {
            workload,
            memory,
            in_flight: false,
            failures: 0,
            conflicts: 0,
            retry_at: None,
            following: None,
            follow: Follow::default(),
        }
    }

    /// Whether the rollout that was followed is done; it is then followed no longer.
    fn take_done(&mut self, changes: u64) -> bool {
        let done = self.following.is_some_and(|generation| self.workload.progress.is_done(generation));
        if done {
            self.following = None;
            self.memory.rollout_done(changes);
        }
        done
    }
}

/// Whether a version is certainly older. Versions are numbers on every API server that matters; others are not compared.
fn is_older(version: &str, than: &str) -> bool {
    matches!((version.parse::<u64>(), than.parse::<u64>()), (Ok(version), Ok(than)) if version < than)
}
