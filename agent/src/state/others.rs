//! Who else writes what belongs to one object: its target, or its status.

use std::time::Duration;

use jiff::Timestamp;
use rekey_core::contest::Contest;
use rekey_core::ledger::Policy;

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Others {
    target: Contest,
    status: Contest,
    spoilt_by: Option<String>,
    told: bool,
    /// The refresh that this instance wrote last, or is writing: the watch may show it before the write returns.
    own: Option<Timestamp>,
}

impl Others {
    pub(super) fn new(policy: Policy) -> Self {
        let interval = match policy {
            Policy::Periodic(interval) if !interval.is_zero() => interval,
            _ => Duration::from_hours(1),
        };
        Self {
            target: Contest::of_target(),
            status: Contest::of_status(interval),
            spoilt_by: None,
            told: false,
            own: None,
        }
    }

    /// The target stopped being as the object left it; `by` names who wrote it last, or nobody if it is gone.
    pub(super) fn spoilt(&mut self, by: Option<String>, now: Timestamp) {
        self.target.undone(now);
        self.spoilt_by = by;
    }

    /// The target is as before, but for what others may put there.
    pub fn forgive(&mut self) {
        self.target.forgive();
    }

    /// This instance is about to write a refresh that began at this time.
    pub fn refreshing(&mut self, started: Timestamp) {
        self.own = Some(started);
    }

    /// The object's refresh of that time is seen, while this instance is the one that refreshes it.
    pub(super) fn refreshed(&mut self, at: Timestamp, now: Timestamp) {
        // The API server keeps whole seconds.
        if self.own.is_some_and(|own| own.as_second() == at.as_second()) {
            return;
        }
        self.told &= self.status.is_on(now);
        self.status.undone(now);
    }

    /// Is there another writer?
    #[must_use]
    pub fn contest(&self, now: Timestamp) -> bool {
        self.target.is_on(now) || self.contest_status(now)
    }

    /// Is there another controller that refreshes the object?
    #[must_use]
    pub fn contest_status(&self, now: Timestamp) -> bool {
        self.status.is_on(now)
    }

    /// The same, once for each such controller.
    pub fn contest_status_anew(&mut self, now: Timestamp) -> bool {
        let news = self.contest_status(now) && !self.told;
        self.told |= news;
        news
    }

    /// Who keeps spoiling the target: a field manager, or nobody who is known.
    #[must_use]
    pub fn spoiler(&self) -> Option<&str> {
        self.spoilt_by.as_deref()
    }

    /// The target is not to be restored before this time.
    #[must_use]
    pub fn restore_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.target.answer_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_123 + second * 1000).expect("in range")
    }

    #[test]
    fn another_controller_is_told_of_once_and_ones_own_refresh_is_none() {
        let mut others = Others::new(Policy::Once);
        let stored = |second: i64| Timestamp::from_second(at(second).as_second()).expect("in range");
        for second in 0..5 {
            others.refreshing(at(second));
            others.refreshed(stored(second), at(second));
        }
        assert!(!others.contest(at(5)));
        for second in [10, 20, 30] {
            others.refreshed(stored(second), at(second));
            assert_eq!(others.contest_status_anew(at(second)), second == 20, "{second}");
        }
        assert!(others.contest(at(30)) && others.restore_at(at(30)).is_none());
    }
}
