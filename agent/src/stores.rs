//! Validates stores and writes their condition, as `kubectl get secretstore` shows it: can the identity be obtained?

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use rekey_core::report;
use rekey_core::resource::external_secret::{StoreKind, StoreRef};
use rekey_core::resource::{SecretStoreSpec, SecretStoreStatus};
use rekey_core::store::{self, StoreProblem};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::status::Statuses;
use crate::provider::Provider;
use crate::state::{State, StoreKey, Validated};

/// A store that cannot be used is validated again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Where the watch says that a store was seen.
#[derive(Clone)]
pub struct Stores(UnboundedSender<(StoreKey, Option<SecretStoreStatus>)>);

impl Stores {
    /// A store is there or has changed, and this is its status.
    pub fn seen(&self, key: StoreKey, status: Option<SecretStoreStatus>) {
        // Nobody listens only when the agent goes down.
        let _ = self.0.send((key, status));
    }
}

/// Validates stores as they are seen.
pub struct Validator {
    /// What the stores say.
    pub state: State,
    /// Who can tell whether it works.
    pub provider: Provider,
    /// Who writes it down.
    pub statuses: Statuses,
    /// Our class.
    pub controller_class: String,
    seen: UnboundedReceiver<(StoreKey, Option<SecretStoreStatus>)>,
    again: Stores,
}

impl Validator {
    /// A validator and the place to tell it what was seen.
    #[must_use]
    pub fn new(state: State, provider: Provider, statuses: Statuses, controller_class: String) -> (Self, Stores) {
        let (sender, seen) = tokio::sync::mpsc::unbounded_channel();
        let stores = Stores(sender);
        (Self { state, provider, statuses, controller_class, seen, again: stores.clone() }, stores)
    }

    /// Runs until told to stop.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let (key, status) = tokio::select! {
                () = shutdown.cancelled() => return,
                seen = self.seen.recv() => match seen {
                    Some(seen) => seen,
                    None => return,
                },
            };
            let Some(spec) = self.state.store(&key) else { continue };
            let began = Instant::now();
            let judged = tokio::select! {
                () = shutdown.cancelled() => return,
                judged = self.judge(&key, &spec) => judged,
            };
            let Some((ok, reason, message)) = judged else { continue };
            self.state.store_validated(&key, Validated { ready: ok, took: began.elapsed() });
            let status = self.write(&key, status, ok, reason, message).await;
            if !ok {
                self.look_again(key, status);
            }
        }
    }

    /// `None` leaves the store alone: it is another controller's.
    async fn judge(&self, key: &StoreKey, spec: &SecretStoreSpec) -> Option<(bool, &'static str, String)> {
        let kind = if key.namespace.is_some() { StoreKind::SecretStore } else { StoreKind::ClusterSecretStore };
        let reference = StoreRef { name: key.name.clone(), kind };
        // The conditions concern users, not the store; and without a namespace, referent keys cannot be looked up.
        let spec = SecretStoreSpec { conditions: Vec::new(), ..spec.clone() };
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let resolved = store::resolve(&reference, Some(&spec), namespace, &self.controller_class);
        let aws = match resolved {
            Ok(aws) => aws,
            Err(problem) if problem.is_foreign() => return None,
            Err(problem @ StoreProblem::Missing { .. }) => {
                warn!(%problem, "store vanished while it was validated");
                return None;
            }
            Err(problem) => {
                return Some((false, "InvalidProviderConfig", format!("unable to create client: {problem}")));
            }
        };
        if aws.is_referent() {
            return Some((true, "Valid", "store validated".to_owned()));
        }
        Some(match self.provider.validate(&aws).await {
            Ok(()) => (true, "Valid", "store validated".to_owned()),
            Err(problem) => (false, "InvalidProviderConfig", format!("unable to validate store: {problem}")),
        })
    }

    async fn write(
        &self,
        key: &StoreKey,
        old: Option<SecretStoreStatus>,
        ok: bool,
        reason: &str,
        message: String,
    ) -> SecretStoreStatus {
        let known = old.as_ref().and_then(|status| status.conditions.iter().find(|c| c.type_ == report::READY));
        let condition = report::condition(known, ok, reason, message, Timestamp::now());
        let capabilities = ok.then(|| "ReadWrite".to_owned()).or_else(|| old.as_ref()?.capabilities.clone());
        let status = SecretStoreStatus { capabilities, conditions: vec![condition] };
        if old.as_ref() == Some(&status) {
            return status;
        }
        info!(store = key.name, namespace = key.namespace, ready = ok, reason, "store validated");
        let written = match &key.namespace {
            Some(namespace) => self.statuses.store(&ObjectKey::new(namespace, &key.name), &status).await,
            None => self.statuses.cluster_store(&key.name, &status).await,
        };
        if let Err(error) = written {
            warn!(store = key.name, %error, "condition not written");
        }
        status
    }

    /// The keys may come after the store, and credentials may fail for a moment; neither sends an event about the store.
    fn look_again(&self, key: StoreKey, status: SecretStoreStatus) {
        let again = self.again.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LOOK_AGAIN).await;
            again.seen(key, Some(status));
        });
    }
}
