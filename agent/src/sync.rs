//! Makes one target equal to its sources, whatever the reason.
//!
//! Used by events, watches, start-up and the sweep alike. It knows no messages and no queue: the worker does.

mod error;
mod reads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use rekey_core::ledger::{Absence, Applied, Decision};
use rekey_core::object::ObjectKey;
use rekey_core::plan::{self, Plan, Removal};
use rekey_core::render::{self, Env, Outcome, OwnMetadata, Rendered};
use rekey_core::report::{self, Refreshed};
use rekey_core::resource::ExternalSecret;
use rekey_core::resource::external_secret::DeletionPolicy;
use rekey_core::wanted::Token;
use tracing::{debug, info, warn};

pub use error::SyncError;
pub use reads::{Reads, Unread};

use crate::cluster::event::Events;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::provider::Answer;
use crate::rollout::Rollouts;
use crate::state::{State, Task};

/// A target that others keep writing is left to them after so many attempts, until the object's next retry.
const WRITE_ATTEMPTS: u32 = 5;

/// How a sync ended.
#[derive(Debug)]
pub enum Synced {
    /// Nothing was to be done, and AWS was not asked.
    Current,
    /// AWS was asked, and the target is right.
    Unchanged,
    /// The target was written.
    Applied,
    /// It failed a moment ago and nothing has changed since: not before this time.
    NotBefore(Timestamp),
    /// Its sources may not be followed before this time.
    Closed(Timestamp),
    /// What was announced cannot be told yet: nothing was written; to be looked at again at this time.
    LookAgain(Timestamp),
    /// The object is gone, or another controller's.
    Gone,
}

/// What the sources of an object yield.
enum Fetched {
    /// What is to become of the target, and the versions that say so.
    All(Outcome, BTreeMap<String, Token>),
    /// That cannot be told before this time.
    Later(Timestamp),
}

/// See the module's head.
#[derive(Clone)]
pub struct Syncer {
    /// What the agent knows.
    pub state: State,
    /// Values from AWS.
    pub reads: Reads,
    /// Secrets.
    pub targets: Targets,
    /// Conditions.
    pub statuses: Statuses,
    /// Events.
    pub events: Events,
    /// Workloads, which need their baseline before the first write.
    pub rollouts: Rollouts,
}

impl Syncer {
    /// Syncs one object. Reads that began before `asked` are not used.
    pub async fn sync(&self, key: &ObjectKey, asked: Instant) -> Result<Synced, SyncError> {
        let started = Timestamp::now();
        let task = match self.state.begin(key, started) {
            None => return Ok(Synced::Gone),
            Some((_, Decision::Skip)) => return Ok(Synced::Current),
            Some((_, Decision::Wait(until))) => return Ok(Synced::NotBefore(until)),
            Some((_, Decision::LookAgain(until))) => return Ok(Synced::LookAgain(until)),
            Some((_, Decision::Closed(until))) => return Ok(Synced::Closed(until)),
            Some((task, Decision::Read)) => task,
        };
        if task.resource.metadata.deletion_timestamp.is_some() {
            return Ok(Synced::Gone);
        }
        let (outcome, tokens) = match self.fetch(&task, asked).await? {
            Fetched::Later(until) => return Ok(Synced::LookAgain(until)),
            Fetched::All(outcome, tokens) => (outcome, tokens),
        };
        self.tell_missing(&task, &tokens);
        let (wrote, what) = match outcome {
            Outcome::Write(rendered) => (self.write(&task, &rendered, &tokens).await?, Refreshed::Synced),
            Outcome::Keep => (false, Refreshed::Retained),
            Outcome::Delete => (self.delete(&task).await?, Refreshed::Deleted),
        };
        self.report(&task, what, &tokens, started).await?;
        Ok(if wrote { Synced::Applied } else { Synced::Unchanged })
    }

    /// Says on the object why it failed, once for each cause.
    pub async fn report_failure(&self, key: &ObjectKey, error: &SyncError) {
        if error.is_no_failure() {
            debug!(externalsecret = %key, %error, "looking again");
            return;
        }
        let Some(resource) = self.state.with_object(key, |object| object.resource.clone()) else { return };
        let Some(status) = report::failed(resource.status.as_ref(), error.to_string(), Timestamp::now()) else {
            return;
        };
        warn!(externalsecret = %key, %error, "sync failed");
        match self.statuses.external_secret(&resource.metadata, resource.status.as_ref(), &status).await {
            Ok(version) => {
                self.state.with_object(key, |object| object.status_written(status, version));
            }
            Err(error) => warn!(externalsecret = %key, %error, "condition not written"),
        }
        self.events.warning(&reference(&resource), "UpdateFailed", "Sync", error.to_string()).await;
    }

    async fn fetch(&self, task: &Task, asked: Instant) -> Result<Fetched, SyncError> {
        let requests = task.requests.clone()?;
        let reads = requests.iter().map(|request| self.reads.get(&request.store, &request.wanted, asked));
        let read = futures::future::join_all(reads).await;
        let retains = task.resource.spec.target.deletion_policy == DeletionPolicy::Retain;
        let (mut answers, mut later) = (Vec::with_capacity(read.len()), None);
        for (request, read) in requests.iter().zip(read) {
            match read {
                Ok(answer) => answers.push((request, Some(answer))),
                Err(Unread::Failed(problem)) => return Err(problem.into()),
                // A search without a match is no failure.
                Err(Unread::Missing(..)) if retains && request.wanted.is_search() => answers.push((request, None)),
                Err(Unread::Missing(problem, _)) if retains => return Err(problem.into()),
                Err(Unread::Missing(_, Absence::Confirmed)) => answers.push((request, None)),
                Err(Unread::Missing(problem, Absence::Unconfirmed(until))) => {
                    info!(externalsecret = %task.key, %problem, %until, "source not found; looking once more before the deletion policy acts");
                    later = later.max(Some(until));
                }
                Err(Unread::NotBefore(until)) => later = later.max(Some(until)),
            }
        }
        if let Some(until) = later {
            return Ok(Fetched::Later(until));
        }
        let values = answers.iter().map(|(request, answer)| (*request, answer.as_ref().map(|answer| &answer.payload)));
        let metadata = &task.resource.metadata;
        let own = OwnMetadata {
            labels: metadata.labels.clone().unwrap_or_default(),
            annotations: metadata.annotations.clone().unwrap_or_default(),
        };
        let env = Env::new(Timestamp::now(), rand::random());
        let outcome = render::render(&task.resource.spec, &own, values, &env)?;
        let token = |answer: &Option<Arc<Answer>>| {
            answer.as_ref().map_or_else(Token::absent, |answer| answer.known.token.clone())
        };
        let tokens = answers.iter().map(|(request, answer)| (request.wanted.to_string(), token(answer))).collect();
        Ok(Fetched::All(outcome, tokens))
    }

    /// Says once of each source that it is gone for good.
    fn tell_missing(&self, task: &Task, tokens: &BTreeMap<String, Token>) {
        let known = |source: &String| match &task.applied {
            Applied::Tokens(applied) => applied.get(source).is_some_and(Token::is_absent),
            Applied::Nothing | Applied::AsOf(_) => false,
        };
        for source in
            tokens.iter().filter(|(source, token)| token.is_absent() && !known(source)).map(|(source, _)| source)
        {
            let policy = task.resource.spec.target.deletion_policy;
            warn!(externalsecret = %task.key, source, ?policy, "source is gone; the deletion policy takes its keys from the target");
            let (events, about) = (self.events.clone(), reference(&task.resource));
            let note =
                format!("{source} does not exist any more; deletionPolicy {policy:?} takes its keys from the target");
            tokio::spawn(async move { events.warning(&about, "MissingProviderSecret", "Sync", note).await });
        }
    }

    /// Deletes the target, if it is there and ours. Returns whether it was.
    async fn delete(&self, task: &Task) -> Result<bool, SyncError> {
        let owner = task.owner();
        let mut attempts = 0;
        loop {
            let existing = self.targets.get(&task.target).await?;
            let Removal::Delete { uid, resource_version } = plan::removal(&owner, existing.as_ref()) else {
                return Ok(false);
            };
            attempts += 1;
            match self.targets.delete(&task.target, &uid, &resource_version).await {
                Ok(()) => {
                    info!(externalsecret = %task.key, target = %task.target, "secret deleted: its sources are gone");
                    let (events, about) = (self.events.clone(), reference(&task.resource));
                    let note = format!("secret {} deleted due to DeletionPolicy=Delete", task.target.name);
                    tokio::spawn(async move { events.normal(&about, "Deleted", "Sync", note).await });
                    return Ok(true);
                }
                Err(error) if error.is_conflict() && attempts < WRITE_ATTEMPTS => {}
                Err(error) if error.is_not_found() => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes the target. Returns whether a write was needed.
    async fn write(
        &self,
        task: &Task,
        rendered: &Rendered,
        tokens: &BTreeMap<String, Token>,
    ) -> Result<bool, SyncError> {
        let owner = task.owner();
        let manager = plan::field_manager(&task.key.name);
        let immutable = task.resource.spec.target.immutable;
        let mut attempts = 0;
        loop {
            let existing = self.targets.get(&task.target).await?;
            if let Some(existing) = &existing {
                self.rollouts.secret_seen(existing);
                // Whoever produces it is being handled right now.
                let _ = self.state.target_seen(&task.target, existing);
            }
            let written = match plan::plan(&owner, &task.target, existing.as_ref(), rendered, immutable) {
                Plan::Unchanged => return Ok(false),
                Plan::Refuse(refusal) => return Err(SyncError::Refused(refusal)),
                Plan::Create(secret) => {
                    self.targets.create(&task.target, &secret, &manager).await.map(|made| (made, "Created", false))
                }
                Plan::Update { secret, data_changes, adopts } => {
                    if data_changes {
                        // What the workloads run with now has to be on record before it is overwritten.
                        self.rollouts.baseline(&task.target).await?;
                    }
                    self.targets.update(&task.target, &secret, &manager).await.map(|made| (made, "Updated", adopts))
                }
            };
            attempts += 1;
            match written {
                Ok((made, reason, adopted)) => {
                    // The rollout need not wait for the watch, and learns of it before this sync counts as finished.
                    self.rollouts.secret_seen(&made);
                    let _ = self.state.target_seen(&task.target, &made);
                    if !plan::is_valid(&made) {
                        return Err(SyncError::Altered);
                    }
                    self.announce_write(task, tokens, reason, adopted);
                    return Ok(true);
                }
                Err(error) if (error.is_conflict() || error.is_not_found()) && attempts < WRITE_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Log line and Events of a write. The Events are published on the side: nobody waits for them.
    fn announce_write(&self, task: &Task, tokens: &BTreeMap<String, Token>, reason: &'static str, adopted: bool) {
        for (source, token) in tokens {
            info!(externalsecret = %task.key, target = %task.target, source, %token, reason, "secret written");
        }
        let (events, about) = (self.events.clone(), reference(&task.resource));
        let target = task.target.name.clone();
        tokio::spawn(async move {
            if adopted {
                let note =
                    format!("Secret {target} existed without an owner; its data was replaced and it is owned now");
                events.warning(&about, "Adopted", "Sync", note).await;
            }
            events.normal(&about, reason, "Sync", format!("secret {}", reason.to_lowercase())).await;
        });
    }

    async fn report(
        &self,
        task: &Task,
        what: Refreshed,
        tokens: &BTreeMap<String, Token>,
        started: Timestamp,
    ) -> Result<(), SyncError> {
        let now = Timestamp::now();
        let version = report::synced_resource_version(&task.resource);
        let old = task.resource.status.as_ref();
        let status = report::synced(old, what, version, &task.target.name, tokens, started, now);
        let version = match self.statuses.external_secret(&task.resource.metadata, old, &status).await {
            Err(error) if error.is_conflict() => return Err(SyncError::Edited),
            outcome => outcome?,
        };
        self.state.with_object(&task.key, |object| object.synced(tokens.clone(), status, version, now));
        Ok(())
    }
}

fn reference(resource: &ExternalSecret) -> ObjectReference {
    resource.object_ref(&())
}
