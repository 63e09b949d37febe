//! What is due, one write for each workload at most.

use jiff::Timestamp;

use super::{Book, Entry, Interest, hooks, resources};
use crate::rollout::decide::{self, Decision, Held, Step};
use crate::rollout::follow::Started;
use crate::rollout::hook::Run;
use crate::rollout::pause::Pause;
use crate::rollout::resource::ResourceName;
use crate::rollout::restart::Restart;
use crate::rollout::state::State;
use crate::rollout::workload::{Standing, WorkloadKey};

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
    /// What the Job is told, if a hook runs it.
    pub hook: Option<Run>,
    /// The resources for which it is restarted; empty exactly if it is not.
    pub changed: Vec<ResourceName>,
    /// What becomes of the Deployment's pause; nothing leaves it alone.
    pub pause: Option<Pause>,
    /// What kept the workload from replacing its pods when this was decided, other than a pause of ours. If it is paused or
    /// replaces them only when they are deleted, a restart changes its template and the pods keep the old data until
    /// somebody acts.
    pub standing: Standing,
    /// Whether the last write of this workload failed. Such writes must not take the place of others.
    pub retrying: bool,
    /// When the first of the changes was seen, of those that this process saw.
    pub seen: Option<Timestamp>,
    /// The record of the restart, which is part of the state; nothing if it is none.
    pub started: Option<Started>,
    /// The annotation has no room for all of its state.
    pub(super) crowded: bool,
    /// What the workload's state is then.
    pub(super) outcome: State,
    /// How many changes had been seen.
    pub(super) changes: u64,
}

impl Write {
    /// Whether it makes new pods: it restarts the workload, or ends the pause of a restart.
    #[must_use]
    pub fn replaces_pods(&self) -> bool {
        self.restart.is_some() || self.pause == Some(Pause::End)
    }
}

/// How many writes may be started.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of workloads whose last write went well.
    pub fresh: usize,
    /// Of workloads whose last write failed.
    pub retrying: usize,
}

impl Book {
    /// The writes that are due and for which there is room. Each has to be reported with [`Book::written`].
    pub fn take(&mut self, mut room: Room, now: Timestamp) -> Vec<Write> {
        if !self.complete {
            return Vec::new();
        }
        let mut writes = Vec::new();
        let mut no_room = Vec::new();
        self.queue.ripen(now);
        loop {
            let (key, its_turn) = match self.queue.pop() {
                Some(key) => (key, false),
                None if room.fresh > 0 && self.bucket.next(now).is_none() => match self.turns.pop() {
                    Some(key) => (key, true),
                    None => break,
                },
                None => break,
            };
            let Some(entry) = self.entries.get(&key).filter(|entry| !entry.in_flight) else { continue };
            if let Some(retry_at) = entry.retry_at.filter(|at| *at > now) {
                self.queue.at(key, retry_at);
                continue;
            }
            let retrying = entry.failures > 0;
            let lane = if retrying { &mut room.retrying } else { &mut room.fresh };
            if !self.places.has_one_for(&key.object.namespace, retrying, *lane) {
                no_room.push((key, its_turn));
            } else if let Some(write) = self.decide(&key, its_turn, now) {
                *lane -= 1;
                self.places.take(&write);
                writes.push(write);
            }
        }
        for (key, its_turn) in no_room {
            match self.entries.get(&key).filter(|_| its_turn) {
                Some(entry) => self.turns.enter(&key, entry.last_restart()),
                None => self.queue.push(key),
            }
        }
        self.turns.next = if self.turns.is_empty() { None } else { self.bucket.next(now) };
        writes
    }

    /// `its_turn`: it has waited longest for the bucket, which has something for it.
    fn decide(&mut self, key: &WorkloadKey, its_turn: bool, now: Timestamp) -> Option<Write> {
        let in_scope = self.has_in_scope(key);
        let held_by_hooks = self.held_by_hooks(key, now);
        let entry = self.entries.get_mut(key)?;
        let Entry { workload, memory, .. } = entry;
        let current = if in_scope {
            self.resources.current(workload, memory.applied(), &self.options)
        } else {
            // Nothing restarts it, but a pause of ours ends.
            resources::unchanged(workload, memory.applied())
        };
        memory.examine(workload, &current, self.options.creation);
        hooks::note_entries(workload, memory, &current, &self.resources);
        let (current, by_hook) = hooks::released(workload, memory, current, &held_by_hooks);
        let sync_pending = Interest::is_any(workload, &self.syncs);
        let throttled = !its_turn && (!self.turns.is_empty() || self.bucket.next(now).is_some());
        let held = Held { sync_pending, by_hook, throttled };

        let decision = decide::decide(workload, memory, &current, held, &self.options, now);
        if decision != Decision::Throttled {
            self.turns.leave(key);
        }
        let step = match decision {
            Decision::Nothing => {
                // A write whose answer was lost has arrived after all.
                (entry.failures, entry.conflicts) = (0, 0);
                return None;
            }
            Decision::Throttled => {
                self.turns.enter(key, entry.last_restart());
                return None;
            }
            Decision::Wait(until) => {
                self.queue.at(key.clone(), until);
                return None;
            }
            Decision::Write(step) if in_scope || step.pause.is_some() => step,
            Decision::Write(_) => return None,
        };
        let Step { mut state, stored, changed, pause } = step;
        let hook = hooks::run(workload, memory, &changed, &self.resources, &mut state);
        let restart = Restart::of(workload, &changed, &current, &self.options, &state, now);
        let seen = changed.iter().filter_map(|name| current.get(name)?.changed).map(|change| change.at).min();
        let started = (!changed.is_empty()).then(|| Started::next(workload, &changed, seen.unwrap_or(now)));
        let known = entry.follow.started().or(workload.started.as_ref());
        let last = match &started {
            None if pause.is_some() => known.map(|known| known.resumed(workload)),
            None => known.cloned(),
            started => started.clone(),
        };
        let crowded = stored.is_some();
        let write = Write {
            workload: key.clone(),
            uid: workload.uid.clone(),
            resource_version: workload.resource_version.clone(),
            // How often a CronJob was run is remembered even if nobody names it at present: Jobs are named after that.
            state: (workload.asks() || state.runs > 0).then(|| {
                let stored = stored.map(|hashes| State { hashes, ..state.clone() });
                stored.as_ref().unwrap_or(&state).render_with(&self.key_id, &workload.uid, last.as_ref())
            }),
            crowded,
            restart: restart.filter(|_| !changed.is_empty()),
            hook,
            changed,
            pause,
            // A pause of ours ends by itself.
            standing: if workload.pausing.since.is_some() { Standing::Usual } else { workload.standing },
            retrying: entry.failures > 0,
            seen,
            started,
            outcome: state,
            changes: self.resources.changes,
        };
        if write.replaces_pods() {
            self.bucket.take();
            memory.restart_sent(self.resources.changes);
        }
        entry.in_flight = true;
        Some(write)
    }
}
