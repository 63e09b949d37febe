//! How often one source may be read.
//!
//! An event can be ahead of AWS's own answers, so a source is asked again for a moment; and anybody who can send
//! messages can announce versions that never come. Both are bounded here, for all objects and all events together.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// Reads of one loop: as many as may begin within [`WINDOW`].
const READS: usize = 6;
/// However much is announced meanwhile. Half a second more than five, so that six reads in five seconds are the most
/// that AWS sees too, though one request takes longer on its way than another.
const WINDOW: SignedDuration = SignedDuration::from_millis(5500);
/// The pause before each read of a loop. They end within the window, and none is so long that what really changed
/// amid a flood of false news would have to wait for two seconds.
const PAUSES: [SignedDuration; READS] = [
    SignedDuration::ZERO,
    SignedDuration::from_millis(200),
    SignedDuration::from_millis(500),
    SignedDuration::from_millis(1000),
    SignedDuration::from_millis(1500),
    SignedDuration::from_millis(1500),
];

/// The reads of one source.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the last reads began.
    recent: VecDeque<Timestamp>,
    /// Reads of the loop that runs, or of the last one.
    done: usize,
}

impl Pace {
    /// A read begins.
    pub fn begin(&mut self, now: Timestamp) {
        self.forget_the_future(now);
        if self.recent.len() == READS {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.done = (self.done + 1).min(READS);
    }

    /// The next read begins a loop.
    pub fn restart(&mut self) {
        self.done = 0;
    }

    /// Has the loop done all it may?
    pub fn is_exhausted(&self) -> bool {
        self.done == READS
    }

    /// When the next read may begin, if not at `now`; `in_loop` adds the loop's pauses to the bound of the window.
    pub fn not_before(&self, in_loop: bool, now: Timestamp) -> Option<Timestamp> {
        let last = *self.recent.back().filter(|last| **last <= now)?;
        let pause = PAUSES.get(self.done).copied().filter(|_| in_loop).and_then(|pause| last.checked_add(pause).ok());
        let window = self.recent.front().filter(|_| self.recent.len() == READS);
        let window = window.and_then(|first| first.checked_add(WINDOW).ok());
        pause.max(window).filter(|until| *until > now)
    }

    /// A clock that was set back must not stop the reads until it has caught up.
    fn forget_the_future(&mut self, now: Timestamp) {
        if self.recent.back().is_some_and(|last| *last > now) {
            self.recent.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).expect("in range")
    }

    /// Reads whenever it is allowed, from the first moment to the last, and hands back when.
    fn reads_of(pace: &mut Pace, until: i64, new_loops: bool) -> Vec<i64> {
        let mut begun = Vec::new();
        let mut now = 0;
        while now <= until && (new_loops || !pace.is_exhausted()) {
            if pace.is_exhausted() {
                pace.restart();
            }
            if let Some(later) = pace.not_before(true, at(now)) {
                now = later.as_millisecond() - at(0).as_millisecond();
            } else {
                pace.begin(at(now));
                begun.push(now);
            }
        }
        begun
    }

    #[test]
    fn a_loop_reads_six_times_within_five_seconds() {
        assert_eq!(reads_of(&mut Pace::default(), i64::MAX, false), [0, 200, 700, 1700, 3200, 4700]);
    }

    #[test]
    fn loops_without_end_stay_within_the_window_and_leave_no_long_gap() {
        let begun = reads_of(&mut Pace::default(), 60_000, true);
        for reads in begun.windows(READS + 1) {
            assert!(reads[READS] - reads[0] >= 5000, "{reads:?}");
        }
        for reads in begun.windows(2) {
            assert!(reads[1] - reads[0] <= 1500, "{reads:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut pace = Pace::default();
        for _ in 0..READS {
            pace.begin(at(3_600_000));
        }
        assert_eq!(pace.not_before(true, at(0)), None);
        pace.begin(at(0));
        assert_eq!(pace.not_before(false, at(0)), None);
    }
}
