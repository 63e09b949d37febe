//! Somebody else writes what we write.
//!
//! A person who edits a target, or a controller that hands over, does so once or twice, and is answered at once. What is
//! undone again and again has another writer; whoever answers that one at once fights it, for ever.

use std::time::Duration;

use jiff::Timestamp;

use crate::backoff::{Backoff, after};

/// How often what we wrote was undone, lately.
#[derive(Clone, Copy, Debug)]
pub struct Contest {
    /// So often is an accident.
    free: u32,
    /// It is over when nothing happened for so long, and for twice the last pause.
    calm: Duration,
    times: u32,
    last: Timestamp,
}

impl Contest {
    /// The contest of a target: three edits within ten minutes are somebody's who tries something.
    #[must_use]
    pub fn of_target() -> Self {
        Self { free: 3, calm: Duration::from_mins(10), times: 0, last: Timestamp::MIN }
    }

    /// The contest of a status, which another controller refreshes at every `interval`. A controller that goes may still
    /// refresh once.
    #[must_use]
    pub fn of_status(interval: Duration) -> Self {
        let calm = interval.saturating_mul(3).max(Duration::from_mins(10));
        Self { free: 1, calm, times: 0, last: Timestamp::MIN }
    }

    /// It was undone.
    pub fn undone(&mut self, now: Timestamp) {
        self.times = if self.is_calm(now) { 1 } else { self.times.saturating_add(1) };
        self.last = now;
    }

    /// What was taken for an undoing was none.
    pub fn forgive(&mut self) {
        self.times = self.times.saturating_sub(1);
    }

    /// Is there another writer?
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.times > self.free && !self.is_calm(now)
    }

    /// Not to be answered before this time.
    #[must_use]
    pub fn answer_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.is_on(now).then(|| after(self.last, self.pause())).filter(|at| *at > now)
    }

    fn pause(&self) -> Duration {
        Backoff::REVERTED.wait(self.times.saturating_sub(self.free), 0.0)
    }

    fn is_calm(&self, now: Timestamp) -> bool {
        // A clock that was set back makes it calm, too.
        now < self.last || now >= after(self.last, self.calm.max(self.pause().saturating_mul(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    #[test]
    fn three_edits_are_answered_at_once_and_then_less_and_less_often() {
        let mut contest = Contest::of_target();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..14 {
            contest.undone(at(now));
            let answer = contest.answer_at(at(now)).unwrap_or(at(now));
            let pause = answer.as_second() - at(now).as_second();
            pauses.push(pause);
            now += pause + 1;
        }
        assert_eq!(pauses, [0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert!(contest.is_on(at(now)));
        assert!(!contest.is_on(at(now + 2 * 3600)), "nobody did anything for long");
        contest.undone(at(now + 2 * 3600));
        assert_eq!(contest.answer_at(at(now + 2 * 3600)), None, "it begins anew");
    }

    #[test]
    fn what_is_forgiven_does_not_add_up() {
        let mut contest = Contest::of_target();
        for edit in 0..20 {
            contest.undone(at(edit));
            contest.forgive();
            assert!(!contest.is_on(at(edit)));
        }
    }

    #[test]
    fn an_edit_now_and_then_is_no_contest() {
        let mut contest = Contest::of_target();
        for edit in 0..20 {
            contest.undone(at(edit * 600));
            assert!(!contest.is_on(at(edit * 600)));
        }
    }

    #[test]
    fn a_second_refresh_by_somebody_else_tells_of_another_controller_until_it_stops() {
        let mut contest = Contest::of_status(Duration::from_hours(1));
        contest.undone(at(0));
        assert!(!contest.is_on(at(1)), "the one that hands over");
        contest.undone(at(3600));
        assert!(contest.is_on(at(3600)) && contest.is_on(at(3 * 3600)));
        assert!(!contest.is_on(at(4 * 3600)));
    }
}
