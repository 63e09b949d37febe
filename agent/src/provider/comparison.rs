//! What the comparisons of both services share: the run of a call that says when an endpoint is beyond reach, and the
//! memory of permissions that are missing.

use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rekey_core::identity::Region;
use rekey_core::store::{AwsStore, Identity};
use tracing::warn;

use super::attempt::{Call, For};
use super::{Context, ReadProblem};

/// After so many calls in a row that nothing served, the rest of the comparison waits for another time.
const HOPELESS: u32 = 8;

impl Context<'_> {
    /// Makes a call of this comparison, unless the endpoint is beyond reach.
    pub(super) async fn run<T, E, F>(&self, action: &'static str, attempt: impl Fn() -> F) -> Result<T, ReadProblem>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        if self.breaker.is_open() {
            return Err(ReadProblem::Unavailable {
                action,
                message: "the calls before this one got no answer".to_owned(),
            });
        }
        let AwsStore { identity, region, .. } = self.store;
        let call = Call { action, identity, region, reason: For::Comparison };
        let answer = self.attempts.run(self.store.service, call, attempt).await;
        self.breaker.note(answer.as_ref().err());
        answer
    }
}

/// Ends a comparison that AWS does not serve: thousands of time-outs or refusals would tell no more than a few. Unlike
/// the breaker of `attempt.rs` it counts whole calls, throttled ones and AWS's own failures too: a sync has to go on
/// trying then, a comparison can wait.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    unanswered: AtomicU32,
}

impl Breaker {
    fn is_open(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= HOPELESS
    }

    fn note(&self, problem: Option<&ReadProblem>) {
        if problem.is_some_and(ReadProblem::is_transient) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.unanswered.store(0, Ordering::Relaxed);
        }
    }
}

/// The permissions that are missing, each said once until it has worked again.
#[derive(Clone, Default)]
pub(super) struct Denials {
    said: Arc<Mutex<HashSet<Denial>>>,
}

/// Who, where, what.
type Denial = (Identity, Region, &'static str);

impl Denials {
    /// AWS refused the action; `instead` is what is done in its place. Returns whether that was said.
    pub fn denied(&self, store: &AwsStore, action: &'static str, problem: &ReadProblem, instead: &'static str) -> bool {
        let news = self.lock().insert((store.identity.clone(), store.region.clone(), action));
        if news {
            warn!(%problem, action, region = %store.region, instead, "a permission is missing for comparing versions");
        }
        news
    }

    /// AWS allowed the action, wherever it was asked for.
    pub fn worked(&self, store: &AwsStore, action: &'static str) {
        self.lock().remove(&(store.identity.clone(), store.region.clone(), action));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Denial>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::store;
    use rekey_core::identity::Service;

    #[test]
    fn a_missing_permission_is_said_once_and_again_after_it_worked() {
        let denials = Denials::default();
        let store = store(Service::SecretsManager);
        let elsewhere = AwsStore { region: Region::parse("eu-north-1").expect("a region"), ..store.clone() };
        let problem = ReadProblem::Denied { action: "a", message: "no".to_owned() };
        assert!(denials.denied(&store, "a", &problem, "b"));
        assert!(!denials.denied(&store, "a", &problem, "b"));
        assert!(denials.denied(&store, "c", &problem, "b"), "another action");
        assert!(denials.denied(&elsewhere, "a", &problem, "b"), "another region");
        denials.worked(&store, "a");
        assert!(denials.denied(&store, "a", &problem, "b"));
        assert!(!denials.denied(&elsewhere, "a", &problem, "b"));
    }

    #[test]
    fn only_calls_in_a_row_that_are_not_served_end_a_comparison() {
        let silent = ReadProblem::Unavailable { action: "a", message: "no answer in time".to_owned() };
        let throttled = ReadProblem::Throttled { action: "a", code: "ThrottlingException".to_owned() };
        let denied = ReadProblem::Denied { action: "a", message: "no".to_owned() };
        let breaker = Breaker::default();
        for answer in [&silent; 7].into_iter().map(Some).chain([None]).chain([&silent; 7].map(Some)) {
            breaker.note(answer);
        }
        assert!(!breaker.is_open());
        breaker.note(Some(&denied));
        (0..7).for_each(|_| breaker.note(Some(&throttled)));
        assert!(!breaker.is_open(), "a refusal of this caller is an answer");
        breaker.note(Some(&silent));
        assert!(breaker.is_open());
    }
}
