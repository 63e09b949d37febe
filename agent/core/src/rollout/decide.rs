//! What to do about one workload now: the comparison of what its pods have got with what the resources hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::content::Content;
use super::pace::Limits;
use super::resource::ResourceName;
use super::stakater::Sha;
use super::state::{Hashes, State};
use super::workload::Workload;
use crate::backoff::{Backoff, after};

/// How far before an opt-in was seen a change may lie and still count as later: the two come by different watches.
const OPT_IN_SLACK: Duration = Duration::from_secs(1);

/// A change of data that this process saw happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was seen.
    pub at: Timestamp,
    /// The version of the resource with the new data, as a number.
    pub version: Option<u64>,
    /// What it held before.
    pub from: Content,
    /// Its number among all changes that this process saw.
    pub number: u64,
}

/// A resource that restarts the workload when its data changes, as Kubernetes holds it.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// What it holds.
    pub content: Content,
    /// The hash of its data for a variable; nothing if it is gone.
    pub sha: Option<Sha>,
    /// The last change that this process saw.
    pub changed: Option<Change>,
    /// The container of the workload that uses it.
    pub container: &'a str,
}

/// All such resources of one workload.
pub type Currents<'a> = BTreeMap<ResourceName, Current<'a>>;

/// What this process knows about a workload beyond the workload itself.
#[derive(Clone, Debug)]
pub struct Memory {
    /// What the pods have got: the newest of what was written by us and what was read.
    applied: State,
    /// The version in which this process saw the workload first, as a number.
    first_version: Option<u64>,
    /// Whether the workload was looked at before, so that a resource without a hash is a later opt-in.
    examined: bool,
    rollout: Option<Rollout>,
    /// Resources that changed while pods started: some may have data that is neither the old nor the newest.
    uncertain: BTreeSet<ResourceName>,
    last_restart: Option<Timestamp>,
    waiting_since: Option<Timestamp>,
    rewrites: u32,
    rewrite_not_before: Option<Timestamp>,
}

/// The last restart, in numbers of changes: pods that started between the two may have got any data of that time.
#[derive(Clone, Copy, Debug)]
struct Rollout {
    /// How many changes had been seen when it was decided.
    decided: u64,
    /// How many when its last pod served; nothing while it runs.
    done: Option<u64>,
}

/// What holds up a restart from outside the workload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// One of its resources is about to be written, and the restart should carry that too.
    pub sync_pending: bool,
    /// Too many workloads were restarted lately: not before this time.
    pub throttled: Option<Timestamp>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything is as it should be.
    Nothing,
    /// Look again at this time; something is outstanding.
    Wait(Timestamp),
    /// Write this state, which restarts nothing.
    Record(State),
    /// Restart the pods and write this state with it.
    Restart {
        /// The state to write.
        state: State,
        /// The resources whose data the pods do not have; the marker is for the first. Never empty.
        changed: Vec<ResourceName>,
    },
}

impl Memory {
    /// The memory of a workload that this process sees for the first time.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        Self {
            applied: workload.state.clone().unwrap_or_default(),
            first_version: workload.resource_version.parse().ok(),
            examined: false,
            rollout: None,
            uncertain: BTreeSet::new(),
            last_restart: None,
            waiting_since: None,
            rewrites: 0,
            rewrite_not_before: None,
        }
    }

    /// The same workload was delivered again. A newer state was written by another replica, or by a write of ours whose
    /// answer was lost: it counts. Any other one was put back by somebody: ours counts, and is written again.
    pub fn seen(&mut self, workload: &Workload) {
        if let Some(state) = &workload.state
            && state.serial > self.applied.serial
        {
            self.applied.serial = state.serial;
            self.applied.hashes.extend(state.hashes.iter().map(|(name, mac)| (name.clone(), *mac)));
            self.uncertain.clear();
        }
    }

    /// Takes in the resources: forgets those that can no longer restart the workload, and gives those that are seen for
    /// the first time their baseline. That is the data as it stands, or, if this process saw it change under the
    /// workload, the data before, so that the workload is restarted even if this process ends before it could.
    pub fn examine(&mut self, workload: &Workload, current: &Currents<'_>, now: Timestamp) {
        self.applied.hashes.retain(|name, _| workload.concerns(name));
        for (name, resource) in current {
            if resource.changed.is_some_and(|change| self.met_starting_pods(change.number)) {
                self.uncertain.insert(name.clone());
            }
            if !self.applied.hashes.contains_key(name) {
                let missed = resource.changed.filter(|change| self.is_later_than(workload, change, now));
                self.applied.hashes.insert(name.clone(), missed.map_or(resource.content, |change| change.from));
            }
        }
        self.examined = true;
    }

    /// Whether a change came after the workload existed, or, for a later opt-in, after that.
    fn is_later_than(&self, workload: &Workload, change: &Change, now: Timestamp) -> bool {
        if self.examined {
            return after(change.at, OPT_IN_SLACK) >= now;
        }
        // Creation is known to the second. Within that second the API server's order of writes decides.
        let second_after = after(workload.created, Duration::from_secs(1));
        let written_after = matches!((self.first_version, change.version), (Some(own), Some(its)) if own < its);
        change.at >= second_after || (change.at >= workload.created && written_after)
    }

    fn met_starting_pods(&self, change: u64) -> bool {
        self.rollout.is_some_and(|rollout| change > rollout.decided && rollout.done.is_none_or(|done| change <= done))
    }

    /// A restart was decided, after this many changes.
    pub fn restart_decided(&mut self, changes: u64) {
        self.rollout = Some(Rollout { decided: changes, done: None });
    }

    /// All pods of the last restart have started, after this many changes.
    pub fn rollout_done(&mut self, changes: u64) {
        self.rollout = self.rollout.map(|rollout| Rollout { done: rollout.done.or(Some(changes)), ..rollout });
    }

    /// A write of this state reached the API server.
    pub fn written(&mut self, workload: &Workload, state: &State, restarted: bool, limits: &Limits, now: Timestamp) {
        if workload.serial() < self.applied.serial {
            self.rewrites += 1;
            self.rewrite_not_before =
                Some(after(now, Backoff::REVERTED.wait(self.rewrites, 0.0).max(limits.min_interval)));
        }
        if state.serial >= self.applied.serial {
            self.applied = state.clone();
        }
        if restarted {
            self.last_restart = Some(now);
            self.waiting_since = None;
            self.uncertain.clear();
        }
    }

    /// Whether a rewrite of the state waits because somebody keeps putting it back.
    #[must_use]
    pub fn rewrite_waits(&self, now: Timestamp) -> bool {
        self.rewrite_not_before.is_some_and(|at| at > now)
    }

    fn next(&self, hashes: Hashes) -> State {
        State { serial: self.applied.serial + 1, hashes }
    }
}

/// Decides about a workload that was examined with the same resources.
pub fn decide(
    workload: &Workload,
    memory: &mut Memory,
    current: &Currents<'_>,
    held: Held,
    limits: &Limits,
    now: Timestamp,
) -> Decision {
    let changed: Vec<ResourceName> = current
        .iter()
        .filter(|(name, resource)| {
            memory.applied.hashes.get(name) != Some(&resource.content) || memory.uncertain.contains(name)
        })
        .map(|(name, _)| name.clone())
        .collect();

    let mut wait = None;
    if changed.is_empty() {
        memory.waiting_since = None;
    } else {
        wait = wait_of_restart(workload, memory, held, limits, now);
        if wait.is_none() {
            let mut hashes = memory.applied.hashes.clone();
            hashes.extend(current.iter().map(|(name, resource)| (name.clone(), resource.content)));
            return Decision::Restart { state: memory.next(hashes), changed };
        }
    }

    if memory.applied.hashes != *workload.recorded() {
        match memory.rewrite_not_before.filter(|at| *at > now && workload.serial() < memory.applied.serial) {
            None => return Decision::Record(memory.next(memory.applied.hashes.clone())),
            Some(at) => wait = Some(wait.map_or(at, |wait| wait.min(at))),
        }
    }
    wait.map_or(Decision::Nothing, Decision::Wait)
}

/// Until when an outstanding restart has to wait, if it has to.
fn wait_of_restart(
    workload: &Workload,
    memory: &mut Memory,
    held: Held,
    limits: &Limits,
    now: Timestamp,
) -> Option<Timestamp> {
    // The workload remembers for a process that does not. A time in the future is a clock that was set back.
    let last = [memory.last_restart, workload.restarted].into_iter().flatten().filter(|last| *last <= now).max();
    let paced = last.map(|last| after(last, limits.min_interval)).filter(|until| *until > now);
    let paced = paced.max(held.throttled);
    if !held.sync_pending {
        return paced;
    }
    let since = *memory.waiting_since.get_or_insert(now);
    let synced = Some(after(since, limits.sync_wait)).filter(|until| *until > now);
    paced.max(synced)
}

#[cfg(test)]
mod tests;
