//! One validation of one store: what can be told of it, and what its condition says then.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::api::ObjectMeta;
use rekey_core::backoff::Backoff;
use rekey_core::report;
use rekey_core::resource::{ClusterSecretStore, Condition, SecretStore, SecretStoreStatus};
use rekey_core::store::{self, StoreProblem};
use tracing::{info, warn};

use super::Seen;
use crate::cluster::event::Events;
use crate::cluster::status::Statuses;
use crate::provider::{Provider, ReadProblem};
use crate::state::{State, StoreKey, Validated as Tally};
use crate::worker::{Urgency, Work};

/// A store of another provider that nobody says anything of for so long has no controller but us.
const UNCLAIMED: Duration = Duration::from_secs(30);
const UNSUPPORTED: &str = "unsupported provider: ";

/// What the validations share.
pub(super) struct Validation {
    pub state: State,
    pub provider: Provider,
    pub statuses: Statuses,
    pub events: Events,
    pub work: Work,
}

/// How a validation ended.
pub(super) struct Validated {
    /// Can it be used, and does it say so?
    pub works: bool,
    /// To be validated again after this.
    pub again: Duration,
    /// The store with the condition that was written.
    pub written: Option<Seen>,
}

/// What the condition is to say.
struct Verdict {
    ready: bool,
    message: String,
}

impl Verdict {
    fn valid() -> Self {
        Self { ready: true, message: "store validated".to_owned() }
    }

    fn invalid(message: String) -> Self {
        Self { ready: false, message }
    }

    /// ESO's words.
    fn reason(&self) -> &'static str {
        if self.ready { "Valid" } else { "InvalidProviderConfig" }
    }
}

impl Validation {
    /// Validates a store that could not be used so often before. `None`: it is gone.
    pub async fn run(&self, key: &StoreKey, seen: Seen, failures: u32) -> Option<Validated> {
        let (checked, spec) = (self.state.check_store(key)?, self.state.store(key)?);
        let interval = store::revalidation(&spec);
        let began = Instant::now();
        let verdict = match checked {
            Err(StoreProblem::ForeignClass { .. }) => return Some(left_alone(interval)),
            Err(problem @ StoreProblem::ForeignProvider { .. }) => {
                return Some(self.foreign(key, seen, failures, interval, &problem).await);
            }
            Err(problem) => Verdict::invalid(format!("unable to create client: {problem}")),
            // Each of its users has an identity of its own.
            Ok(None) => Verdict::valid(),
            Ok(Some(aws)) => match self.provider.validate(&aws).await {
                Ok(()) => Verdict::valid(),
                Err(problem @ ReadProblem::KeysUnavailable { .. }) => {
                    Verdict::invalid(format!("unable to create client: {problem}"))
                }
                Err(problem) => Verdict::invalid(format!("unable to validate store: {problem}")),
            },
        };
        let ready = verdict.ready;
        self.state.store_validated(key, Tally { ready, took: began.elapsed() });
        if ready && ready_condition(seen.status.as_ref()).is_some_and(|known| known.status != "True") {
            self.wake(key);
        }
        let written = self.write(key, seen, verdict).await;
        let works = ready && written.is_some();
        let retry = Backoff::STORE.up_to(interval).wait(failures + 1, rand::random());
        Some(Validated { works, again: if works { interval } else { retry }, written })
    }

    /// Another provider's store is another controller's, which may run beside us and says something of it then.
    async fn foreign(
        &self,
        key: &StoreKey,
        seen: Seen,
        failures: u32,
        interval: Duration,
        problem: &StoreProblem,
    ) -> Validated {
        match ready_condition(seen.status.as_ref()) {
            None if failures == 0 => Validated { works: false, again: UNCLAIMED, written: None },
            Some(known) if !known.message.as_ref().is_some_and(|message| message.starts_with(UNSUPPORTED)) => {
                left_alone(interval)
            }
            _ => {
                let written = self.write(key, seen, Verdict::invalid(format!("{UNSUPPORTED}{problem}"))).await;
                Validated { works: false, again: interval, written }
            }
        }
    }

    /// Tries the objects that could not use it.
    fn wake(&self, key: &StoreKey) {
        for user in self.state.store_recovered(key) {
            self.work.push(user, Urgency::Routine);
        }
    }

    /// Writes the condition, if it says something else so far. `None`: it could not be written.
    async fn write(&self, key: &StoreKey, mut seen: Seen, verdict: Verdict) -> Option<Seen> {
        let (old, known) = (seen.status.as_ref(), ready_condition(seen.status.as_ref()));
        let reason = verdict.reason();
        let condition = report::condition(known, verdict.ready, reason, verdict.message.clone(), Timestamp::now());
        let capabilities = verdict.ready.then(|| "ReadWrite".to_owned()).or_else(|| old?.capabilities.clone());
        let status = SecretStoreStatus { capabilities, conditions: vec![condition] };
        if old == Some(&status) {
            return Some(seen);
        }
        let written = match &key.namespace {
            Some(_) => self.statuses.store(&seen.metadata, &status).await,
            None => self.statuses.cluster_store(&seen.metadata, &status).await,
        };
        let version = match written {
            Ok(version) => version,
            Err(error) => {
                warn!(store = key.name, namespace = key.namespace, %error, "condition of the store not written");
                return None;
            }
        };
        if verdict.ready {
            info!(store = key.name, namespace = key.namespace, "store validated");
            self.events.normal(&reference(key, &seen.metadata), reason, "Validate", verdict.message).await;
        } else {
            warn!(store = key.name, namespace = key.namespace, problem = verdict.message, "store cannot be used");
            self.events.warning(&reference(key, &seen.metadata), reason, "Validate", verdict.message).await;
        }
        seen.metadata.resource_version = Some(version);
        seen.status = Some(status);
        Some(seen)
    }
}

fn left_alone(again: Duration) -> Validated {
    Validated { works: false, again, written: None }
}

fn ready_condition(status: Option<&SecretStoreStatus>) -> Option<&Condition> {
    status?.conditions.iter().find(|condition| condition.type_ == report::READY)
}

fn reference(key: &StoreKey, metadata: &ObjectMeta) -> ObjectReference {
    match &key.namespace {
        Some(_) => SecretStore { metadata: metadata.clone(), ..SecretStore::default() }.object_ref(&()),
        None => ClusterSecretStore { metadata: metadata.clone(), ..ClusterSecretStore::default() }.object_ref(&()),
    }
}
