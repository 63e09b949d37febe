//! What AWS answered, and how two answers compare.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Applied;
use super::entry::Awaited;
use crate::wanted::Token;

/// A version created this much after an event's time makes the event old news (the two clocks agree to the second).
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// Without remembered tokens a source counts as unchanged since a refresh only if its last change lies this much
/// before it, because AWS's clock and the cluster's differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// What AWS answered for one wanted thing, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The identity of what is there.
    pub token: Token,
    /// When that version was created (a secret version, a parameter version); `None` where AWS does not say.
    pub created: Option<Timestamp>,
    /// When the source last changed at all, labels included; `None` where AWS does not say.
    pub changed: Option<Timestamp>,
    /// What a search found, by full name; nothing for a named source.
    pub members: BTreeMap<String, Member>,
}

/// One source that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its version.
    pub token: Token,
    /// When that version was created; `None` where AWS does not say.
    pub created: Option<Timestamp>,
}

impl Known {
    /// A named source.
    #[must_use]
    pub fn of_source(token: Token, created: Option<Timestamp>, changed: Option<Timestamp>) -> Self {
        Self { token, created, changed, members: BTreeMap::new() }
    }

    /// What a search found. When that last changed nobody can tell: a source that is deleted leaves no date.
    #[must_use]
    pub fn of_search(members: BTreeMap<String, Member>) -> Self {
        let token = Token::of_search(members.iter().map(|(name, member)| (name, &member.token)));
        Self { token, created: None, changed: None, members }
    }

    /// Does it show this version, or something later? Nobody vouches for the order of events, nor for their times, so
    /// each version that was named is awaited until then. A source that a search does not find is shown to be none of its
    /// own.
    pub(super) fn shows(&self, version: &Awaited) -> bool {
        match self.part(&version.names) {
            Some((token, created)) => token.names_version(&version.version_id) || is_after(created, version.at),
            None => true,
        }
    }

    /// Does it show this very version?
    pub(super) fn is_at(&self, version: &Awaited) -> bool {
        self.part(&version.names).is_some_and(|(token, _)| token.names_version(&version.version_id))
    }

    /// Was the version of the source of these names created so much later than `at` that whatever happened at `at` cannot
    /// be newer?
    pub(super) fn is_newer_than(&self, names: &[String], at: Timestamp) -> bool {
        self.part(names).is_some_and(|(_, created)| is_after(created, at))
    }

    /// Is something else there than what was applied under that name?
    pub(super) fn differs(&self, applied: &Applied, name: &str) -> bool {
        match applied {
            Applied::Nothing => true,
            Applied::Tokens(tokens) => tokens.get(name) != Some(&self.token),
            Applied::AsOf(refreshed) => {
                self.changed.is_none_or(|changed| refreshed.duration_since(changed) < CLOCKS_DIFFER)
            }
        }
    }

    /// If the answer is an older version than this one, AWS may have asked a part of itself that lags; then this is the
    /// version to wait for. It may as well be that a label was moved back.
    pub(super) fn outdates(&self, answer: &Self) -> Option<Awaited> {
        // A check does not date versions; when the source last changed is no earlier.
        let whole = outdated(&self.token, self.created.or(self.changed), &answer.token, answer.created, &[]);
        whole.or_else(|| {
            self.members.iter().find_map(|(name, member)| {
                let other = answer.members.get(name)?;
                outdated(&member.token, member.created, &other.token, other.created, std::slice::from_ref(name))
            })
        })
    }

    /// The version of the source of these names, and when it was created; `None` if a search did not find it.
    fn part(&self, names: &[String]) -> Option<(&Token, Option<Timestamp>)> {
        if self.members.is_empty() {
            return Some((&self.token, self.created));
        }
        // Events name parameters without their first slash.
        let member = |name: &String| self.members.get(name).or_else(|| self.members.get(&format!("/{name}")));
        names.iter().find_map(member).map(|member| (&member.token, member.created))
    }
}

fn outdated(
    token: &Token,
    since: Option<Timestamp>,
    answer: &Token,
    created: Option<Timestamp>,
    names: &[String],
) -> Option<Awaited> {
    let at = since?;
    let version_id = token.version_id().filter(|_| token != answer)?.to_owned();
    let older = created.is_some_and(|created| created <= at);
    older.then(|| Awaited { version_id, at, names: names.to_owned() })
}

fn is_after(created: Option<Timestamp>, at: Timestamp) -> bool {
    created.is_some_and(|created| created.duration_since(at) >= STALE_AFTER)
}
