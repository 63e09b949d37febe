//! How fast: the limits on restarts, and the back-off of what fails.

use std::time::Duration;

use jiff::Timestamp;

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

/// A token bucket over all workloads.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { rate: limits.rate, burst: limits.burst, tokens: limits.burst, filled: None }
    }

    /// When there will be a token, if nobody else takes it; nothing if there is one now.
    pub fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        let since = self.filled.map_or(0.0, |filled| now.duration_since(filled).as_secs_f64());
        self.tokens = (self.tokens + since.max(0.0) * self.rate).min(self.burst);
        self.filled = Some(now);
        if self.tokens >= 1.0 {
            return None;
        }
        // A little later than computed, so that rounding never makes the caller come twice.
        let missing = ((1.0 - self.tokens) / self.rate).clamp(0.001, 60.0);
        Some(after(now, Duration::from_secs_f64(missing + 0.001)))
    }

    /// Takes the token that [`Bucket::next`] found.
    pub fn take(&mut self) {
        self.tokens -= 1.0;
    }

    /// Gives a token back that was taken for a restart that did not happen.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst);
    }
}

/// How a wait grows with the number of failures.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// After an error of the API server or an admission webhook.
    pub const FAILURE: Self = Self { first: Duration::from_secs(1), most: Duration::from_mins(7) };
    /// After a write that met a newer object; the watch delivers that object and ends the wait sooner.
    pub const CONFLICT: Self = Self { first: Duration::from_millis(250), most: Duration::from_secs(10) };
    /// Between rewrites of a state that somebody keeps putting back.
    pub const REVERTED: Self = Self { first: Duration::from_secs(10), most: Duration::from_hours(1) };

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

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(&Limits::default());
        assert!((0..100).all(|_| takes(&mut bucket, 0)));
        let next = bucket.next(at(0)).unwrap();
        assert!(next > at(90) && next < at(120), "{next}");
        assert!(bucket.next(at(50)).is_some());
        assert_eq!(bucket.next(next), None);

        let passed = (0..1000).filter(|tick| takes(&mut bucket, 200 + tick * 10)).count();
        assert!((100..=112).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn a_bucket_refills_to_its_burst_and_not_further_and_survives_a_clock_that_goes_back() {
        let mut bucket = Bucket::new(&Limits { rate: 10.0, burst: 2.0, ..Limits::default() });
        assert!(takes(&mut bucket, 0));
        assert_eq!((0..5).filter(|_| takes(&mut bucket, 3_600_000)).count(), 2);
        assert!(bucket.next(at(0)).unwrap() < at(200));
        bucket.give_back();
        assert!(takes(&mut bucket, 0));
    }

    fn takes(bucket: &mut Bucket, millis: i64) -> bool {
        let there = bucket.next(at(millis)).is_none();
        if there {
            bucket.take();
        }
        there
    }

    #[test]
    fn backoff_doubles_up_to_its_limit_and_jitter_shortens_it() {
        let waits: Vec<u64> = [1, 2, 3, 9, 10, 40, u32::MAX].map(|n| Backoff::FAILURE.wait(n, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 256, 420, 420, 420]);
        assert_eq!(Backoff::FAILURE.wait(0, 0.0), Duration::from_secs(1));
        assert_eq!(Backoff::FAILURE.wait(2, 1.0), Duration::from_secs(1));
    }
}
