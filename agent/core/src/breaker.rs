//! When to stop asking an endpoint that does not answer.
//!
//! Each call to one that is beyond reach holds its caller for seconds, and says no more than the one before.

use std::time::Duration;

use jiff::Timestamp;

use crate::backoff::after;

/// After so many calls in a row without an answer, the endpoint counts as beyond reach.
const HOPELESS: u32 = 8;
/// Then one call is let through this often, to see.
const PROBE_EVERY: Duration = Duration::from_secs(3);

/// The calls to one endpoint, by one caller. It is open while calls would be in vain.
#[derive(Debug, Default)]
pub struct Breaker {
    unanswered: u32,
    /// The next call that is let through.
    probe: Option<Timestamp>,
}

impl Breaker {
    /// Would a call be in vain?
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        // A clock that was set back must not keep it open.
        self.probe.is_some_and(|probe| now < probe && probe <= after(now, PROBE_EVERY))
    }

    /// May a call be made? While the endpoint is beyond reach, that makes it the probe, and the next one waits.
    pub fn pass(&mut self, now: Timestamp) -> bool {
        if self.is_open(now) {
            return false;
        }
        if self.probe.is_some() {
            self.probe = Some(after(now, PROBE_EVERY));
        }
        true
    }

    /// A call was answered, if only by a refusal.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call was not answered.
    pub fn unanswered(&mut self, now: Timestamp) {
        self.unanswered = self.unanswered.saturating_add(1);
        if self.unanswered >= HOPELESS {
            self.probe = Some(after(now, PROBE_EVERY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        (0..8).for_each(|_| breaker.unanswered(at(0)));
        breaker
    }

    #[test]
    fn eight_calls_in_a_row_without_an_answer_end_it_and_one_answer_begins_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (0..7).for_each(|_| breaker.unanswered(at(0)));
            assert!(breaker.pass(at(0)));
            breaker.answered();
        }
        (0..8).for_each(|_| breaker.unanswered(at(0)));
        assert!(!breaker.pass(at(0)));
        breaker.answered();
        assert!(breaker.pass(at(0)));
    }

    #[test]
    fn one_probe_is_let_through_every_three_seconds() {
        let mut breaker = open();
        for second in [3, 6, 9] {
            assert!(breaker.is_open(at(second - 1)) && !breaker.pass(at(second - 1)));
            assert!(breaker.pass(at(second)), "{second}");
            assert!(!breaker.pass(at(second)), "one, at {second}");
        }
        breaker.unanswered(at(10));
        assert!(!breaker.pass(at(12)), "a failed probe counts from its end");
        assert!(breaker.pass(at(13)));
        breaker.answered();
        assert!((0..20).all(|_| breaker.pass(at(13))));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        assert!(open().pass(at(-3600)));
    }
}
