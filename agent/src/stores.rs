//! Validates stores and writes their condition, as `kubectl get secretstore` shows it: can the identity be obtained?

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::api::ObjectMeta;
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

/// A store as the watch showed it, with what this agent wrote since.
struct Seen {
    metadata: ObjectMeta,
    status: Option<SecretStoreStatus>,
}

enum Told {
    Seen(StoreKey, Box<Seen>),
    /// It could not be used a while ago.
    Again(StoreKey),
}

/// Where the watch says that a store was seen.
#[derive(Clone)]
pub struct Stores(UnboundedSender<Told>);

impl Stores {
    /// A store is there or has changed.
    pub fn seen(&self, key: StoreKey, metadata: ObjectMeta, status: Option<SecretStoreStatus>) {
        let metadata = ObjectMeta { managed_fields: None, ..metadata };
        self.tell(Told::Seen(key, Box::new(Seen { metadata, status })));
    }

    fn tell(&self, told: Told) {
        // Nobody listens only when the agent goes down.
        let _ = self.0.send(told);
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
    told: UnboundedReceiver<Told>,
    again: Stores,
    seen: HashMap<StoreKey, Seen>,
    /// Those to be validated.
    waiting: BTreeSet<StoreKey>,
    /// Those that will be validated again after a while.
    again_later: HashSet<StoreKey>,
}

impl Validator {
    /// A validator and the place to tell it what was seen.
    #[must_use]
    pub fn new(state: State, provider: Provider, statuses: Statuses, controller_class: String) -> (Self, Stores) {
        let (sender, told) = tokio::sync::mpsc::unbounded_channel();
        let stores = Stores(sender);
        let validator = Self {
            state,
            provider,
            statuses,
            controller_class,
            told,
            again: stores.clone(),
            seen: HashMap::new(),
            waiting: BTreeSet::new(),
            again_later: HashSet::new(),
        };
        (validator, stores)
    }

    /// Only remembers which stores are to be validated, for as long as it is polled: what a standby does.
    pub async fn stand_by(&mut self) {
        while let Some(told) = self.told.recv().await {
            self.take(told);
        }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            while let Ok(told) = self.told.try_recv() {
                self.take(told);
            }
            let Some(key) = self.waiting.pop_first() else {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    told = self.told.recv() => match told {
                        Some(told) => self.take(told),
                        None => return,
                    },
                }
                continue;
            };
            let Some(spec) = self.state.store(&key) else {
                self.seen.remove(&key);
                continue;
            };
            let began = Instant::now();
            let judged = tokio::select! {
                () = shutdown.cancelled() => return,
                judged = self.judge(&key, &spec) => judged,
            };
            let Some((ok, reason, message)) = judged else { continue };
            self.state.store_validated(&key, Validated { ready: ok, took: began.elapsed() });
            let written = self.write(&key, ok, reason, message).await;
            if !ok || !written {
                self.look_again(key);
            }
        }
    }

    fn take(&mut self, told: Told) {
        let key = match told {
            Told::Seen(key, seen) => {
                self.seen.insert(key.clone(), *seen);
                key
            }
            Told::Again(key) => {
                self.again_later.remove(&key);
                key
            }
        };
        self.waiting.insert(key);
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

    /// Returns whether the store says it.
    async fn write(&mut self, key: &StoreKey, ok: bool, reason: &str, message: String) -> bool {
        let Some(Seen { metadata, status: old }) = self.seen.get_mut(key) else { return true };
        let known = old.as_ref().and_then(|status| status.conditions.iter().find(|c| c.type_ == report::READY));
        let condition = report::condition(known, ok, reason, message, Timestamp::now());
        let capabilities = ok.then(|| "ReadWrite".to_owned()).or_else(|| old.as_ref()?.capabilities.clone());
        let status = SecretStoreStatus { capabilities, conditions: vec![condition] };
        if old.as_ref() == Some(&status) {
            return true;
        }
        info!(store = key.name, namespace = key.namespace, ready = ok, reason, "store validated");
        let written = match &key.namespace {
            Some(_) => self.statuses.store(metadata, &status).await,
            None => self.statuses.cluster_store(metadata, &status).await,
        };
        match written {
            Ok(version) => {
                metadata.resource_version = Some(version);
                *old = Some(status);
                true
            }
            Err(error) => {
                warn!(store = key.name, %error, "condition not written");
                false
            }
        }
    }

    /// The keys may come after the store, and credentials may fail for a moment; neither sends an event about the store.
    fn look_again(&mut self, key: StoreKey) {
        if !self.again_later.insert(key.clone()) {
            return;
        }
        let again = self.again.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LOOK_AGAIN).await;
            again.tell(Told::Again(key));
        });
    }
}
