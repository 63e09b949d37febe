//! The credentials of one identity: obtained when first needed, shared by all its calls, and renewed before they expire.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::origin::Origin;
use crate::metrics::Metrics;
use crate::provider::ReadProblem;

/// Credentials are renewed so long before they expire, or when a quarter of their life is left, if that is less.
const EARLY: Duration = Duration::from_mins(5);
/// Credentials about to expire may not reach AWS in time.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// A refusal is not asked for again for so long: a thousand objects may ask as the same identity.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// See the module's head.
pub(super) struct Session {
    origin: Origin,
    metrics: Metrics,
    /// Held while credentials are obtained, so that whoever comes meanwhile waits for them.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Held>,
    /// When they could not be obtained, and why.
    failed: Option<(Instant, ReadProblem)>,
}

struct Held {
    credentials: Credentials,
    /// By our clock, which is AWS's or nothing works.
    renew_at: Option<SystemTime>,
}

impl Session {
    pub fn new(origin: Origin, metrics: Metrics) -> Self {
        Self { origin, metrics, kept: Mutex::default() }
    }

    /// Credentials that are good for a while.
    pub async fn credentials(&self) -> Result<Credentials, ReadProblem> {
        let asked = Instant::now();
        let mut kept = self.kept.lock().await;
        let now = SystemTime::now();
        if let Some(held) = kept.credentials.as_ref().filter(|held| held.renew_at.is_none_or(|at| now < at)) {
            return Ok(held.credentials.clone());
        }
        let problem = match kept.failure_after(asked) {
            Some(problem) => problem,
            None => match self.origin.obtain(&self.metrics).await {
                Ok(credentials) => {
                    let renew_at = credentials.expiry().map(|expiry| renewal(now, expiry));
                    *kept =
                        Kept { credentials: Some(Held { credentials: credentials.clone(), renew_at }), failed: None };
                    return Ok(credentials);
                }
                Err(problem) => {
                    warn!(identity = self.origin.name(), %problem, "credentials not obtained");
                    kept.failed = Some((Instant::now(), problem.clone()));
                    problem
                }
            },
        };
        let still_good = |held: &&Held| held.credentials.expiry().is_none_or(|expiry| now + LAST_MOMENT < expiry);
        kept.credentials.as_ref().filter(still_good).map(|held| held.credentials.clone()).ok_or(problem)
    }

    /// See [`super::Clients::renewing`].
    pub async fn renewing<T, F>(&self, call: impl Fn() -> F) -> Result<T, ReadProblem>
    where
        F: Future<Output = Result<T, ReadProblem>>,
    {
        let used = self.known().await;
        let problem = match call().await {
            Err(problem) if problem.is_about_credentials() => problem,
            outcome => return outcome,
        };
        // Those that were obtained for this very call are no older than any others would be.
        let Some(used) = used else { return Err(problem) };
        self.forget(&used).await;
        match self.credentials().await {
            Ok(others) if others.access_key_id() != used => {
                debug!(identity = self.origin.name(), %problem, "asking again with other credentials");
                call().await
            }
            _ => Err(problem),
        }
    }

    /// The access key id that calls are made with now.
    async fn known(&self) -> Option<String> {
        let kept = self.kept.lock().await;
        kept.credentials.as_ref().map(|held| held.credentials.access_key_id().to_owned())
    }

    async fn forget(&self, access_key_id: &str) {
        let mut kept = self.kept.lock().await;
        kept.credentials.take_if(|held| held.credentials.access_key_id() == access_key_id);
    }
}

#[cfg(test)]
impl Session {
    /// As if so much time had passed since the credentials were obtained.
    pub async fn age(&self, time: Duration) {
        let mut kept = self.kept.lock().await;
        if let Some(at) = kept.credentials.as_mut().and_then(|held| held.renew_at.as_mut()) {
            *at -= time;
        }
    }

    /// As if the last refusal were long ago.
    pub async fn forget_failure(&self) {
        self.kept.lock().await.failed = None;
    }
}

impl Kept {
    /// What to answer without asking again: whoever waited for somebody else's attempt takes its outcome, and what was
    /// refused is not asked for again at once.
    fn failure_after(&self, asked: Instant) -> Option<ReadProblem> {
        let (at, problem) = self.failed.as_ref()?;
        let fresh = *at >= asked || (!problem.is_transient() && at.elapsed() < REFUSED_FOR);
        fresh.then(|| problem.clone())
    }
}

fn renewal(now: SystemTime, expiry: SystemTime) -> SystemTime {
    let life = expiry.duration_since(now).unwrap_or_default();
    now + life.saturating_sub(EARLY.min(life / 4))
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let credentials = async { self.credentials().await.map_err(CredentialsError::provider_error) };
        future::ProvideCredentials::new(credentials)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.origin.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_five_minutes_before_their_end_or_in_their_last_quarter() {
        let now = SystemTime::now();
        for (life, renewed) in [(3600, 3300), (900, 675), (60, 45), (0, 0)] {
            let renewal = renewal(now, now + Duration::from_secs(life));
            assert_eq!(renewal.duration_since(now).unwrap(), Duration::from_secs(renewed));
        }
        assert_eq!(renewal(now, now - Duration::from_secs(5)), now);
    }
}
