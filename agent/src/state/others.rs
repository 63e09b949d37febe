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
}

impl Others {
    pub(super) fn new(policy: Policy) -> Self {
        let interval = match policy {
            Policy::Periodic(interval) if !interval.is_zero() => interval,
            _ => Duration::from_hours(1),
        };
        Self { target: Contest::of_target(), status: Contest::of_status(interval), spoilt_by: None, told: false }
    }

    /// The target stopped being as the object left it; `by` names who wrote it last, or nobody if it is gone.
    pub(super) fn spoilt(&mut self, by: Option<String>, now: Timestamp) {
        self.target.undone(now);
        self.spoilt_by = by;
    }

    /// Somebody else refreshed the object, while this instance is the one that does.
    pub(super) fn refreshed(&mut self, now: Timestamp) {
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
