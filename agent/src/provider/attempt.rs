//! The one place where calls to AWS are paced and repeated: each attempt waits for its turn in the budget of its
//! service, is counted, and is made again with a back-off where that can help. The SDK's own retries are off.
//!
//! Whoever AWS throttles, or does not answer, is slowed down or stopped by itself: each (service, region, identity) has
//! a lane of its own, in front of the budget that all lanes of a service share.

mod lane;

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use rand::RngExt;
use rekey_core::backoff::Backoff;
use rekey_core::breaker::Breaker;
use rekey_core::budget::{Budget, Turn};
use rekey_core::identity::{Region, Service};
use rekey_core::store::{Identity, Retry};
use tracing::debug;

use super::ReadProblem;
use crate::metrics::Metrics;
use lane::Lane;

/// However often a store wants its calls made: after this long, the object's own retry owns the rest.
const PATIENCE: Duration = Duration::from_mins(1);

/// Calls a second that each service may be sent, by all identities together.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// To Secrets Manager.
    pub secrets_manager: f64,
    /// To Parameter Store.
    pub parameter_store: f64,
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// A sync: it goes before whatever waits for a comparison.
    Sync,
    /// A comparison of versions, of which there may be thousands.
    Comparison,
}

/// One call: what it is called, who makes it and for whom.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// The IAM action, such as `secretsmanager:GetSecretValue`.
    pub action: &'static str,
    pub identity: &'a Identity,
    pub region: &'a Region,
    pub reason: For,
}

/// See the module's head. Clones share the budgets.
#[derive(Clone)]
pub(super) struct Attempts {
    rates: Rates,
    retry: Retry,
    secrets_manager: Arc<Turnstile>,
    parameter_store: Arc<Turnstile>,
    lanes: Arc<Mutex<Lanes>>,
    metrics: Metrics,
}

type Lanes = HashMap<(Service, Region, Identity), Arc<Lane>>;

/// Lanes that nobody used for so long are dropped: their identity went.
const IDLE: Duration = Duration::from_hours(1);

impl Attempts {
    pub fn new(rates: Rates, metrics: Metrics) -> Self {
        Self {
            rates,
            retry: Retry::default(),
            lanes: Arc::default(),
            secrets_manager: Arc::new(Turnstile::new(rates.secrets_manager)),
            parameter_store: Arc::new(Turnstile::new(rates.parameter_store)),
            metrics,
        }
    }

    /// The same, with a store's own settings.
    pub fn of(&self, retry: Retry) -> Self {
        Self { retry, ..self.clone() }
    }

    /// Makes the call until AWS answers it, or says something that repeating does not change, or enough is enough.
    pub async fn run<T, E, F>(
        &self,
        service: Service,
        call: Call<'_>,
        attempt: impl Fn() -> F,
    ) -> Result<T, ReadProblem>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let turnstile = match service {
            Service::SecretsManager => &self.secrets_manager,
            Service::ParameterStore => &self.parameter_store,
        };
        let lane = self.lane(service, call);
        let operation = call.action.split_once(':').map_or(call.action, |(_, operation)| operation);
        let began = Instant::now();
        let mut made = 0;
        loop {
            // Before the wait, so that nobody waits in vain, and after it, so that there is one probe.
            lane.look(call.action, |breaker, now| !breaker.is_open(now))?;
            lane.turnstile.pass(call.reason).await;
            turnstile.pass(call.reason).await;
            lane.look(call.action, Breaker::pass)?;
            let answer = attempt().await;
            self.metrics.aws_call(operation, answer.is_ok());
            made += 1;
            let (problem, nobody) = match answer {
                Ok(answer) => {
                    lane.answered();
                    return Ok(answer);
                }
                Err(error) => {
                    let nobody = matches!(
                        error,
                        SdkError::ConstructionFailure(_) | SdkError::TimeoutError(_) | SdkError::DispatchFailure(_)
                    );
                    (ReadProblem::from_sdk(call, &error), nobody)
                }
            };
            lane.failed(&problem, nobody);
            if !problem.is_transient() || made >= self.retry.attempts {
                return Err(problem);
            }
            let growing = || Backoff::ATTEMPT.wait(made, rand::rng().random_range(0.0..=1.0));
            let pause = self.retry.pause.unwrap_or_else(growing);
            if began.elapsed() + pause > PATIENCE {
                return Err(problem);
            }
            debug!(%problem, ?pause, made, "asking AWS again");
            tokio::time::sleep(pause).await;
        }
    }
}

impl Attempts {
    fn lane(&self, service: Service, call: Call<'_>) -> Arc<Lane> {
        let rate = match service {
            Service::SecretsManager => self.rates.secrets_manager,
            Service::ParameterStore => self.rates.parameter_store,
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (service, call.region.clone(), call.identity.clone());
        if !lanes.contains_key(&place) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || lane.idle() < IDLE);
        }
        let lane = Arc::clone(lanes.entry(place).or_insert_with(|| Arc::new(Lane::new(rate))));
        lane.touch();
        lane
    }
}

/// The budget of a service or a lane, and the order in which those who wait for it are served: as they came, but of all
/// comparisons only one waits beside the syncs, so that a sweep of thousands never stands before a rotation.
struct Turnstile {
    budget: Mutex<Budget>,
    turn: tokio::sync::Mutex<()>,
    comparison: tokio::sync::Mutex<()>,
}

impl Turnstile {
    fn new(rate: f64) -> Self {
        Self {
            budget: Mutex::new(Budget::new(rate)),
            turn: tokio::sync::Mutex::default(),
            comparison: tokio::sync::Mutex::default(),
        }
    }

    async fn pass(&self, reason: For) {
        let _first_comparison = match reason {
            For::Sync => None,
            For::Comparison => Some(self.comparison.lock().await),
        };
        // Fair: tokio's mutex serves in the order of asking.
        let _turn = self.turn.lock().await;
        loop {
            let now = Timestamp::now();
            let turn = self.budget().take(now);
            match turn {
                Turn::Ready => return,
                Turn::Wait(until) => {
                    let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sync_waits_behind_one_comparison_at_most() {
        let turnstile = Arc::new(Turnstile::new(20.0));
        for _ in 0..20 {
            turnstile.pass(For::Sync).await;
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        let mut ask = |reason| {
            let (turnstile, order) = (Arc::clone(&turnstile), Arc::clone(&order));
            waiting.spawn(async move {
                turnstile.pass(reason).await;
                order.lock().unwrap().push(reason);
            });
        };
        (0..5).for_each(|_| ask(For::Comparison));
        tokio::task::yield_now().await;
        (0..3).for_each(|_| ask(For::Sync));
        waiting.join_all().await;
        let order = order.lock().unwrap();
        let last_sync = order.iter().rposition(|one| *one == For::Sync);
        // Each sync may meet one comparison that stood there before it.
        assert_eq!(order.len(), 8);
        assert!(last_sync.is_some_and(|last| last <= 4), "{order:?}");
    }
}
