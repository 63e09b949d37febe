//! The decision: what to do about one object, given what it should hold and what it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Known, Ledger, Need};
use crate::wanted::{Token, Wanted};

/// When an object follows its sources (ESO's `refreshPolicy` and `refreshInterval`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Follows them; compared at least this often.
    Periodic(Duration),
    /// `refreshInterval: 0`: synced once, then left alone, edits of its spec included.
    Once,
    /// Synced again when its own spec, labels or annotations change.
    OnChange,
    /// Synced when it is new, and never again.
    CreatedOnce,
}

/// What an object's target holds, as far as its status proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was never synced.
    Nothing,
    /// These tokens.
    Tokens(BTreeMap<String, Token>),
    /// Whatever the sources held at this time: another controller synced it, and it left no tokens.
    AsOf(Timestamp),
}

/// Whether an object's sources may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// They may.
    Open,
    /// They may not, before this time.
    Closed(Timestamp),
}

/// What others have made of an object's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing that the object minds. (ESO's validity: it exists, with the managed label, and its data have their hash.)
    AsLeft,
    /// Something that is put right by refreshes only, and one is due.
    Overdue,
    /// It is edited or deleted, and put right at once.
    Spoilt,
}

/// All that is known about an object when it is decided upon.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What it asks for.
    pub wanted: &'a [Wanted],
    /// Can that not be told, because its spec or a store is in error? Then a sync says so.
    pub in_error: bool,
    /// The ConfigMaps and Secrets that its templates stand in, by the names of their tokens. They need no look: a watch
    /// shows them.
    pub templates: &'a [(String, Known)],
    /// What its target holds.
    pub applied: &'a Applied,
    /// What others have made of its target.
    pub target: Target,
    /// Is `status.syncedResourceVersion` that of the object as it is now?
    pub spec_synced: bool,
    /// When it follows its sources.
    pub policy: Policy,
    /// May its sources be followed at this time? (ESO's `syncWindows`.) Edits and spoilt targets are looked at always.
    pub window: Window,
    /// Does its status say that it is not Ready? Then it is tried again until it says otherwise.
    pub failing: bool,
    /// After a failure: not before this time, unless something changed since.
    pub retry_at: Option<Timestamp>,
    /// Somebody else keeps spoiling the target: it is not to be restored before this time.
    pub restore_at: Option<Timestamp>,
}

impl Facts<'_> {
    /// The same where another controller makes the targets: what became of the target, of edits and of failures is for it to
    /// put right, and only what happens to the sources counts.
    #[must_use]
    pub fn of_sources(self) -> Self {
        // An object that was never synced is followed all the same, once its sources are spoken of.
        const NEW: &Applied = &Applied::AsOf(Timestamp::MAX);
        let applied = if *self.applied == Applied::Nothing { NEW } else { self.applied };
        Self { applied, target: Target::AsLeft, spec_synced: true, failing: false, restore_at: None, ..self }
    }
}

/// What to do about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is as it should be.
    Skip,
    /// Its sources have to be read and its target written.
    Read,
    /// It failed a moment ago: try again at this time.
    Wait(Timestamp),
    /// Its sources moved, and it may not follow them before this time.
    Closed(Timestamp),
    /// It is as AWS has it, but an event said more: look again at this time.
    LookAgain(Timestamp),
    /// Its target is spoilt, by somebody who keeps doing so: restore it at this time.
    Contested(Timestamp),
}

/// Decides. Reads nothing but its arguments.
#[must_use]
pub fn decide(ledger: &Ledger, facts: &Facts<'_>, now: Timestamp) -> Decision {
    let periodic = matches!(facts.policy, Policy::Periodic(_));
    let follows_edits = periodic || facts.policy == Policy::OnChange;
    // A refresh that is still to come proves nothing.
    let from_the_future = periodic && matches!(facts.applied, Applied::AsOf(refreshed) if *refreshed > now);
    let asked_for = *facts.applied == Applied::Nothing || from_the_future || (follows_edits && !facts.spec_synced);
    let needed: Vec<(&Wanted, Need)> = facts
        .wanted
        .iter()
        .filter(|_| periodic)
        .map(|wanted| (wanted, ledger.need(wanted, facts.applied)))
        .filter(|(_, need)| *need != Need::Nothing)
        .collect();
    let templates_moved = || facts.templates.iter().any(|(name, known)| known.differs(facts.applied, name));
    let moved_here = periodic && (facts.in_error || facts.target == Target::Overdue || templates_moved());
    let spoilt = facts.target == Target::Spoilt;
    let moved = moved_here || !needed.is_empty();
    if !asked_for && !spoilt && !facts.failing && !moved {
        return Decision::Skip;
    }
    let only_spoilt = !asked_for && spoilt && !moved;
    if let Some(at) = facts.restore_at.filter(|at| only_spoilt && *at > now) {
        return Decision::Contested(at);
    }
    if let Some(at) = facts.retry_at.filter(|at| *at > now) {
        return Decision::Wait(at);
    }
    // What failed while the window was open is not tried while it is closed.
    let follows_sources = periodic && !asked_for && !spoilt;
    if let (Window::Closed(until), true) = (facts.window, follows_sources) {
        return Decision::Closed(until);
    }
    let waits = needed.iter().map(|(wanted, need)| ledger.not_before(wanted, *need, now));
    let forced = asked_for || spoilt || facts.failing;
    // None is the least: something may be read at once.
    match waits.min().flatten().filter(|_| !forced && !moved_here) {
        Some(until) => Decision::LookAgain(until),
        None => Decision::Read,
    }
}
