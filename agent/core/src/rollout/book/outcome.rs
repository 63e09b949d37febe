//! What became of a write.

use jiff::Timestamp;

use super::{Book, Entry, Write};
use crate::backoff::{Backoff, after};
use crate::rollout::restart::Restart;
use crate::rollout::state::State;
use crate::rollout::workload::Workload;

/// What became of a [`Write`].
#[derive(Debug)]
pub enum Outcome {
    /// It was applied; the workload as the API server answered.
    Applied(Box<Workload>),
    /// There was a newer version.
    Conflict,
    /// Anything else, also if nobody knows whether it was applied.
    Failed,
}

/// What follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// When the write is tried again.
    pub retry_at: Option<Timestamp>,
}

impl Book {
    /// Takes in what became of a write. `jitter` is a random number from 0 to 1.
    pub fn written(&mut self, write: &Write, outcome: Outcome, jitter: f64, now: Timestamp) -> Settled {
        let restart = write.replaces_pods();
        self.places.give_back(write);
        self.wake_for_hooks(&write.workload);
        if restart && !matches!(outcome, Outcome::Applied(_)) {
            self.bucket.give_back();
        }
        if let Outcome::Applied(new) = &outcome
            && new.uid != write.uid
        {
            return self.replaced(write, new, now);
        }
        let Some(entry) = self.entries.get_mut(&write.workload).filter(|entry| entry.workload.uid == write.uid) else {
            return Settled::default();
        };
        entry.in_flight = false;
        if matches!(write.restart, Some(Restart::Run { .. })) {
            // The Job may be there though nothing is on record. If the data goes back to what is, it is run for that too.
            entry.memory.doubts(&write.changed);
        }
        let retry_at = match outcome {
            Outcome::Applied(updated) => {
                (entry.failures, entry.conflicts, entry.retry_at) = (0, 0, None);
                entry.memory.written(
                    &entry.workload,
                    &write.outcome,
                    restart.then_some(write.changes),
                    &self.options.limits,
                    now,
                );
                if restart {
                    entry.following = Some(updated.progress.generation);
                }
                if let Some(started) = &write.started {
                    entry.follow.began(started, &updated, now);
                }
                self.hook_started(write, now);
                self.workload_seen(*updated, now);
                // The watch may have been faster than the answer, which is then ignored.
                if let Some(entry) = self.entries.get_mut(&write.workload) {
                    entry.note_done(self.resources.changes);
                    if write.crowded && !entry.crowded {
                        self.misread.insert(write.workload.clone());
                    }
                    entry.crowded = write.crowded;
                }
                self.queue.push(write.workload.clone());
                return Settled::default();
            }
            Outcome::Conflict if entry.workload.resource_version != write.resource_version => {
                // The newer version is already here.
                entry.conflicts += 1;
                self.queue.push(write.workload.clone());
                return Settled::default();
            }
            Outcome::Conflict => {
                entry.conflicts += 1;
                after(now, Backoff::CONFLICT.wait(entry.conflicts, jitter))
            }
            Outcome::Failed => {
                (entry.failures, entry.conflicts) = (entry.failures.saturating_add(1), 0);
                after(now, Backoff::FAILURE.wait(entry.failures, jitter))
            }
        };
        entry.retry_at = Some(retry_at);
        self.queue.at(write.workload.clone(), retry_at);
        Settled { retry_at: Some(retry_at) }
    }

    /// A Job has taken the place of the one that was written; its pods have what was decided for those of the old one.
    fn replaced(&mut self, write: &Write, new: &Workload, now: Timestamp) -> Settled {
        self.workload_seen(new.clone(), now);
        if let Some(Entry { workload, memory, .. }) = self.entries.get_mut(&write.workload) {
            let state = State { serial: workload.serial(), ..write.outcome.clone() };
            memory.written(workload, &state, Some(write.changes), &self.options.limits, now);
        }
        Settled::default()
    }
}
