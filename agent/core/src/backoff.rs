//! How a wait grows with the number of failures.

use std::time::Duration;

use jiff::Timestamp;

/// A wait that doubles with each failure, up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// After an error of the API server or an admission webhook, and for an object that is not Ready.
    pub const FAILURE: Self = Self { first: Duration::from_secs(1), most: Duration::from_mins(7) };
    /// After a write that met a newer object; the watch delivers that object and ends the wait sooner.
    pub const CONFLICT: Self = Self { first: Duration::from_millis(250), most: Duration::from_secs(10) };
    /// Between rewrites of a state that somebody keeps putting back.
    pub const REVERTED: Self = Self { first: Duration::from_secs(10), most: Duration::from_hours(1) };
    /// Between the attempts of one call to AWS.
    pub const ATTEMPT: Self = Self { first: Duration::from_millis(100), most: Duration::from_secs(2) };
    /// After a comparison that AWS did not answer.
    pub const COMPARISON: Self = Self { first: Duration::from_secs(4), most: Duration::from_mins(1) };
    /// Before a store that cannot be used is validated again.
    pub const STORE: Self = Self { first: Duration::from_secs(5), most: Duration::from_mins(5) };
    /// After the queue could not be read.
    pub const RECEIVE: Self = Self { first: Duration::from_millis(500), most: Duration::from_secs(20) };
    /// After a watch broke: an API server that is back is listened to soon.
    pub const WATCH: Self = Self { first: Duration::from_millis(500), most: Duration::from_secs(5) };

    /// The same with another limit.
    #[must_use]
    pub fn up_to(self, most: Duration) -> Self {
        Self { most, ..self }
    }

    /// The wait after the `failures`-th failure in a row (from 1). `jitter` (0 to 1) takes up to half of it away, so
    /// that those who failed together do not come back together.
    #[must_use]
    pub fn wait(self, failures: u32, jitter: f64) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// `now + wait`, or the end of time.
#[must_use]
pub fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit_and_jitter_shortens_it() {
        let waits: Vec<u64> = [1, 2, 3, 9, 10, 40, u32::MAX].map(|n| Backoff::FAILURE.wait(n, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 256, 420, 420, 420]);
        assert_eq!(Backoff::FAILURE.wait(0, 0.0), Duration::from_secs(1));
        assert_eq!(Backoff::FAILURE.wait(2, 1.0), Duration::from_secs(1));
        assert_eq!(Backoff::FAILURE.up_to(Duration::from_secs(3)).wait(9, 0.0), Duration::from_secs(3));
    }
}
