//! Changes that a sweep found and that no event announced: rules narrower than the stores are a silent mistake
//! otherwise.
//!
//! An event may merely be slow, so a find is reported only when a minute more has brought none.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::ledger::Applied;
use crate::object::ObjectKey;
use crate::pipe::PipeState;
use crate::wanted::{Token, Wanted};

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
    pub sources: Vec<Wanted>,
    /// When the comparison began: an event that arrived since may be about this change.
    pub since: Timestamp,
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

/// Is this another version than the one that was applied? Where that is not known, nothing is claimed.
#[must_use]
pub fn moved(applied: &Applied, wanted: &Wanted, found: &Token) -> bool {
    match applied {
        Applied::Tokens(tokens) => tokens.get(&wanted.to_string()).is_some_and(|token| token != found),
        Applied::Nothing | Applied::AsOf(_) => false,
    }
}

/// The finds that wait for their event.
#[derive(Debug, Default)]
pub struct Unannounced {
    pending: VecDeque<(Timestamp, Find)>,
}

impl Unannounced {
    /// Takes note of a find.
    pub fn found(&mut self, find: Find, now: Timestamp) {
        if self.pending.len() < MOST && !find.sources.is_empty() {
            self.pending.push_back((now, find));
        }
    }

    /// The finds whose time is up, each with the sources that no event was about.
    pub fn due(&mut self, now: Timestamp, heard_since: impl Fn(&Wanted, Timestamp) -> bool) -> Vec<Find> {
        let mut due = Vec::new();
        while let Some((_, mut find)) = self.pending.pop_front_if(|(found, _)| now.duration_since(*found) >= PATIENCE) {
            find.sources.retain(|wanted| !heard_since(wanted, find.since));
            if !find.sources.is_empty() {
                due.push(find);
            }
        }
        due
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
        Wanted { identity: Identity::Agent, source, selector: Selector::Stage("AWSCURRENT".to_owned()) }
    }

    fn find(name: &str, sources: &[&str], second: i64) -> Find {
        let sources = sources.iter().map(|key| wanted(key)).collect();
        Find { object: ObjectKey::new("team", name), sources, since: at(second) }
    }

    #[test]
    fn a_find_is_reported_after_a_minute_without_an_event_about_it() {
        let mut book = Unannounced::default();
        book.found(find("a", &["x"], 0), at(1));
        book.found(find("b", &["y", "z"], 5), at(6));
        assert_eq!(book.due(at(60), |_, _| false), []);
        assert_eq!(book.due(at(61), |_, _| false), [find("a", &["x"], 0)]);
        assert_eq!(book.due(at(66), |source, since| *source == wanted("y") && since == at(5)), [find("b", &["z"], 5)]);
        assert_eq!(book.due(at(1000), |_, _| false), []);
    }

    #[test]
    fn an_event_within_the_minute_settles_it() {
        let mut book = Unannounced::default();
        book.found(find("a", &["x"], 0), at(1));
        assert_eq!(book.due(at(61), |_, since| since == at(0)), []);
        assert_eq!(book.due(at(1000), |_, _| false), [], "and for good");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut book = Unannounced::default();
        (0..MOST + 10).for_each(|_| book.found(find("a", &["x"], 0), at(0)));
        book.found(find("a", &[], 0), at(0));
        assert_eq!(book.due(at(60), |_, _| false).len(), MOST);
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
        let token = |text: &str| Token::from_stored(text);
        let tokens = |text| Applied::Tokens(BTreeMap::from([(wanted("x").to_string(), token(text))]));
        for (applied, expected) in [
            (tokens("1"), true),
            (tokens("2"), false),
            (Applied::Tokens(BTreeMap::new()), false),
            (Applied::Nothing, false),
            (Applied::AsOf(at(0)), false),
        ] {
            assert_eq!(moved(&applied, &wanted("x"), &token("2")), expected, "{applied:?}");
        }
    }
}
