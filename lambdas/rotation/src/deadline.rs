//! The time a step may take, derived from the invocation's own limit.
//!
//! A function that Lambda kills says nothing; one that stops itself a little earlier names what it was waiting for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The most that is kept back for the last words of a step.
const MARGIN: Duration = Duration::from_secs(5);

/// The instant by which a step has to end.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970, less five seconds or a quarter of what is left,
    /// whichever is less.
    #[must_use]
    pub fn from_invocation(deadline_ms: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after(Duration::from_millis(deadline_ms).saturating_sub(now))
    }

    /// From the time that is left until the function is killed.
    #[must_use]
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left.saturating_sub(MARGIN.min(left / 4)))
    }

    /// The instant itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_margin_is_kept_even_of_a_short_limit() {
        let now = Instant::now();
        assert_eq!(Deadline::after(Duration::from_mins(1)).instant() - now, Duration::from_secs(55));
        assert_eq!(Deadline::after(Duration::from_secs(4)).instant() - now, Duration::from_secs(3));
        assert_eq!(Deadline::after(Duration::ZERO).instant(), now);
        assert_eq!(Deadline::from_invocation(0).instant(), now);
    }
}
