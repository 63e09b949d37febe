//! Which objects are due, which are being compared, and which AWS did not answer for.
//!
//! An object may use several stores, each compared by itself: it is done when the last one is. One that got no answer
//! is due again after a back-off of its own and not after its whole interval.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::backoff::{Backoff, after};
use crate::object::ObjectKey;

/// A postponed object that was not due any more for so long has gone.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// When an object has to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now.
    Now,
    /// After this long.
    In(Duration),
    /// After this long, because AWS did not answer the last time.
    Postponed(Duration),
    /// It is being compared.
    UnderWay,
}

/// How a comparison began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When.
    pub at: Timestamp,
    /// Would a version that it finds have to have been announced?
    pub announced: bool,
    /// Was the object's pipe proven?
    pub proven: bool,
}

/// What became of an object whose stores have all been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is compared.
    Compared,
    /// AWS did not tell everything: it is due again after this long.
    Postponed(Duration),
    /// Everything was asked for again meanwhile: it is due now.
    Again,
}

#[derive(Debug)]
struct Open {
    begun: Begun,
    stores_left: usize,
    unanswered: bool,
    again: bool,
}

#[derive(Debug)]
struct Postponed {
    failures: u32,
    until: Timestamp,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Comparisons {
    open: HashMap<ObjectKey, Open>,
    postponed: HashMap<ObjectKey, Postponed>,
}

impl Comparisons {
    /// Is the object due? `compared` is when it last was, `everything` says that all are due at once.
    pub fn due(
        &mut self,
        key: &ObjectKey,
        compared: Option<Timestamp>,
        interval: Duration,
        everything: bool,
        now: Timestamp,
    ) -> Due {
        if let Some(open) = self.open.get_mut(key) {
            open.again |= everything;
            return Due::UnderWay;
        }
        if everything {
            return Due::Now;
        }
        let wait = |until: Timestamp| Duration::try_from(until.duration_since(now)).ok().filter(|wait| !wait.is_zero());
        match (self.postponed.get(key), compared) {
            (Some(postponed), _) => wait(postponed.until).map_or(Due::Now, Due::Postponed),
            (None, Some(compared)) => wait(after(compared, interval)).map_or(Due::Now, Due::In),
            (None, None) => Due::Now,
        }
    }

    /// The object is being compared, in so many stores.
    pub fn begin(&mut self, key: ObjectKey, stores: usize, begun: Begun) {
        self.open.insert(key, Open { begun, stores_left: stores, unanswered: false, again: false });
    }

    /// How the comparison of the object began, while it is under way.
    #[must_use]
    pub fn begun(&self, key: &ObjectKey) -> Option<Begun> {
        self.open.get(key).map(|open| open.begun)
    }

    /// One store of the object has been asked; `answered` says whether AWS told of all that the object wants from it.
    /// Returns what becomes of the object if that was the last one. `jitter` (0 to 1) keeps apart what failed together.
    pub fn store_done(&mut self, key: &ObjectKey, answered: bool, now: Timestamp, jitter: f64) -> Option<Closed> {
        let open = self.open.get_mut(key)?;
        open.unanswered |= !answered;
        open.stores_left = open.stores_left.saturating_sub(1);
        if open.stores_left > 0 {
            return None;
        }
        let open = self.open.remove(key)?;
        if open.unanswered {
            let failures = self.postponed.get(key).map_or(0, |postponed| postponed.failures).saturating_add(1);
            let wait = Backoff::COMPARISON.wait(failures, jitter);
            self.postponed.insert(key.clone(), Postponed { failures, until: after(now, wait) });
            return Some(Closed::Postponed(wait));
        }
        self.postponed.remove(key);
        Some(if open.again { Closed::Again } else { Closed::Compared })
    }

    /// Forgets postponed objects that nobody has asked about for long: they are gone.
    pub fn prune(&mut self, now: Timestamp) {
        self.postponed.retain(|_, postponed| now.duration_since(postponed.until) < GONE_AFTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn key() -> ObjectKey {
        ObjectKey::new("team", "db")
    }

    fn begun(second: i64) -> Begun {
        Begun { at: at(second), announced: false, proven: true }
    }

    #[test]
    fn an_object_is_due_at_its_interval_at_once_if_it_never_was_and_when_everything_is() {
        let mut book = Comparisons::default();
        for (compared, everything, now, due) in [
            (None, false, 0, Due::Now),
            (Some(0), false, 0, Due::In(MINUTE)),
            (Some(0), false, 59, Due::In(Duration::from_secs(1))),
            (Some(0), false, 60, Due::Now),
            (Some(0), false, 600, Due::Now),
            (Some(0), true, 1, Due::Now),
        ] {
            assert_eq!(book.due(&key(), compared.map(at), MINUTE, everything, at(now)), due, "{compared:?} {now}");
        }
        assert!(matches!(book.due(&key(), Some(at(0)), Duration::MAX, false, at(1)), Due::In(_)), "never is not now");
    }

    #[test]
    fn an_object_is_done_when_its_last_store_is() {
        let mut book = Comparisons::default();
        book.begin(key(), 2, begun(0));
        assert_eq!(book.due(&key(), None, MINUTE, false, at(0)), Due::UnderWay);
        assert_eq!(book.store_done(&key(), true, at(1), 0.0), None);
        assert_eq!(book.begun(&key()), Some(begun(0)));
        assert_eq!(book.store_done(&key(), true, at(2), 0.0), Some(Closed::Compared));
        assert_eq!(book.begun(&key()), None);
        assert_eq!(book.store_done(&key(), true, at(2), 0.0), None);
    }

    #[test]
    fn one_store_without_an_answer_makes_the_object_due_again_after_a_growing_wait() {
        let mut book = Comparisons::default();
        let mut now = 0;
        for wait in [4, 8, 16, 32, 60, 60] {
            book.begin(key(), 2, begun(now));
            assert_eq!(book.store_done(&key(), false, at(now), 0.0), None);
            let wait = Duration::from_secs(wait);
            assert_eq!(book.store_done(&key(), true, at(now), 0.0), Some(Closed::Postponed(wait)));
            assert_eq!(book.due(&key(), Some(at(now)), Duration::from_hours(1), false, at(now)), Due::Postponed(wait));
            now += i64::try_from(wait.as_secs()).expect("short");
            assert_eq!(book.due(&key(), Some(at(now)), Duration::from_hours(1), false, at(now)), Due::Now);
        }
        book.begin(key(), 1, begun(now));
        assert_eq!(book.store_done(&key(), true, at(now), 0.0), Some(Closed::Compared));
        book.begin(key(), 1, begun(now));
        let first = Closed::Postponed(Duration::from_secs(4));
        assert_eq!(book.store_done(&key(), false, at(now), 0.0), Some(first), "an answer starts anew");
        assert_eq!(book.due(&key(), None, MINUTE, true, at(now)), Due::Now, "a full round does not wait");
    }

    #[test]
    fn a_full_round_during_a_comparison_brings_another_one() {
        let mut book = Comparisons::default();
        book.begin(key(), 1, begun(0));
        assert_eq!(book.due(&key(), None, MINUTE, true, at(1)), Due::UnderWay);
        assert_eq!(book.store_done(&key(), true, at(2), 0.0), Some(Closed::Again));
    }

    #[test]
    fn objects_that_are_gone_are_forgotten() {
        let mut book = Comparisons::default();
        book.begin(key(), 1, begun(0));
        book.store_done(&key(), false, at(0), 0.0);
        book.prune(at(600));
        assert_eq!(book.postponed.len(), 1);
        book.prune(at(604));
        assert!(book.postponed.is_empty());
    }
}
