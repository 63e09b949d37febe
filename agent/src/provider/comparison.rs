//! What the calls to both services share: the run of a call that says when an endpoint is beyond reach, and the memory of
//! permissions that are missing.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rand::seq::IteratorRandom;
use rekey_core::identity::Region;
use rekey_core::store::{AwsStore, Identity};
use tracing::warn;

use super::attempt::Call;
use super::{Context, ReadProblem};

/// After so many calls in a row that nothing served, the rest of the comparison waits for another time.
const HOPELESS: u32 = 8;

impl Context<'_> {
    /// Makes a call, unless the endpoint is beyond reach.
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
        let answer = self.attempts.run(self.store.service, self.call(action), attempt).await;
        self.breaker.note(answer.as_ref().err());
        answer
    }

    /// What AWS says of one part of a call that it served otherwise; `message` names the part.
    pub(super) fn problem(&self, action: &'static str, code: Option<&str>, message: &str) -> ReadProblem {
        ReadProblem::of_service(self.call(action), code, Some(message), 400)
    }

    /// A search without a match: nothing is there, as with a source that does not exist.
    pub(super) fn nothing_found(&self, action: &'static str) -> ReadProblem {
        let message = "the search matches nothing that has a value".to_owned();
        ReadProblem::NotFound { action, place: self.store.region.to_string(), message }
    }

    fn call(&self, action: &'static str) -> Call<'_> {
        let AwsStore { identity, region, .. } = self.store;
        Call { action, identity, region, reason: self.reason }
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

/// Refused keys that are remembered for each permission; without the memory, each costs a call more.
const REMEMBERED: usize = 100_000;

/// The permissions that are missing, each said once until it has worked again, and what they are missing for.
#[derive(Clone, Default)]
pub(super) struct Denials {
    said: Arc<Mutex<HashSet<Denial>>>,
    refused: Arc<Mutex<HashMap<Denial, HashSet<String>>>>,
}

/// Keys that an action was refused for.
#[derive(Debug, Default)]
pub(super) struct Refused<'a> {
    /// The one to try again.
    pub probe: Option<&'a str>,
    /// The others.
    pub others: HashSet<&'a str>,
}

/// Who, where, what.
type Denial = (Identity, Region, &'static str);

impl Denials {
    /// AWS refused the action; `instead` is what is done in its place. Returns whether that was said.
    pub fn denied(&self, store: &AwsStore, action: &'static str, problem: &ReadProblem, instead: &'static str) -> bool {
        let news = self.lock().insert((store.identity.clone(), store.region.clone(), action));
        if news {
            warn!(%problem, action, region = %store.region, instead, "a permission is missing");
        }
        news
    }

    /// AWS allowed the action, wherever it was asked for.
    pub fn worked(&self, store: &AwsStore, action: &'static str) {
        self.lock().remove(&(store.identity.clone(), store.region.clone(), action));
    }

    /// Which of these keys the action was refused for. They are not asked for again, but one of them at a time, by
    /// chance: it tells when the permission is there.
    pub fn refused<'a>(
        &self,
        store: &AwsStore,
        action: &'static str,
        keys: impl Iterator<Item = &'a str>,
    ) -> Refused<'a> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refused) = refused.get(&(store.identity.clone(), store.region.clone(), action)) else {
            return Refused::default();
        };
        let mut others: HashSet<&str> = keys.filter(|key| refused.contains(*key)).collect();
        let probe = others.iter().copied().choose(&mut rand::rng());
        if let Some(probe) = probe {
            others.remove(probe);
        }
        Refused { probe, others }
    }

    /// Remembers for which of these keys the action was refused. Once one of those is allowed, all are asked for again.
    pub fn tried<'a>(&self, store: &AwsStore, action: &'static str, tried: impl Iterator<Item = (&'a str, bool)>) {
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.entry((store.identity.clone(), store.region.clone(), action)).or_default();
        let (mut fresh, mut allowed) = (Vec::new(), refused.len() >= REMEMBERED);
        for (key, denied) in tried {
            if denied {
                fresh.push(key.to_owned());
            } else {
                allowed |= refused.contains(key);
            }
        }
        if allowed {
            refused.clear();
        }
        refused.extend(fresh);
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
    fn of_what_was_refused_one_key_is_tried_at_a_time_until_one_is_allowed() {
        let (denials, store) = (Denials::default(), store(Service::SecretsManager));
        let refused = || denials.refused(&store, "a", ["x", "y", "z"].into_iter()).others;
        assert_eq!(refused().len(), 0);
        denials.tried(&store, "a", [("x", true), ("y", true), ("z", false)].into_iter());
        let mut tried = HashSet::new();
        while tried.len() < 2 {
            let left = refused();
            assert!(left.len() == 1 && !left.contains("z"), "{left:?}");
            tried.extend(["x", "y"].into_iter().filter(|key| !left.contains(key)));
        }
        assert_eq!(denials.refused(&store, "b", ["x"].into_iter()).probe, None, "another action");
        denials.tried(&store, "a", [("z", false), ("x", true)].into_iter());
        assert_eq!(refused().len(), 1, "only the ones that were refused tell");
        denials.tried(&store, "a", [("y", false)].into_iter());
        assert_eq!(refused().len(), 0);
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
