//! Who may write: the election of one agent among several by a Lease, as client-go does it.
//!
//! The leader renews the Lease; the others watch it. A Lease counts as expired when it has not changed for its duration
//! *as seen by the one who looks*: clocks of machines are never compared, each measures with its own. The leader stops
//! writing earlier than anybody can take over: at its deadline, counted from the *start* of its last successful renewal.
//! Nothing here reads a clock; a moment is the time since the start of the process.

use std::time::Duration;

use jiff::Timestamp;

/// How long a Lease is valid after its last change. It is what the Lease says, in whole seconds.
pub const LEASE: Duration = Duration::from_secs(10);
/// How long after the start of its last successful renewal a leader may still begin a write. The 3 s that are left of the
/// Lease are for the write's own way and for clocks that run at different speeds (up to 7 : 10).
pub const RENEW_DEADLINE: Duration = Duration::from_secs(7);
/// Time between two renewals, two attempts, and two looks of a standby.
pub const RETRY: Duration = Duration::from_secs(2);

/// A Lease as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who has it; nobody after a release.
    pub holder: Option<String>,
    /// The duration that its holder promised to respect.
    pub duration: Duration,
    /// When it was renewed by its holder's clock: only ever compared with itself.
    pub renewed: Option<Timestamp>,
    /// How often it changed hands.
    pub transitions: i32,
    /// Its resourceVersion. Metadata may change without a renewal, so a new one alone means nothing.
    pub version: String,
}

impl Record {
    fn is_renewal_of(&self, other: &Self) -> bool {
        let facts = |record: &Self| (record.holder.clone(), record.duration, record.renewed, record.transitions);
        facts(self) != facts(other)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the Lease to take it, on condition that it is still the one that was read.
    Acquire,
    /// Write the Lease to keep it, on the same condition.
    Renew,
    /// Nothing for so long. A standby then reads the Lease again.
    Wait(Duration),
    /// The Lease was ours and is not any more. This process must not write again.
    Lost(Loss),
}

/// How the Lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// No renewal succeeded in time.
    #[error("it could not be renewed within {}s", RENEW_DEADLINE.as_secs())]
    Deadline,
    /// Somebody else has it.
    #[error("{0} has it")]
    Taken(String),
}

/// One process that wants the Lease. A process that lost it is not to be used again.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    /// The Lease as it was read or written last; nothing if there is none.
    record: Option<Record>,
    /// Since when it has been like that, as far as this process knows.
    changed: Duration,
    /// The start of the last renewal that succeeded.
    renewed: Option<Duration>,
    /// The start of the last attempt to write that failed.
    failed: Option<Duration>,
}

impl Candidate {
    /// A candidate that has read nothing yet. `identity` is not empty, and no other process that runs has the same.
    #[must_use]
    pub fn new(identity: impl Into<String>) -> Self {
        Self { identity: identity.into(), record: None, changed: Duration::ZERO, renewed: None, failed: None }
    }

    /// Who this is.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The Lease as it is known.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Was the Lease taken by this process?
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.renewed.is_some()
    }

    /// Until when this process may begin writes, if it may at all.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        Some(self.renewed? + RENEW_DEADLINE)
    }

    /// The Lease was read (`None`: there is none), and the answer was here at `now`.
    pub fn seen(&mut self, record: Option<Record>, now: Duration) {
        let same = match (&self.record, &record) {
            (Some(known), Some(new)) => !new.is_renewal_of(known),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.changed = now;
        }
        self.record = record;
    }

    /// A write that began at `began` succeeded, and this is the Lease.
    pub fn written(&mut self, record: Record, began: Duration) {
        (self.record, self.changed) = (Some(record), began);
        (self.renewed, self.failed) = (Some(began), None);
    }

    /// A write that began at `began` failed, or nobody knows. A conflict is no failure: read the Lease and decide again.
    pub fn failed(&mut self, began: Duration) {
        self.failed = Some(began);
    }

    /// What to do now.
    #[must_use]
    pub fn decide(&self, now: Duration) -> Step {
        let holder = self.holder();
        if let Some(deadline) = self.deadline() {
            if now >= deadline {
                return Step::Lost(Loss::Deadline);
            }
            if let Some(other) = holder.filter(|holder| *holder != self.identity) {
                return Step::Lost(Loss::Taken(other.to_owned()));
            }
        }
        let last = self.renewed.max(self.failed);
        let next = last.map_or(now, |last| last + RETRY);
        if next > now {
            let until = self.deadline().map_or(next, |deadline| next.min(deadline));
            return Step::Wait(until.saturating_sub(now));
        }
        if self.is_leading() {
            return Step::Renew;
        }
        match (holder, &self.record) {
            (Some(holder), Some(record)) if holder != self.identity => {
                let rest = (self.changed + record.duration).saturating_sub(now);
                if rest.is_zero() { Step::Acquire } else { Step::Wait(rest.min(RETRY)) }
            }
            // There is none, it was released, or it is ours from before a crash: nobody else writes.
            _ => Step::Acquire,
        }
    }

    /// How often the Lease will have changed hands when it is written now.
    #[must_use]
    pub fn transitions(&self) -> i32 {
        match &self.record {
            None => 0,
            Some(record) if self.holder() == Some(&self.identity) => record.transitions,
            Some(record) => record.transitions.saturating_add(1),
        }
    }

    fn holder(&self) -> Option<&str> {
        self.record.as_ref()?.holder.as_deref().filter(|holder| !holder.is_empty())
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
