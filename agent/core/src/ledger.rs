//! The ledger: for each source and selector the token that targets should hold, and the one function that decides
//! what to do about an object.
//!
//! Events, sweeps and reads only move what is *desired* or mark it unknown; what was *applied* is the object's own
//! memory. [`decide`] compares the two. Deduplication, reading one's own event, polling and migration are all that
//! comparison. The ledger does no IO, reads no clock, and knows nothing of values, messages or Kubernetes.

mod decide;

pub use decide::{Applied, Decision, Facts, Policy, decide};

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::change::{Change, What};
use crate::identity::{Account, SourceRef};
use crate::store::Identity;
use crate::wanted::{CURRENT, Selector, Token, Wanted};

/// Events of the last so many changes are remembered per source, so that a repeated one costs nothing.
const REMEMBERED_EVENTS: usize = 16;
/// A version created this much after an event's time makes the event old news (the two clocks agree to the second).
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How often, and for how long, AWS is asked for a version that an event announced and that it does not return yet.
const READS: u32 = 6;
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// What AWS answered for one [`Wanted`], without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The identity of what is there.
    pub token: Token,
    /// When that version was created (a secret version, a parameter version); `None` where AWS does not say.
    pub created: Option<Timestamp>,
    /// When the source last changed at all, labels included; `None` where AWS does not say.
    pub changed: Option<Timestamp>,
}

/// What a target should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// AWS said so: a read or a sweep.
    Version(Known),
    /// An event announced this secret version; AWS has not confirmed it yet.
    Announced {
        /// The version the event names.
        version_id: String,
        /// When the event says that it happened.
        at: Timestamp,
    },
    /// There is news, and only AWS can tell which.
    Unknown,
}

/// What a read should do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stands.
    Accept,
    /// AWS lags behind its own event: read again after this long.
    ReadAgain(Duration),
}

#[derive(Debug, Default)]
struct Entry {
    desired: Option<Desired>,
    /// The newest answer of AWS, kept while an announcement hides it in `desired`.
    known: Option<Known>,
    /// Moves with every announcement: a read that started before the newest one does not settle it.
    generation: u64,
    seen_events: VecDeque<String>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<Wanted, Entry>,
    accounts: HashMap<(Identity, SourceRef), Account>,
}

impl Ledger {
    /// Takes note of a change for one wanted thing that it concerns. Returns whether that was news.
    pub fn announce(&mut self, wanted: &Wanted, change: &Change) -> bool {
        if wanted.selector.is_fixed() {
            return false;
        }
        let desired = match (&change.what, &wanted.selector) {
            (What::Label { version_id, label }, Selector::Stage(stage)) if label == stage => {
                Desired::Announced { version_id: version_id.clone(), at: change.at }
            }
            // AWSPREVIOUS moves with AWSCURRENT, without an event of its own.
            (What::Label { label, .. }, Selector::Stage(_)) if label == CURRENT => Desired::Unknown,
            // A tag moves no value.
            (What::Label { .. } | What::Tagged, _) => return false,
            _ => Desired::Unknown,
        };
        let entry = self.entries.entry(wanted.clone()).or_default();
        if entry.is_old_news(&desired, change) {
            return false;
        }
        entry.remember(&change.event_id);
        // "Something changed" does not take back "this version is there".
        if desired != Desired::Unknown || !matches!(entry.desired, Some(Desired::Announced { .. })) {
            entry.desired = Some(desired);
        }
        entry.generation += 1;
        true
    }

    /// Marks a wanted thing as one that only a look can tell about.
    pub fn mark_unknown(&mut self, wanted: &Wanted) {
        let entry = self.entries.entry(wanted.clone()).or_default();
        if matches!(entry.desired, Some(Desired::Announced { .. })) {
            return;
        }
        entry.desired = Some(Desired::Unknown);
        entry.generation += 1;
    }

    /// Stands for "now" in the life of a wanted thing; hand it to [`Ledger::settle`] with what a read found.
    #[must_use]
    pub fn generation(&self, wanted: &Wanted) -> u64 {
        self.entries.get(wanted).map_or(0, |entry| entry.generation)
    }

    /// Should this answer stand, or does AWS lag behind what an event announced? `reads` counts the reads so far,
    /// this one included.
    #[must_use]
    pub fn judge(&self, wanted: &Wanted, answer: &Known, reads: u32) -> Verdict {
        let Some(Desired::Announced { version_id, at }) = self.desired(wanted) else { return Verdict::Accept };
        if answer.token.names_version(version_id) || created_after(answer, *at) || reads >= READS {
            return Verdict::Accept;
        }
        // 200, 400, 800, 1600, 2000 ms: six reads within five seconds.
        Verdict::ReadAgain((FIRST_RETRY * 2_u32.pow(reads.saturating_sub(1).min(16))).min(Duration::from_secs(2)))
    }

    /// AWS answered a read or a sweep that began at `generation`. If something was announced since, that stays
    /// desired, for the answer may be older.
    pub fn settle(&mut self, wanted: &Wanted, generation: u64, mut answer: Known) {
        let entry = self.entries.entry(wanted.clone()).or_default();
        if let Some(known) = entry.known.as_ref().filter(|known| known.token == answer.token) {
            // A sweep does not date versions; a read of the same one did.
            answer.created = answer.created.or(known.created);
        }
        let overtaken = entry.generation != generation && !entry.is_confirmed_by(&answer);
        entry.known = Some(answer.clone());
        if !overtaken {
            entry.desired = Some(Desired::Version(answer));
        }
    }

    /// What a target that asks for this should hold; `None` before the first event, sweep or read.
    #[must_use]
    pub fn desired(&self, wanted: &Wanted) -> Option<&Desired> {
        self.entries.get(wanted).and_then(|entry| entry.desired.as_ref())
    }

    /// The account that the source was found in by whoever asks, whichever of its versions was asked for.
    #[must_use]
    pub fn account(&self, wanted: &Wanted) -> Option<&Account> {
        self.accounts.get(&(wanted.identity.clone(), wanted.source.clone()))
    }

    /// A read or sweep showed in which account the source lives.
    pub fn learn_account(&mut self, wanted: &Wanted, account: Account) {
        self.accounts.insert((wanted.identity.clone(), wanted.source.clone()), account);
    }

    /// Forgets what no object asks for any more.
    pub fn forget(&mut self, wanted: &Wanted) {
        self.entries.remove(wanted);
        let same = |other: &Wanted| other.source == wanted.source && other.identity == wanted.identity;
        if !self.entries.keys().any(same) {
            self.accounts.remove(&(wanted.identity.clone(), wanted.source.clone()));
        }
    }
}

impl Entry {
    fn is_old_news(&self, desired: &Desired, change: &Change) -> bool {
        // A message that comes again after a crash finds an empty memory, so nothing is skipped that was not done.
        if self.seen_events.contains(&change.event_id) {
            return true;
        }
        if self.known.as_ref().is_some_and(|known| created_after(known, change.at)) {
            return true;
        }
        match desired {
            // The version is there already, and nothing newer was announced over it.
            Desired::Announced { version_id, at } => match &self.desired {
                Some(Desired::Version(known)) => known.token.names_version(version_id),
                Some(Desired::Announced { version_id: waiting, at: since }) => waiting == version_id || at < since,
                Some(Desired::Unknown) | None => false,
            },
            Desired::Unknown | Desired::Version(_) => false,
        }
    }

    fn is_confirmed_by(&self, answer: &Known) -> bool {
        match &self.desired {
            Some(Desired::Announced { version_id, at }) => {
                answer.token.names_version(version_id) || created_after(answer, *at)
            }
            _ => false,
        }
    }

    fn remember(&mut self, event_id: &str) {
        if self.seen_events.len() == REMEMBERED_EVENTS {
            self.seen_events.pop_front();
        }
        self.seen_events.push_back(event_id.to_owned());
    }
}

/// Was this version created so much later than `at` that whatever happened at `at` cannot be newer?
fn created_after(known: &Known, at: Timestamp) -> bool {
    known.created.is_some_and(|created| created.duration_since(at) >= STALE_AFTER)
}

#[cfg(test)]
mod tests;
