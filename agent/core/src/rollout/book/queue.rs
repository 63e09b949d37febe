//! Which workloads to look at, in the order in which they became due, and which to look at later.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use crate::rollout::workload::WorkloadKey;

#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<WorkloadKey>,
    queued: HashSet<WorkloadKey>,
    timers: BTreeSet<(Timestamp, WorkloadKey)>,
    timer_of: HashMap<WorkloadKey, Timestamp>,
}

impl Queue {
    /// Makes a workload due, once however often it is asked for.
    pub fn push(&mut self, key: WorkloadKey) {
        if self.queued.insert(key.clone()) {
            self.order.push_back(key);
        }
    }

    pub fn extend(&mut self, keys: impl IntoIterator<Item = WorkloadKey>) {
        keys.into_iter().for_each(|key| self.push(key));
    }

    /// Makes it due at a later time; the last one asked for counts, since each look asks anew.
    pub fn at(&mut self, key: WorkloadKey, time: Timestamp) {
        self.cancel(&key);
        self.timers.insert((time, key.clone()));
        self.timer_of.insert(key, time);
    }

    /// Makes due what has waited long enough.
    pub fn ripen(&mut self, now: Timestamp) {
        while self.timers.first().is_some_and(|(time, _)| *time <= now) {
            if let Some((_, key)) = self.timers.pop_first() {
                self.timer_of.remove(&key);
                self.push(key);
            }
        }
    }

    pub fn pop(&mut self) -> Option<WorkloadKey> {
        let key = self.order.pop_front()?;
        self.queued.remove(&key);
        Some(key)
    }

    /// A workload that no longer exists. It may stay in the order, where it is skipped.
    pub fn forget(&mut self, key: &WorkloadKey) {
        self.cancel(key);
    }

    /// The earliest later time.
    pub fn next(&self) -> Option<Timestamp> {
        self.timers.first().map(|(time, _)| *time)
    }

    fn cancel(&mut self, key: &WorkloadKey) {
        if let Some(time) = self.timer_of.remove(key) {
            self.timers.remove(&(time, key.clone()));
        }
    }
}
