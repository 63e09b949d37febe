//! The decision: what to do about one object, given what it should hold and what it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Desired, Ledger};
use crate::wanted::{Token, Wanted};

/// Without remembered tokens a source counts as unchanged since a refresh only if its last change lies this much
/// before it, because AWS's clock and the cluster's differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

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

/// All that is known about an object when it is decided upon.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What it asks for.
    pub wanted: &'a [Wanted],
    /// What its target holds.
    pub applied: &'a Applied,
    /// Does the target exist, unedited? (ESO's validity: managed label, data hash.)
    pub target_valid: bool,
    /// Is `status.syncedResourceVersion` that of the object as it is now?
    pub spec_synced: bool,
    /// When it follows its sources.
    pub policy: Policy,
    /// Does its status say that it is not Ready? Then it is tried again until it says otherwise.
    pub failing: bool,
    /// After a failure: not before this time, unless something changed since.
    pub retry_at: Option<Timestamp>,
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
}

/// Decides. Reads nothing but its arguments.
#[must_use]
pub fn decide(ledger: &Ledger, facts: &Facts<'_>, now: Timestamp) -> Decision {
    if !should_read(ledger, facts) {
        return Decision::Skip;
    }
    match facts.retry_at {
        Some(at) if at > now => Decision::Wait(at),
        _ => Decision::Read,
    }
}

fn should_read(ledger: &Ledger, facts: &Facts<'_>) -> bool {
    if *facts.applied == Applied::Nothing || !facts.target_valid || facts.failing {
        return true;
    }
    match facts.policy {
        Policy::Once | Policy::CreatedOnce => false,
        Policy::OnChange => !facts.spec_synced,
        Policy::Periodic(_) => {
            !facts.spec_synced
                || facts.wanted.iter().any(|wanted| differs(ledger.desired(wanted), facts.applied, wanted))
        }
    }
}

/// Is something else desired than what was applied? Where nothing is desired yet, the sweep has not come by: it will.
fn differs(desired: Option<&Desired>, applied: &Applied, wanted: &Wanted) -> bool {
    match (desired, applied) {
        (None, Applied::Tokens(tokens)) => !tokens.contains_key(&wanted.to_string()),
        (None, _) => false,
        (Some(Desired::Announced { version_id, .. }), Applied::Tokens(tokens)) => {
            tokens.get(&wanted.to_string()).is_none_or(|token| !token.names_version(version_id))
        }
        (Some(Desired::Version(known)), Applied::Tokens(tokens)) => {
            tokens.get(&wanted.to_string()) != Some(&known.token)
        }
        (Some(Desired::Version(known)), Applied::AsOf(refreshed)) => {
            known.changed.is_none_or(|changed| refreshed.duration_since(changed) < CLOCKS_DIFFER)
        }
        (Some(Desired::Unknown), _)
        | (Some(Desired::Announced { .. }), Applied::AsOf(_))
        | (Some(_), Applied::Nothing) => true,
    }
}
