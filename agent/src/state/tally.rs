//! What is counted for single objects and stores, beside them, so that it ends with them.

use std::time::Duration;

/// The syncs of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many ended.
    pub calls: u32,
    /// How many of those failed.
    pub errors: u32,
    /// How long the last one took.
    pub last: Duration,
}

impl Tally {
    /// A sync ended.
    pub fn count(&mut self, failed: bool, took: Duration) {
        self.calls = self.calls.saturating_add(1);
        self.errors = self.errors.saturating_add(u32::from(failed));
        self.last = took;
    }
}

/// The last validation of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validated {
    /// Can it be used?
    pub ready: bool,
    /// How long it took to tell.
    pub took: Duration,
}
