//! How often something may be done: a token bucket, and the budget of calls to one AWS service.
//!
//! Plain state: the time is passed in, and who waits for its turn in which order is the caller's.

use std::time::Duration;

use jiff::Timestamp;

use crate::backoff::after;

/// While AWS throttles, a budget goes down to this share of its rate, and no further.
const FLOOR: f64 = 0.1;
/// Refusals of calls that were under way together count once.
const ONE_REFUSAL: Duration = Duration::from_secs(1);
/// A budget that AWS no longer throttles is back at its rate after this long.
const RECOVERY: Duration = Duration::from_secs(10);

/// A token bucket: a rate, and a burst that may be used at once. The restarts of workloads and the calls to AWS are
/// paced by it.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket; `rate` is in tokens a second.
    #[must_use]
    pub fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, tokens: burst, filled: None }
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

    /// Gives a token back that was taken for something that did not happen.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst);
    }

    /// Goes on at another rate; tokens over the new burst are lost.
    fn set(&mut self, rate: f64, burst: f64) {
        (self.rate, self.burst, self.tokens) = (rate, burst, self.tokens.min(burst));
    }
}

/// May a call be made?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes; it is accounted for.
    Ready,
    /// Ask again at this time.
    Wait(Timestamp),
}

/// The calls to one AWS service: so many a second, with a burst of one second's worth. While AWS throttles, the rate
/// halves with each second that sees a refusal, down to a tenth; then it climbs back within ten seconds.
#[derive(Clone, Debug)]
pub struct Budget {
    full: f64,
    bucket: Bucket,
    /// The rate that the last refusal led to, and when that was.
    slowed: Option<(f64, Timestamp)>,
}

impl Budget {
    /// `rate` is in calls a second and more than zero.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self { full: rate, bucket: Bucket::new(rate, burst(rate)), slowed: None }
    }

    /// Asks for one call.
    pub fn take(&mut self, now: Timestamp) -> Turn {
        self.pace(now);
        if let Some(at) = self.bucket.next(now) {
            return Turn::Wait(at);
        }
        self.bucket.take();
        Turn::Ready
    }

    /// AWS refused a call because there are too many.
    pub fn throttled(&mut self, now: Timestamp) {
        if self.slowed.is_some_and(|(_, at)| now < after(at, ONE_REFUSAL) && now >= at) {
            return;
        }
        let rate = (self.rate(now) / 2.0).max(self.full * FLOOR);
        self.slowed = Some((rate, now));
        self.pace(now);
    }

    /// Calls a second, as things are.
    #[must_use]
    pub fn rate(&self, now: Timestamp) -> f64 {
        let Some((rate, at)) = self.slowed else { return self.full };
        let calm = (now.duration_since(at).as_secs_f64() - ONE_REFUSAL.as_secs_f64()).max(0.0);
        (rate + self.full * calm / RECOVERY.as_secs_f64()).min(self.full)
    }

    fn pace(&mut self, now: Timestamp) {
        let rate = self.rate(now);
        if rate >= self.full {
            self.slowed = None;
        }
        self.bucket.set(rate, burst(rate));
    }
}

/// One second's worth, and never so little that no call could be made.
fn burst(rate: f64) -> f64 {
    rate.max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(10.0, 100.0);
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
        let mut bucket = Bucket::new(10.0, 2.0);
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
    fn refusals_halve_the_rate_once_a_second_down_to_a_tenth_and_ten_calm_seconds_restore_it() {
        let mut budget = Budget::new(400.0);
        for (millis, rate) in [(0, 200.0), (10, 200.0), (999, 200.0), (1000, 100.0), (2000, 50.0), (3000, 40.0)] {
            budget.throttled(at(millis));
            assert!((budget.rate(at(millis)) - rate).abs() < 0.01, "{millis}: {}", budget.rate(at(millis)));
        }
        assert!((budget.rate(at(9_000)) - 240.0).abs() < 0.01, "{}", budget.rate(at(9_000)));
        assert!((budget.rate(at(14_000)) - 400.0).abs() < 0.01);
        budget.throttled(at(20_000));
        assert!((budget.rate(at(20_000)) - 200.0).abs() < 0.01);
    }

    #[test]
    fn a_slowed_budget_lets_through_what_its_rate_says() {
        let mut budget = Budget::new(100.0);
        for second in 0..10 {
            budget.throttled(at(second * 1000));
        }
        // A burst of a tenth, then a tenth a second, with a refusal each second.
        let passed = (10_000..20_000_i64)
            .filter(|millis| {
                if millis % 1000 == 0 {
                    budget.throttled(at(*millis));
                }
                budget.take(at(*millis)) == Turn::Ready
            })
            .count();
        assert!((95..=111).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn less_than_one_call_a_second_is_still_a_call() {
        let mut budget = Budget::new(0.5);
        assert_eq!(budget.take(at(0)), Turn::Ready);
        let Turn::Wait(next) = budget.take(at(0)) else { panic!("there was one token") };
        assert!(next > at(1_900) && next < at(2_100), "{next}");
        assert_eq!(budget.take(next), Turn::Ready);
    }

    proptest! {
        #[test]
        fn no_window_sees_more_calls_than_its_rate_and_one_burst(
            rate in 1.0..500.0_f64,
            asks in prop::collection::vec((0..300_i64, 1..20_usize, prop::bool::weighted(0.1)), 1..120),
        ) {
            let mut budget = Budget::new(rate);
            let mut now = 0;
            let mut calls: Vec<i64> = Vec::new();
            for (pause, asked, refused) in asks {
                now += pause;
                if refused {
                    budget.throttled(at(now));
                }
                calls.extend((0..asked).filter(|_| budget.take(at(now)) == Turn::Ready).map(|_| now));
            }
            for first in 0..calls.len() {
                for last in first..calls.len() {
                    let seconds = Duration::from_millis(u64::try_from(calls[last] - calls[first]).unwrap()).as_secs_f64();
                    let made = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(made <= rate * seconds + rate.max(1.0) + 1e-6, "{made} calls in {seconds} s at {rate}");
                }
            }
        }

        #[test]
        fn whoever_comes_back_when_told_is_served(rate in 0.1..500.0_f64, asks in 1..200_usize) {
            let mut budget = Budget::new(rate);
            let mut now = at(0);
            for _ in 0..asks {
                if let Turn::Wait(until) = budget.take(now) {
                    prop_assert!(until > now);
                    now = until;
                    prop_assert_eq!(budget.take(now), Turn::Ready);
                }
            }
        }
    }
}
