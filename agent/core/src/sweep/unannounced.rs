//! Changes that a sweep found and that no event announced: rules narrower than the stores are a silent mistake
//! otherwise.
//!
//! An event may merely be slow, so a find is reported only when a minute more has brought none. And the part of AWS that
//! tells versions may lag behind the one that gives values: what counts is that the read that followed brought another
//! version too.

use std::collections::{HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::ledger::Applied;
use crate::object::ObjectKey;
use crate::pipe::PipeState;
use crate::wanted::{Sources, Token, Wanted};

/// Events get this long to arrive after the sweep was faster.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Finds that may wait at a time; more tell nothing more.
const MOST: usize = 2000;

/// A find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// The object that the change concerns.
    pub object: ObjectKey,
    /// What moved.
    pub moved: Vec<Moved>,
    /// When the comparison began: an event that arrived since may be about this change.
    pub since: Timestamp,
}

/// A source that the sweep found at another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What is asked for.
    pub wanted: Wanted,
    /// The version that the object holds.
    pub before: Token,
    /// The version that the sweep found.
    pub found: Token,
}

/// Would an event have to announce what a sweep finds? Only if the pipe is proven and was so ever since the object was
/// last compared: it was `proven` then, or no pipe has changed its state since (`flipped` is when one last did, or when
/// the agent started). A flip of the object's own pipe brings a comparison of its own.
#[must_use]
pub fn should_be_announced(
    pipe: PipeState,
    compared: Option<Timestamp>,
    proven: Option<bool>,
    flipped: Timestamp,
) -> bool {
    pipe == PipeState::Proven && compared.is_some_and(|compared| proven == Some(true) || compared >= flipped)
}

/// Is this another version than the one that was applied, which an event should have told of? Where that is not known,
/// nothing is claimed.
#[must_use]
pub fn moved(applied: &Applied, wanted: &Wanted, found: &Token) -> Option<Moved> {
    let Applied::Tokens(tokens) = applied else { return None };
    if !wanted.is_announced() {
        return None;
    }
    let before = tokens.get(&wanted.to_string()).filter(|before| *before != found)?;
    Some(Moved { wanted: wanted.clone(), before: before.clone(), found: found.clone() })
}

/// The finds that wait for their event.
#[derive(Debug, Default)]
pub struct Unannounced {
    pending: VecDeque<(Timestamp, Find)>,
    counted: HashSet<(Sources, Token)>,
}

impl Unannounced {
    /// Takes note of a find.
    pub fn found(&mut self, find: Find, now: Timestamp) {
        if self.pending.len() < MOST && !find.moved.is_empty() {
            self.pending.push_back((now, find));
        }
    }

    /// The finds whose time is up, each with the sources that no event was about and that are `known` to be at another
    /// version than before.
    pub fn due(
        &mut self,
        now: Timestamp,
        heard_since: impl Fn(&Wanted, Timestamp) -> bool,
        known: impl Fn(&Wanted) -> Option<Token>,
    ) -> Vec<Find> {
        let mut due = Vec::new();
        while let Some((_, mut find)) = self.pending.pop_front_if(|(found, _)| now.duration_since(*found) >= PATIENCE) {
            find.moved.retain(|Moved { wanted, before, .. }| {
                !heard_since(wanted, find.since) && known(wanted).is_some_and(|known| known != *before)
            });
            if !find.moved.is_empty() {
                due.push(find);
            }
        }
        due
    }

    /// How many changes a find adds to those of earlier ones: many objects may use what one change moved.
    pub fn count(&mut self, find: &Find) -> u64 {
        if self.counted.len() >= MOST {
            self.counted.clear();
        }
        let moved = find.moved.iter();
        let news = moved.filter(|moved| self.counted.insert((moved.wanted.sources.clone(), moved.found.clone())));
        news.map(|_| 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::identity::{Region, Service, SourceRef};
    use crate::pipe::Reason;
    use crate::store::Identity;
    use crate::wanted::Selector;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn wanted(key: &str) -> Wanted {
        let region = Region::parse("eu-west-1").expect("a region");
        let source = SourceRef { service: Service::SecretsManager, region, key: key.to_owned() };
        Wanted::named(Identity::Agent, source, Selector::Stage("AWSCURRENT".to_owned()))
    }

    fn find(name: &str, sources: &[&str], second: i64) -> Find {
        let moved = |key: &&str| Moved { wanted: wanted(key), before: token("1"), found: token("2") };
        let moved = sources.iter().map(moved).collect();
        Find { object: ObjectKey::new("team", name), moved, since: at(second) }
    }

    fn token(text: &str) -> Token {
        Token::from_stored(text)
    }

    #[allow(clippy::unnecessary_wraps, reason = "the ledger may know nothing")]
    fn at_two(_: &Wanted) -> Option<Token> {
        Some(token("2"))
    }

    #[test]
    fn a_find_is_reported_after_a_minute_without_an_event_about_it() {
        let mut book = Unannounced::default();
        book.found(find("a", &["x"], 0), at(1));
        book.found(find("b", &["y", "z"], 5), at(6));
        assert_eq!(book.due(at(60), |_, _| false, at_two), []);
        assert_eq!(book.due(at(61), |_, _| false, at_two), [find("a", &["x"], 0)]);
        let heard = |source: &Wanted, since| *source == wanted("y") && since == at(5);
        assert_eq!(book.due(at(66), heard, at_two), [find("b", &["z"], 5)]);
        assert_eq!(book.due(at(1000), |_, _| false, at_two), []);
    }

    #[test]
    fn a_version_that_no_read_confirmed_is_not_reported() {
        for (known, reported) in [(None, false), (Some("1"), false), (Some("2"), true), (Some("3"), true)] {
            let mut book = Unannounced::default();
            book.found(find("a", &["x"], 0), at(1));
            let due = book.due(at(61), |_, _| false, |_| known.map(token));
            assert_eq!(!due.is_empty(), reported, "{known:?}");
        }
    }

    #[test]
    fn a_change_counts_once_however_many_objects_it_concerns() {
        let mut book = Unannounced::default();
        assert_eq!(book.count(&find("a", &["x", "y"], 0)), 2);
        assert_eq!(book.count(&find("b", &["x"], 0)), 0);
        let mut again = find("b", &["x"], 0);
        again.moved[0].found = token("3");
        assert_eq!(book.count(&again), 1);
    }

    #[test]
    fn an_event_within_the_minute_settles_it() {
        let mut book = Unannounced::default();
        book.found(find("a", &["x"], 0), at(1));
        assert_eq!(book.due(at(61), |_, since| since == at(0), at_two), []);
        assert_eq!(book.due(at(1000), |_, _| false, at_two), [], "and for good");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut book = Unannounced::default();
        (0..MOST + 10).for_each(|_| book.found(find("a", &["x"], 0), at(0)));
        book.found(find("a", &[], 0), at(0));
        assert_eq!(book.due(at(60), |_, _| false, at_two).len(), MOST);
    }

    #[test]
    fn only_a_pipe_that_was_proven_ever_since_the_last_comparison_has_to_announce() {
        let unproven = PipeState::Unproven(Reason::HeartbeatLate);
        for (what, pipe, compared, proven, expected) in [
            ("compared since the flip", PipeState::Proven, Some(11), None, true),
            ("not compared since the flip", PipeState::Proven, Some(9), None, false),
            ("another pipe flipped", PipeState::Proven, Some(9), Some(true), true),
            ("its own pipe was unproven", PipeState::Proven, Some(9), Some(false), false),
            ("never compared", PipeState::Proven, None, None, false),
            ("unproven", unproven, Some(11), Some(true), false),
        ] {
            assert_eq!(should_be_announced(pipe, compared.map(at), proven, at(10)), expected, "{what}");
        }
    }

    #[test]
    fn only_a_known_other_version_has_moved() {
        let tokens = |text| Applied::Tokens(BTreeMap::from([(wanted("x").to_string(), token(text))]));
        for (applied, expected) in [
            (tokens("1"), true),
            (tokens("2"), false),
            (Applied::Tokens(BTreeMap::new()), false),
            (Applied::Nothing, false),
            (Applied::AsOf(at(0)), false),
        ] {
            assert_eq!(moved(&applied, &wanted("x"), &token("2")).is_some(), expected, "{applied:?}");
        }
    }
}
