//! ListSecrets in place of a DescribeSecret for each secret: when that is cheaper, and what of its answer to believe.
//!
//! A page of 100 secrets is one call, but the listing goes through secrets that nobody asked for too, and it may lag
//! five minutes behind.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::identity::Service;
use crate::wanted::Token;

/// Secrets a page holds at most.
pub const PAGE: usize = 100;
/// A listing may be so late.
pub const LAG: SignedDuration = SignedDuration::from_mins(5);
/// An object that is compared less often than this bears that.
pub const BEARABLE_INTERVAL: Duration = Duration::from_mins(15);
/// Objects of one store and interval are compared together where one of them is due and another would be within this
/// share of the interval. Of any two, one comes within half an interval after the other, so all of them end up in one
/// phase, whatever their beginnings were.
const TOGETHER: u32 = 2;
/// Without experience, a listing is tried for so many secrets.
const WORTH_A_TRY: usize = 100;
/// After a listing that was given up, the next try without any other reason; secrets come and go.
const TRY_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What the last listing taught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The pages it went through.
    pub pages: usize,
    /// Secrets that were asked for and not in it.
    pub missing: usize,
    /// Did it end by itself, or was it given up as too long?
    pub complete: bool,
    /// When it ended.
    pub at: Timestamp,
}

/// How much earlier than due an object is compared with another one of its store and interval; `None` where each source
/// costs a call of its own, whenever it is made.
#[must_use]
pub fn take_along(service: Service, interval: Duration) -> Option<Duration> {
    let in_batches = match service {
        Service::SecretsManager => interval >= BEARABLE_INTERVAL,
        Service::ParameterStore => true,
    };
    in_batches.then(|| interval / TOGETHER)
}

/// How many pages a listing for so many secrets may go through; `None` where describing each of them is cheaper.
#[must_use]
pub fn page_limit(secrets: usize, last: Option<&Listed>, now: Timestamp) -> Option<usize> {
    // Half: a listing that turns out too long has then cost no more than the describing that follows it.
    let try_it = || (secrets >= WORTH_A_TRY).then_some(secrets / 2);
    match last {
        None => try_it(),
        Some(last) if last.complete => {
            let spare = secrets.saturating_sub(last.missing);
            (last.pages < spare).then_some(spare)
        }
        Some(last) if secrets / 2 > last.pages || now.duration_since(last.at) >= TRY_AGAIN => try_it(),
        Some(_) => None,
    }
}

/// Can what a listing says stand? One that contradicts what AWS said before may just be late, so DescribeSecret has to
/// decide. (What an event spoke of within [`LAG`] is not looked for in a listing at all.)
#[must_use]
pub fn is_believable(known: Option<&Token>, listed: &Token) -> bool {
    known.is_none_or(|known| known == listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).expect("in range")
    }

    fn listed(pages: usize, missing: usize, complete: bool) -> Listed {
        Listed { pages, missing, complete, at: at(0) }
    }

    #[test]
    fn pages_are_read_where_they_cost_less_than_descriptions() {
        for (what, secrets, last, hour, limit) in [
            ("too few for a first try", 99, None, 1, None),
            ("a first try", 100, None, 1, Some(50)),
            ("one page tells of twenty", 20, Some(listed(1, 0, true)), 1, Some(20)),
            ("one page for one secret is no gain", 1, Some(listed(1, 0, true)), 1, None),
            ("a huge account for a few secrets", 40, Some(listed(90, 0, true)), 1, None),
            ("the pages and those that are never listed", 200, Some(listed(50, 150, true)), 1, None),
            ("the same, with fewer of those", 200, Some(listed(50, 149, true)), 1, Some(51)),
            ("all of them belong to another account", 100, Some(listed(1, 100, true)), 1, None),
            ("given up, and nothing has changed", 1000, Some(listed(500, 0, false)), 1, None),
            ("given up, but more is wanted now", 1100, Some(listed(500, 0, false)), 1, Some(550)),
            ("given up a day ago", 1000, Some(listed(500, 0, false)), 24, Some(500)),
            ("given up a day ago, and few are wanted", 50, Some(listed(500, 0, false)), 24, None),
        ] {
            assert_eq!(page_limit(secrets, last.as_ref(), at(hour)), limit, "{what}");
        }
    }

    #[test]
    fn only_what_is_asked_in_batches_is_taken_along() {
        let (sm, ssm) = (Service::SecretsManager, Service::ParameterStore);
        for (service, minutes, expected) in
            [(sm, 14, None), (sm, 60, Some(30)), (ssm, 14, Some(7)), (ssm, 60, Some(30))]
        {
            let early = take_along(service, Duration::from_mins(minutes));
            assert_eq!(early, expected.map(Duration::from_mins), "{service:?} {minutes}");
        }
    }

    #[test]
    fn a_listing_that_contradicts_what_is_known_is_not_believed() {
        let token =
            |version| Token::of_secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", version);
        for (known, believed) in [(None, true), (Some(token("2")), true), (Some(token("1")), false)] {
            assert_eq!(is_believable(known.as_ref(), &token("2")), believed, "{known:?}");
        }
        assert!(!is_believable(Some(&Token::absent()), &token("2")));
    }
}
