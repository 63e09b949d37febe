//! Companion mode: External Secrets Operator stays the controller, and is told at once what to refresh.
//!
//! In the place of `sync`: what AWS holds is read as there, to wait for what an event announced; the target is ESO's. A
//! message is held until ESO has followed, or for [`PATIENCE`]. Nothing here writes a target or a status.

mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use kube::Resource;
use rekey_core::cluster_external_secret as repeated;
use rekey_core::companion::{self as decide, Source, Step};
use rekey_core::ledger::{Absence, Applied, Decision, Policy};
use rekey_core::object::ObjectKey;
use rekey_core::request::{self, Request};
use rekey_core::wanted::Token;
use tracing::{info, warn};

pub use memory::Memory;

use crate::cluster::cluster_external_secret::ClusterExternalSecrets;
use crate::cluster::event::Events;
use crate::cluster::external_secret::ExternalSecrets;
use crate::metrics::Metrics;
use crate::state::{State, Task};
use crate::sync::{Reads, SyncError, Synced, Unread};
use memory::Told;

/// How long ESO may take before its object is left to its own interval. The sweep comes back to it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// The watch shows when ESO has refreshed an object; this is for what it did not show.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Somebody else wrote the object: the watch shows it in a moment.
const CONFLICT: SignedDuration = SignedDuration::from_millis(200);

/// See the module's head.
pub struct Companion {
    /// What the agent knows.
    pub state: State,
    /// What AWS holds.
    pub reads: Reads,
    /// Who annotates ExternalSecrets.
    pub external_secrets: ExternalSecrets,
    /// Who annotates ClusterExternalSecrets.
    pub cluster_external_secrets: ClusterExternalSecrets,
    /// Who tells people.
    pub events: Events,
    /// Counters.
    pub metrics: Metrics,
    /// What ESO was told.
    pub memory: Memory,
}

impl Companion {
    /// Sees to it that one object is refreshed if it has to be. Reads that began before `asked` are not used.
    pub async fn sync(&self, key: &ObjectKey, asked: Instant) -> Result<Synced, SyncError> {
        let now = Timestamp::now();
        let Some(resource) = self.state.with_object(key, |object| Arc::clone(&object.resource)) else {
            self.memory.forget(key);
            return Ok(Synced::Gone);
        };
        let mut done = Synced::Current;
        if let Some(told) = self.memory.told(key) {
            if decide::has_followed(&resource, &told.marker, told.at) {
                info!(externalsecret = %key, marker = told.marker, "External Secrets Operator has refreshed it");
                self.metrics.told("followed");
                self.followed(key, told.tokens);
                done = Synced::Applied;
            } else if now.duration_since(told.at) < PATIENCE {
                return Ok(Synced::LookAgain(after(now, LOOK_AGAIN)));
            } else {
                self.give_up(key, &resource, told).await;
                return Ok(Synced::Unchanged);
            }
        }
        let task = match self.state.begin(key, now) {
            None => return Ok(Synced::Gone),
            Some((task, Decision::Read)) => task,
            Some((_, Decision::Wait(until))) => return Ok(Synced::NotBefore(until)),
            Some((_, Decision::LookAgain(until))) => return Ok(Synced::LookAgain(until)),
            Some((_, Decision::Closed(until))) => return Ok(Synced::Closed(until)),
            Some((_, Decision::Skip | Decision::Contested(_))) => return Ok(done),
        };
        let requests = task.requests.clone()?;
        let sources = match self.sources(&task, &requests, asked).await? {
            Ok(sources) => sources,
            Err(until) => return Ok(Synced::LookAgain(until)),
        };
        let tokens = requests.iter().zip(&sources).map(|(one, source)| (one.wanted.to_string(), source.token.clone()));
        let tokens: BTreeMap<String, Token> = tokens.collect();
        match decide::step(&task.resource, &sources, now) {
            Step::Nothing => {
                self.followed(key, tokens);
                Ok(Synced::Unchanged)
            }
            Step::Tell(marker) if is_never_refreshed(&task) => {
                self.unsupported(&task, &marker).await;
                self.followed(key, tokens);
                Ok(Synced::Unchanged)
            }
            Step::Tell(marker) => match self.tell(&task, &marker).await {
                Err(SyncError::Cluster(error)) if error.is_conflict() => Ok(Synced::LookAgain(after(now, CONFLICT))),
                outcome => outcome.map(|()| self.wait(key, marker, tokens)),
            },
            Step::Wait(marker) => Ok(self.wait(key, marker, tokens)),
        }
    }

    /// Says why ESO could not be told, once for each cause. The object's condition is ESO's.
    pub async fn report_failure(&self, key: &ObjectKey, error: &SyncError) {
        if error.is_no_failure() || !self.memory.is_news(key, &error.to_string()) {
            return;
        }
        warn!(externalsecret = %key, %error, "External Secrets Operator was not told of a change");
        let Some(resource) = self.state.with_object(key, |object| Arc::clone(&object.resource)) else { return };
        let note = format!("a change may be waiting for this object's refreshInterval: {error}");
        self.events.warning(&resource.object_ref(&()), "NotRefreshed", "ForceSync", note).await;
    }

    /// What AWS holds of each source, or when to ask again.
    async fn sources(
        &self,
        task: &Task,
        requests: &[Request],
        asked: Instant,
    ) -> Result<Result<Vec<Source>, Timestamp>, SyncError> {
        let (mut sources, mut later) = (Vec::with_capacity(requests.len()), None);
        for (request, read) in self.reads.get_all(requests, asked).await {
            let (token, changed) = match read {
                Ok(answer) => (answer.known.token.clone(), answer.known.changed.or(answer.known.created)),
                // Its absence is a change like others: ESO acts by the object's deletion policy.
                Err(Unread::Missing(_, Absence::Confirmed)) => (Token::absent(), None),
                Err(Unread::Missing(_, Absence::Unconfirmed(until)) | Unread::NotBefore(until)) => {
                    later = later.max(Some(until));
                    continue;
                }
                Err(Unread::Failed(problem)) => return Err(problem.into()),
            };
            let applied = match &task.applied {
                Applied::Tokens(tokens) => tokens.get(&request.wanted.to_string()) == Some(&token),
                Applied::Nothing | Applied::AsOf(_) => false,
            };
            sources.push(Source { token, changed, event: self.state.last_event(&request.wanted), applied });
        }
        Ok(later.map_or(Ok(sources), Err))
    }

    /// Sets the annotation on the object, or on the ClusterExternalSecret that would take it away again.
    async fn tell(&self, task: &Task, marker: &str) -> Result<(), SyncError> {
        match repeated::owner(&task.resource) {
            Some(owner) if self.memory.was_told_to(&owner.name, marker, Instant::now()) => {}
            Some(owner) => {
                self.cluster_external_secrets.force_sync(owner, marker).await?;
                self.memory.tell_to(&owner.name, marker, Instant::now());
                info!(clusterexternalsecret = owner.name, marker, "force-sync set");
            }
            None => {
                self.external_secrets.force_sync(&task.resource.metadata, marker).await?;
                info!(externalsecret = %task.key, marker, "force-sync set");
            }
        }
        self.metrics.told("told");
        Ok(())
    }

    fn wait(&self, key: &ObjectKey, marker: String, tokens: BTreeMap<String, Token>) -> Synced {
        let now = Timestamp::now();
        self.memory.remember(key, Told { marker, at: now, tokens });
        Synced::LookAgain(after(now, LOOK_AGAIN))
    }

    fn followed(&self, key: &ObjectKey, tokens: BTreeMap<String, Token>) {
        self.memory.forget(key);
        self.state.with_object(key, |object| object.followed(tokens));
    }

    async fn give_up(&self, key: &ObjectKey, resource: &rekey_core::resource::ExternalSecret, told: Told) {
        self.memory.given_up(key);
        self.metrics.told("given_up");
        let note = format!(
            "External Secrets Operator has not refreshed this object within {} min of force-sync={}",
            PATIENCE.as_mins(),
            told.marker
        );
        if !self.memory.is_news(key, &note) {
            return;
        }
        warn!(externalsecret = %key, marker = told.marker, "External Secrets Operator has not refreshed it; no longer waiting");
        self.events.warning(&resource.object_ref(&()), "NotRefreshed", "ForceSync", note).await;
    }

    async fn unsupported(&self, task: &Task, marker: &str) {
        self.metrics.told("unsupported");
        let note = format!(
            "its source changed ({marker}), but External Secrets Operator never refreshes an object with refreshInterval 0; \
             set an interval, however long"
        );
        warn!(externalsecret = %task.key, marker, "External Secrets Operator never refreshes an object with refreshInterval 0");
        self.events.warning(&task.resource.object_ref(&()), "RefreshUnsupported", "ForceSync", note).await;
    }
}

/// ESO syncs an object with `refreshInterval: 0` once, and does nothing after that, whatever its annotations say.
fn is_never_refreshed(task: &Task) -> bool {
    request::policy(&task.resource.spec) == Ok(Policy::Once) && task.applied != Applied::Nothing
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
