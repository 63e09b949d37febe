//! The Lease that elects the writer among several agents. The only file that writes it.
//!
//! Each write is made on the version that was read, so that of two who try, one succeeds. It does not pass the gate: it is
//! what opens it.

use std::time::Duration;

use futures::{Stream, StreamExt, future};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use rekey_core::lease::{LEASE, RETRY, Record};

use super::error::{Action, ClusterError, unguarded};

/// No answer within this time is a failure, so that a leader whose connection hangs can try three times before its
/// deadline.
const TIME_LIMIT: Duration = RETRY;

/// Reads and writes one Lease.
#[derive(Clone)]
pub struct Leases {
    api: Api<Lease>,
    namespace: String,
    name: String,
}

/// A Lease as it was read; to be written on this version.
#[derive(Clone, Debug)]
pub struct Held(Lease);

impl Held {
    /// What the decision needs of it.
    #[must_use]
    pub fn record(&self) -> Record {
        let spec = self.0.spec.clone().unwrap_or_default();
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Record {
            holder: spec.holder_identity,
            duration: seconds.filter(|seconds| *seconds > 0).map_or(LEASE, Duration::from_secs),
            renewed: spec.renew_time.map(|MicroTime(time)| time),
            transitions: spec.lease_transitions.unwrap_or_default(),
            version: self.0.metadata.resource_version.clone().unwrap_or_default(),
        }
    }
}

impl Leases {
    /// The Lease of this name, which need not exist yet.
    #[must_use]
    pub fn new(client: kube::Client, namespace: &str, name: &str) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The Lease as the API server has it at this moment.
    pub async fn get(&self) -> Result<Option<Held>, ClusterError> {
        Ok(unguarded(TIME_LIMIT, Action::Get, self, self.api.get_opt(&self.name)).await?.map(Held))
    }

    /// Takes or keeps the Lease that was read. It is a conflict if it has changed since.
    pub async fn claim(
        &self,
        read: Option<&Held>,
        identity: &str,
        transitions: i32,
        now: Timestamp,
    ) -> Result<Held, ClusterError> {
        let old = read.and_then(|Held(lease)| lease.spec.clone()).unwrap_or_default();
        let same = old.holder_identity.as_deref() == Some(identity);
        let spec = LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
            acquire_time: old.acquire_time.clone().filter(|_| same).or(Some(MicroTime(now))),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(transitions),
            ..old
        };
        self.write(read, spec).await
    }

    /// Gives the Lease back, so that the next one need not wait until it expires.
    pub async fn release(&self, held: &Held, now: Timestamp) -> Result<(), ClusterError> {
        let old = held.0.spec.clone().unwrap_or_default();
        let spec = LeaseSpec { holder_identity: None, renew_time: Some(MicroTime(now)), ..old };
        self.write(Some(held), spec).await.map(drop)
    }

    /// Yields whenever the Lease may have changed. What it is then has to be read.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + use<> {
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        // An interrupted watch is resumed, and the Lease is read every 2 s all the same.
        watcher(self.api.clone(), only)
            .default_backoff()
            .filter(|event| future::ready(matches!(event, Ok(event) if !matches!(event, watcher::Event::Init))))
            .map(drop)
    }

    async fn write(&self, read: Option<&Held>, spec: LeaseSpec) -> Result<Held, ClusterError> {
        let parameters = PostParams { field_manager: Some("rekey".to_owned()), ..PostParams::default() };
        let written = if let Some(Held(lease)) = read {
            let lease = Lease { spec: Some(spec), ..lease.clone() };
            unguarded(TIME_LIMIT, Action::Update, self, self.api.replace(&self.name, &parameters, &lease)).await
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(spec) };
            unguarded(TIME_LIMIT, Action::Create, self, self.api.create(&parameters, &lease)).await
        };
        written.map(Held)
    }
}

impl std::fmt::Display for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lease {}/{}", self.namespace, self.name)
    }
}
