//! The ledger: for each wanted thing what targets should hold, and the one function that decides what to do
//! about an object.
//!
//! Events, sweeps and reads only move what is known or heard of a source; what was *applied* is the object's own
//! memory. [`decide`] compares the two. Deduplication, reading one's own event, polling and migration are all that
//! comparison. The ledger does no IO, reads no clock, and knows nothing of values, messages or Kubernetes.

mod decide;
mod entry;
mod known;
mod pace;

pub use decide::{Applied, Decision, Facts, Policy, Target, Window, decide};
pub use known::{Known, Member};

use std::collections::HashMap;

use jiff::Timestamp;

use crate::change::{Change, What};
use crate::identity::{Account, Announced};
use crate::store::Identity;
use crate::wanted::{CURRENT, Selector, Sources, Wanted};
use entry::{Awaited, Entry, News};

/// Something that happened to a source that a search may find. AWS's listings may not show it for some minutes, so
/// whoever searches asks for the source itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The source.
    pub announced: Announced,
    /// The version that was named; a listing that shows it is not late.
    pub version_id: Option<String>,
}

/// What an object needs of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It holds what is there.
    Nothing,
    /// There is news of it that AWS has not shown yet.
    Look,
    /// Something else is there than what it holds.
    Value,
}

/// A look at AWS that is under way, for one wanted thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    generation: u64,
    number: u64,
}

/// A read did not find a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// For the first time; to be looked for again at this time, before anything is made of it.
    Unconfirmed(Timestamp),
    /// Again, ten seconds later or more.
    Confirmed,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<Wanted, Entry>,
    accounts: HashMap<(Identity, Sources), Account>,
}

impl Ledger {
    /// Takes note of a change for one wanted thing that it concerns. Returns whether that was news.
    pub fn announce(&mut self, wanted: &Wanted, change: &Change, now: Timestamp) -> bool {
        if wanted.selector.is_fixed() && !matches!(change.what, What::Deleted | What::Restored) {
            return false;
        }
        let (news, version_id) = match (&change.what, &wanted.selector) {
            (What::Label { version_id, label }, Selector::Stage(stage)) if label == stage => {
                let names = change.announced.names().into_iter().map(ToOwned::to_owned).collect();
                let version = Awaited { version_id: version_id.clone(), at: change.at, names };
                (News::Version(version), Some(version_id.clone()))
            }
            // AWSPREVIOUS moves with AWSCURRENT, without an event of its own.
            (What::Label { label, .. }, Selector::Stage(_)) if label == CURRENT => (News::Vague, None),
            (What::Tagged, _) if wanted.depends_on_tags() => (News::Vague, None),
            // A tag moves no value, and a label no tag.
            (What::Label { .. } | What::Tagged, _) => return false,
            _ => (News::Vague, None),
        };
        let entry = self.entries.entry(wanted.clone()).or_default();
        entry.heard = Some(now);
        if wanted.is_search() {
            entry.suspect(Suspect { announced: change.announced.clone(), version_id }, now);
        }
        entry.announce(news, change)
    }

    /// Marks a wanted thing, at which a look has begun, as one that only a read can tell about.
    pub fn mark_unknown(&mut self, wanted: &Wanted) {
        if let Some(entry) = self.entries.get_mut(wanted) {
            entry.hear(News::Vague);
        }
    }

    /// Moves with all news of a wanted thing: what was read at an earlier one may be too old.
    #[must_use]
    pub fn generation(&self, wanted: &Wanted) -> u64 {
        self.entries.get(wanted).map_or(0, |entry| entry.generation)
    }

    /// A look that reads no value begins; hand it to [`Ledger::settle`] with what it finds.
    #[must_use]
    pub fn begin_check(&mut self, wanted: &Wanted) -> Look {
        self.entries.entry(wanted.clone()).or_default().look()
    }

    /// A read begins, or the time before which it must not.
    pub fn begin_read(&mut self, wanted: &Wanted, now: Timestamp) -> Result<Look, Timestamp> {
        let entry = self.entries.entry(wanted.clone()).or_default();
        if let Some(until) = entry.not_before(Need::Value, now) {
            return Err(until);
        }
        entry.begin(now);
        Ok(entry.look())
    }

    /// AWS answered a read. What was announced since, or is announced and was not in the answer, is waited for. Returns
    /// whether the answer stands: if not, it is older than what AWS has shown before, and must not be written.
    pub fn settle(&mut self, wanted: &Wanted, look: Look, answer: Known) -> bool {
        // Whoever asked for it may have gone meanwhile.
        self.entries.get_mut(wanted).is_none_or(|entry| entry.settle(look, answer))
    }

    /// AWS answered a look without a value. If that contradicts what a read has shown, it asks for another read.
    pub fn settle_check(&mut self, wanted: &Wanted, look: Look, answer: Known) {
        if let Some(entry) = self.entries.get_mut(wanted) {
            entry.settle_check(look, answer);
        }
    }

    /// A read did not find it. (A check proves no absence.)
    pub fn settle_absent(&mut self, wanted: &Wanted, look: Look, now: Timestamp) -> Absence {
        self.entries.get_mut(wanted).map_or(Absence::Unconfirmed(now), |entry| entry.settle_absent(look, now))
    }

    /// What AWS last answered.
    #[must_use]
    pub fn known(&self, wanted: &Wanted) -> Option<&Known> {
        self.entries.get(wanted)?.known.as_ref()
    }

    /// When an event last spoke of it, by the clock of [`Ledger::announce`]'s caller.
    #[must_use]
    pub fn heard(&self, wanted: &Wanted) -> Option<Timestamp> {
        self.entries.get(wanted)?.heard
    }

    /// What a search has to ask for by itself, because a listing may be late with it.
    #[must_use]
    pub fn suspects(&self, wanted: &Wanted, now: Timestamp) -> Vec<Suspect> {
        self.entries.get(wanted).map_or_else(Vec::new, |entry| entry.suspects(now))
    }

    /// The last event that was news of it.
    #[must_use]
    pub fn last_event(&self, wanted: &Wanted) -> Option<&str> {
        self.entries.get(wanted)?.last_event()
    }

    /// The account that the sources were found in by whoever asks, whatever of them was asked for.
    #[must_use]
    pub fn account(&self, wanted: &Wanted) -> Option<&Account> {
        self.accounts.get(&(wanted.identity.clone(), wanted.sources.clone()))
    }

    /// A read or sweep showed in which account the sources live.
    pub fn learn_account(&mut self, wanted: &Wanted, account: Account) {
        self.accounts.insert((wanted.identity.clone(), wanted.sources.clone()), account);
    }

    /// Forgets what no object asks for any more.
    pub fn forget(&mut self, wanted: &Wanted) {
        self.entries.remove(wanted);
    }

    /// Forgets the account of sources that no object asks for any more, as that identity.
    pub fn forget_account(&mut self, identity: &Identity, sources: &Sources) {
        self.accounts.remove(&(identity.clone(), sources.clone()));
    }

    /// What an object whose target holds `applied` needs of a wanted thing. Where nothing is known yet, the sweep has
    /// not come by: it will.
    fn need(&self, wanted: &Wanted, applied: &Applied) -> Need {
        match (self.entries.get(wanted), applied) {
            (Some(entry), _) => entry.need(wanted, applied),
            (None, Applied::Tokens(tokens)) if !tokens.contains_key(&wanted.to_string()) => Need::Value,
            (None, _) => Need::Nothing,
        }
    }

    fn not_before(&self, wanted: &Wanted, need: Need, now: Timestamp) -> Option<Timestamp> {
        self.entries.get(wanted)?.not_before(need, now)
    }
}

#[cfg(test)]
mod tests;
