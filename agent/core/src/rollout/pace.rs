//! How fast: the limits on restarts. The bucket that holds them is [`crate::budget::Bucket`].

use std::time::Duration;

/// The limits on restarts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The least time between two restarts of one workload. The first restart fires at once.
    pub min_interval: Duration,
    /// How long a restart waits at most for syncs of the workload's Secrets; one that hangs must not hold up a password.
    pub sync_wait: Duration,
    /// Restarts a second, over all workloads.
    pub rate: f64,
    /// Restarts that may happen at once before the rate counts.
    pub burst: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { min_interval: Duration::from_secs(10), sync_wait: Duration::from_secs(15), rate: 10.0, burst: 100.0 }
    }
}
