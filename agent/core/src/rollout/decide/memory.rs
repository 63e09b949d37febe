//! What this process knows about a workload beyond the workload itself.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Change, Current, Currents};
use crate::backoff::{Backoff, after};
use crate::rollout::content::Content;
use crate::rollout::hook::EntryMacs;
use crate::rollout::options::{Creation, Options};
use crate::rollout::pace::Limits;
use crate::rollout::resource::ResourceName;
use crate::rollout::state::{Hashes, State};
use crate::rollout::workload::Workload;

/// How far before an opt-in was seen a change may lie and still count as later, where versions do not tell: the two come by
/// different watches.
const OPT_IN_SLACK: Duration = Duration::from_secs(1);

/// What its pods have got, and what makes that doubtful.
#[derive(Clone, Debug)]
pub struct Memory {
    /// What the pods have got: the newest of what was written by us and what was read.
    applied: State,
    /// The version in which this process saw the workload first, as a number.
    first_version: Option<u64>,
    /// Its controller had not seen it by then, so that it had no pods.
    first_without_pods: bool,
    /// Since when a change of what it has no record of counts: since it asks for what it asks for now. Nothing means
    /// since it was created.
    since: Option<Since>,
    /// After how many changes the first of the restarts was decided of which nobody knows yet whether they happened.
    sent: Option<u64>,
    rollout: Option<Rollout>,
    /// Resources that changed while pods started: some may have data that is neither the old nor the newest.
    uncertain: BTreeSet<ResourceName>,
    pub(super) waiting_since: Option<Timestamp>,
    rewrites: u32,
    rewrite_not_before: Option<Timestamp>,
    /// When a record was written last without a restart.
    recorded: Option<Timestamp>,
    /// The next record is waited for.
    hurried: bool,
}

/// When somebody wrote that a workload asks for what it asks for.
#[derive(Clone, Copy, Debug)]
struct Since {
    /// When this process saw it.
    seen: Timestamp,
    /// The version of the workload that says it; nothing if something else says it.
    version: Option<u64>,
}

/// The last restart, in numbers of changes: pods that started between the two may have got any data of that time.
#[derive(Clone, Copy, Debug)]
struct Rollout {
    /// How many changes had been seen when it was decided.
    decided: u64,
    /// How many when its last pod served; nothing while it runs.
    done: Option<u64>,
}

impl Memory {
    /// The memory of a workload that this process sees for the first time.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        Self {
            applied: workload.state.clone().unwrap_or_default(),
            first_version: workload.resource_version.parse().ok(),
            first_without_pods: workload.progress.generation > 0 && workload.progress.observed == 0,
            since: None,
            sent: None,
            rollout: None,
            uncertain: BTreeSet::new(),
            waiting_since: None,
            rewrites: 0,
            rewrite_not_before: None,
            recorded: None,
            hurried: false,
        }
    }

    /// The same of one that is a first sight from now on, whatever changed before.
    #[must_use]
    pub fn late(workload: &Workload, now: Timestamp) -> Self {
        Self { since: Some(Since { seen: now, version: None }), ..Self::new(workload) }
    }

    /// The workload asks for other resources than before: it says so itself, or, without a version, something else does.
    pub fn asks_anew(&mut self, by: Option<&Workload>, now: Timestamp) {
        let version = by.and_then(|workload| workload.resource_version.parse().ok());
        self.since = Some(Since { seen: now, version });
    }

    /// The same workload was delivered again. A newer state was written by another replica, or by a write of ours whose
    /// answer was lost: it counts. Any other one was put back by somebody: ours counts, and is written again.
    pub fn seen(&mut self, workload: &Workload) {
        if let Some(state) = &workload.state
            && state.serial > self.applied.serial
        {
            self.applied.serial = state.serial;
            self.applied.restarted = self.applied.restarted.max(state.restarted);
            self.applied.runs = state.runs;
            self.applied.entries.extend(state.entries.clone());
            self.applied.hashes.extend(state.hashes.iter().map(|(name, content)| (name.clone(), *content)));
            if let Some(decided) = self.sent.take() {
                self.restarted_after(decided);
            }
        }
    }

    /// Takes in the resources: forgets those that can no longer restart the workload, and gives those that are seen for
    /// the first time their baseline. That is the data as it stands, or, if this process saw it change under the
    /// workload, the data before, so that the workload is restarted even if this process ends before it could.
    pub fn examine(&mut self, workload: &Workload, current: &Currents<'_>, creation: Creation) {
        self.applied.hashes.retain(|name, _| current.contains_key(name));
        self.applied.entries.retain(|name, _| workload.hooks.contains_key(name));
        self.uncertain.retain(|name| current.get(name).is_some_and(Current::is_there));
        for (name, resource) in current {
            // A resource that appears has changed only for those who asked for that. A hook is never run for it.
            let creation = if workload.hooks.contains_key(name) { Creation::Ignored } else { creation };
            let appeared = |content: Content| content == Content::Gone && creation == Creation::Ignored;
            let changed = resource.changed.filter(|change| !appeared(change.from));
            if changed.is_some_and(|change| self.met_starting_pods(change.number)) {
                self.uncertain.insert(name.clone());
            }
            let unrecorded = self.applied.hashes.get(name).is_none_or(|content| appeared(*content));
            if unrecorded {
                let baseline = self.baseline(workload, resource, changed);
                if baseline != resource.content {
                    // It may have changed more than once under the workload, and may go back before that is written.
                    self.uncertain.insert(name.clone());
                }
                self.applied.hashes.insert(name.clone(), baseline);
            }
        }
    }

    fn baseline(&self, workload: &Workload, resource: &Current<'_>, changed: Option<Change>) -> Content {
        let missed = changed.filter(|change| change.asked && self.counts(workload, change));
        missed.map_or(resource.content, |change| change.from)
    }

    /// Whether a change came after the workload asked for the resource. The API server's order of writes decides as far as it
    /// is known, and the clocks only then: those of two machines differ.
    fn counts(&self, workload: &Workload, change: &Change) -> bool {
        if let Some(since) = self.since {
            return match (since.version, change.version) {
                (Some(asked), Some(changed)) => asked < changed,
                _ => after(change.at, OPT_IN_SLACK) >= since.seen,
            };
        }
        match (self.first_version, change.version) {
            (Some(first), Some(changed)) if first < changed => true,
            (Some(_), Some(_)) if self.first_without_pods => false,
            // Creation is known to the second.
            _ => change.at >= after(workload.created, Duration::from_secs(1)),
        }
    }

    fn met_starting_pods(&self, change: u64) -> bool {
        self.rollout.is_some_and(|rollout| change > rollout.decided && rollout.done.is_none_or(|done| change <= done))
    }

    /// The resources whose data the pods do not have, or may not have, in order.
    pub(super) fn outdated(&self, current: &Currents<'_>) -> Vec<ResourceName> {
        let outdated = current.iter().filter(|(name, resource)| self.lacks(name, resource.content));
        outdated.map(|(name, _)| name.clone()).collect()
    }

    /// Whether the pods do not have, or may not have, what this resource holds.
    #[must_use]
    pub fn lacks(&self, name: &ResourceName, content: Content) -> bool {
        self.applied.hashes.get(name) != Some(&content) || self.uncertain.contains(name)
    }

    /// How often a CronJob was run.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.applied.runs
    }

    /// The entries of a resource in what the pods have got, where they are known.
    #[must_use]
    pub fn entries(&self, name: &ResourceName) -> Option<&EntryMacs> {
        self.applied.entries.get(name)
    }

    /// These are the entries of a resource that holds this; remembered if it is what the pods have got.
    pub fn note_entries(&mut self, name: &ResourceName, content: Content, entries: &EntryMacs) {
        if !self.applied.entries.contains_key(name) && !self.lacks(name, content) {
            self.applied.entries.insert(name.clone(), entries.clone());
        }
    }

    /// A restart is about to be written that was decided after this many changes.
    pub fn restart_sent(&mut self, decided: u64) {
        self.sent.get_or_insert(decided);
    }

    fn restarted_after(&mut self, decided: u64) {
        (self.sent, self.rollout) = (None, Some(Rollout { decided, done: None }));
        self.waiting_since = None;
        self.uncertain.clear();
    }

    /// It has no pods that could have anything else than these hold when it has some again.
    pub(super) fn rests(&mut self, current: &Currents<'_>) {
        self.uncertain.retain(|name| !current.contains_key(name));
        self.rollout = None;
    }

    /// Pods may have been made that have these, and whoever made them does not know.
    pub fn doubts(&mut self, changed: &[ResourceName]) {
        self.uncertain.extend(changed.iter().cloned());
    }

    /// All pods of the last restart have started, after this many changes.
    pub fn rollout_done(&mut self, changes: u64) {
        self.rollout = self.rollout.map(|rollout| Rollout { done: rollout.done.or(Some(changes)), ..rollout });
    }

    /// A write of this state reached the API server; if it made pods, it was decided after so many changes.
    pub fn written(
        &mut self,
        workload: &Workload,
        state: &State,
        decided: Option<u64>,
        limits: &Limits,
        now: Timestamp,
    ) {
        if workload.serial() < self.applied.serial {
            self.rewrites += 1;
            self.rewrite_not_before =
                Some(after(now, Backoff::REVERTED.wait(self.rewrites, 0.0).max(limits.min_interval)));
        }
        if state.serial >= self.applied.serial {
            self.applied = state.clone();
        }
        self.hurried = false;
        match decided {
            Some(decided) => self.restarted_after(decided),
            None => self.recorded = Some(now),
        }
    }

    /// The next record is waited for, so that it waits for nothing itself.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// What the pods have got.
    #[must_use]
    pub fn applied(&self) -> &Hashes {
        &self.applied.hashes
    }

    /// When we restarted it last.
    #[must_use]
    pub fn restarted(&self) -> Option<Timestamp> {
        self.applied.restarted
    }

    /// Until when a write that only records something waits: somebody keeps putting the state back; or nothing is outstanding
    /// and all that is new are names that only regular expressions find, of which there may be new ones all the time.
    pub(super) fn record_waits_until(
        &self,
        workload: &Workload,
        current: &Currents<'_>,
        options: &Options,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if workload.serial() < self.applied.serial {
            return self.rewrite_not_before.filter(|at| *at > now);
        }
        let paced = self.recorded.map(|at| after(at, options.limits.min_interval)).filter(|until| *until > now)?;
        let is_new = |name: &ResourceName| workload.recorded().get(name) != self.applied.hashes.get(name);
        let urgent = self.hurried || !self.outdated(current).is_empty() || workload.resources().iter().any(is_new);
        (!urgent).then_some(paced)
    }

    /// Whether a rewrite of the state waits because somebody keeps putting it back.
    #[must_use]
    pub fn rewrite_waits(&self, now: Timestamp) -> bool {
        self.rewrite_not_before.is_some_and(|at| at > now)
    }

    /// The state that says so, to be written next.
    pub(super) fn next(&self) -> State {
        State { serial: self.applied.serial + 1, ..self.applied.clone() }
    }
}
