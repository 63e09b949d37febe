//! AWS as a place to read from: the only module that reads values, and the place where they become `SecretValue`.
//!
//! It answers two questions: what is there ([`Provider::read`], with the value) and which version is there
//! ([`Provider::check`], without). It decides nothing about objects; the ledger does. Every call goes through
//! `attempt.rs`, which keeps to the budgets.

mod accounts;
mod attempt;
mod clients;
mod comparison;
mod error;
mod limits;
mod parameter_store;
mod secrets_manager;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rekey_core::identity::{Account, Service};
use rekey_core::json::{Html, Json};
use rekey_core::ledger::{Known, Suspect};
use rekey_core::object::ObjectKey;
use rekey_core::render::Payload;
use rekey_core::store::AwsStore;
use rekey_core::wanted::{Token, Wanted};

pub use attempt::Rates;
pub use clients::{Cluster, aws_config, no_own_credentials};
pub use error::ReadProblem;

use crate::metrics::Metrics;
use accounts::Accounts;
use attempt::{Attempts, For};
use clients::Clients;
use comparison::{Breaker, Denials};
use limits::Limits;
use secrets_manager::Listings;

/// What AWS returned for one wanted thing.
#[derive(Debug)]
pub struct Answer {
    /// Which version it is.
    pub known: Known,
    /// The account it lives in, where the answer shows it.
    pub account: Option<Account>,
    /// The value.
    pub payload: Payload,
}

/// A wanted thing whose version is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The thing.
    pub wanted: Wanted,
    /// The version that AWS last told of: an answer that may be late is not believed against it.
    pub known: Option<Token>,
    /// May the answer be a few minutes late, if that is cheaper?
    pub may_lag: bool,
    /// What a search has to ask for beside a listing.
    pub suspects: Vec<Suspect>,
}

/// Which version is there, as far as it can be told without reading the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// This one.
    Version {
        /// Its identity.
        known: Known,
        /// The account it lives in.
        account: Option<Account>,
    },
    /// Only a read can tell: it may be gone, or this identity may read but not describe.
    Unclear(String),
    /// AWS did not answer this time, which says nothing.
    Later(String),
}

/// See the module's head.
#[derive(Clone)]
pub struct Provider {
    clients: Clients,
    attempts: Attempts,
    denials: Denials,
    listings: Listings,
    accounts: Accounts,
}

impl Provider {
    /// `base` carries the agent's own identity; `cluster` has what the other identities are made of.
    #[must_use]
    pub fn new(base: aws_config::SdkConfig, cluster: Cluster, rates: Rates, metrics: Metrics) -> Self {
        Self {
            clients: Clients::new(base, cluster, metrics.clone()),
            attempts: Attempts::new(rates, metrics),
            denials: Denials::default(),
            listings: Listings::default(),
            accounts: Accounts::default(),
        }
    }

    /// Reads what is wanted: a value, tags, or all that a search finds; `suspects` is what a search has to ask for beside
    /// a listing.
    pub async fn read(&self, store: &AwsStore, wanted: &Wanted, suspects: &[Suspect]) -> Result<Answer, ReadProblem> {
        let (attempts, breaker) = (&self.attempts.of(store.retry), &Breaker::default());
        let read = || async move {
            let context = self.context(store, attempts, breaker, For::Sync);
            match store.service {
                Service::SecretsManager => {
                    secrets_manager::read(&self.clients.secrets_manager(store), context, wanted, suspects).await
                }
                Service::ParameterStore => {
                    parameter_store::read(&self.clients.parameter_store(store), context, wanted).await
                }
            }
        };
        self.accounts.place(wanted, self.clients.renewing(store, read).await)
    }

    /// Asks which versions are there, without reading values: DescribeSecret for each secret, or ListSecrets for many of
    /// them and for searches; GetParameters without decryption for up to ten parameters, and lists of them for searches.
    pub async fn check(&self, store: &AwsStore, asked: &[Asked]) -> HashMap<Wanted, Checked> {
        let (attempts, breaker) = (&self.attempts.of(store.retry), &Breaker::default());
        let context = self.context(store, attempts, breaker, For::Comparison);
        let checked = match store.service {
            Service::SecretsManager => {
                secrets_manager::check(&self.clients.secrets_manager(store), context, &self.listings, asked).await
            }
            Service::ParameterStore => {
                parameter_store::check(&self.clients.parameter_store(store), context, asked).await
            }
        };
        debug_assert_eq!(checked.len(), asked.len(), "each wanted thing has an answer");
        checked
    }

    /// Can this identity be obtained at all? (What ESO's store validation asks; Secrets Manager is not contacted.)
    pub async fn validate(&self, store: &AwsStore) -> Result<(), ReadProblem> {
        self.clients.validate(store).await
    }

    fn context<'a>(
        &'a self,
        store: &'a AwsStore,
        attempts: &'a Attempts,
        breaker: &'a Breaker,
        reason: For,
    ) -> Context<'a> {
        Context { store, attempts, denials: &self.denials, breaker, reason }
    }

    /// A Secret changed or went: whatever was obtained with its keys is obtained anew at the next use.
    pub fn forget_keys(&self, secret: &ObjectKey) {
        self.clients.forget(secret);
    }
}

/// What one read, or one comparison of a store's versions, works with.
#[derive(Clone, Copy)]
struct Context<'a> {
    store: &'a AwsStore,
    attempts: &'a Attempts,
    denials: &'a Denials,
    breaker: &'a Breaker,
    reason: For,
}

impl Checked {
    fn failed(problem: &ReadProblem) -> Self {
        if problem.is_transient() { Self::Later(problem.to_string()) } else { Self::Unclear(problem.to_string()) }
    }
}

/// Tags in the place of a value (`metadataPolicy: Fetch`): a JSON object, as Go writes a map of strings.
fn tags_payload(tags: &BTreeMap<String, String>) -> Payload {
    let text = |(key, value): (&String, &String)| (key.clone(), Json::Text(value.clone().into()));
    Payload::Value { text: Some(Json::Object(tags.iter().map(text).collect()).encode(Html::Escaped)), binary: None }
}

/// The check of a search: nothing that is found is the token of an absence, which a read then has to prove.
fn searched(answer: Result<(Known, Option<Account>), ReadProblem>) -> Checked {
    match answer {
        Ok((known, account)) => Checked::Version { known, account },
        Err(problem) => Checked::failed(&problem),
    }
}

fn timestamp(time: Option<&aws_smithy_types::DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
