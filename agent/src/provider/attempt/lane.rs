//! One lane of calls: slowed down by AWS's refusals, and closed while nobody answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rekey_core::breaker::Breaker;

use super::{ReadProblem, Turnstile};

/// The calls of one identity to one endpoint: AWS's quotas are per account and region, and endpoints fail one by one.
pub(super) struct Lane {
    pub turnstile: Turnstile,
    silence: Mutex<Silence>,
    used: Mutex<Instant>,
}

/// What is known of an endpoint that does not answer.
#[derive(Default)]
struct Silence {
    breaker: Breaker,
    /// What the last call without an answer ended in.
    message: String,
}

impl Lane {
    /// `rate` is what its service may have at most.
    pub fn new(rate: f64) -> Self {
        Self { turnstile: Turnstile::new(rate), silence: Mutex::default(), used: Mutex::new(Instant::now()) }
    }

    /// Somebody is about to use it.
    pub fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago that was.
    pub fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Fails at once, in the words of the last failure, if the endpoint is beyond reach.
    pub fn look(
        &self,
        action: &'static str,
        passes: impl FnOnce(&mut Breaker, Timestamp) -> bool,
    ) -> Result<(), ReadProblem> {
        let mut silence = self.silence();
        if passes(&mut silence.breaker, Timestamp::now()) {
            return Ok(());
        }
        Err(ReadProblem::Unavailable { action, message: silence.message.clone() })
    }

    /// A call was answered.
    pub fn answered(&self) {
        self.silence().breaker.answered();
    }

    /// A call failed; `nobody` says that no answer came.
    pub fn failed(&self, problem: &ReadProblem, nobody: bool) {
        match problem {
            ReadProblem::Unavailable { message, .. } if nobody => {
                let mut silence = self.silence();
                silence.breaker.unanswered(Timestamp::now());
                silence.message.clone_from(message);
            }
            // Without an identity nothing was asked, which tells nothing of the endpoint.
            _ if nobody => {}
            ReadProblem::Throttled { .. } => {
                self.answered();
                self.turnstile.budget().throttled(Timestamp::now());
            }
            _ => self.answered(),
        }
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use rekey_core::identity::{Region, Service};
    use rekey_core::store::Identity;

    use super::super::{Attempts, Call, For, Rates};
    use super::*;
    use crate::metrics::Metrics;
    use crate::provider::testing::{FakeAws, Reply};

    const FAST: Rates = Rates { secrets_manager: 1000.0, parameter_store: 1000.0 };

    fn attempts() -> Attempts {
        Attempts::new(FAST, Metrics::default())
    }

    async fn read(attempts: &Attempts, aws: &FakeAws, region: &str) -> bool {
        let region = Region::parse(region).expect("a region");
        let call = Call { action: "sm:Read", identity: &Identity::Agent, region: &region, reason: For::Sync };
        let request = aws.secrets_manager().describe_secret().secret_id("db");
        attempts.run(Service::SecretsManager, call, || request.clone().send()).await.is_ok()
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_left_alone_and_no_other_suffers() {
        let down = Arc::new(AtomicBool::new(true));
        let aws = FakeAws::new({
            let down = Arc::clone(&down);
            move |_, _| {
                if down.load(Ordering::Relaxed) { Reply::NoConnection } else { Reply::Json(serde_json::json!({})) }
            }
        });
        let attempts = attempts();
        for _ in 0..3 {
            assert!(!read(&attempts, &aws, "eu-west-1").await);
        }
        assert_eq!(aws.operations().len(), 8);
        let began = std::time::Instant::now();
        for _ in 0..100 {
            assert!(!read(&attempts, &aws, "eu-west-1").await);
        }
        assert!(began.elapsed() < Duration::from_secs(1) && aws.operations().is_empty());
        down.store(false, Ordering::Relaxed);
        assert!(read(&attempts, &aws, "eu-north-1").await, "another endpoint");
        assert!(!read(&attempts, &aws, "eu-west-1").await, "not yet");
        let back = async {
            while !read(&attempts, &aws, "eu-west-1").await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), back).await.expect("the probe finds it");
    }

    #[tokio::test]
    async fn a_service_that_fails_or_throttles_is_one_that_answers() {
        for (status, code) in [(500, "InternalServiceError"), (400, "ThrottlingException")] {
            let aws = FakeAws::new(move |_, _| Reply::Refused(status, code, ""));
            let attempts = attempts();
            for _ in 0..4 {
                read(&attempts, &aws, "eu-west-1").await;
            }
            assert_eq!(aws.operations().len(), 12, "{code}");
        }
    }

    #[tokio::test]
    async fn throttling_slows_down_whom_it_met_and_the_rate_is_the_total_of_all() {
        let aws = FakeAws::new(|_, _| Reply::Refused(400, "ThrottlingException", ""));
        let attempts = attempts();
        read(&attempts, &aws, "eu-west-1").await;
        let rate = |region: &str| {
            let region = Region::parse(region).expect("a region");
            let call = Call { action: "", identity: &Identity::Agent, region: &region, reason: For::Sync };
            attempts.lane(Service::SecretsManager, call).turnstile.budget().rate(Timestamp::now())
        };
        assert!(rate("eu-west-1") < 600.0);
        assert!((rate("eu-north-1") - 1000.0).abs() < 0.1);
        assert!((attempts.secrets_manager.budget().rate(Timestamp::now()) - 1000.0).abs() < 0.1);
    }
}
