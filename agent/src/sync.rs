//! Makes one target equal to its sources, whatever the reason.
//!
//! Used by events, watches, start-up and the sweep alike. It knows no messages and no queue: the worker does.

mod error;
mod reads;
mod rendering;
mod target;
mod tell;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use rekey_core::ledger::{Absence, Decision};
use rekey_core::object::ObjectKey;
use rekey_core::render::Outcome;
use rekey_core::report::{self, Refresh, Refreshed};
use rekey_core::resource::ExternalSecret;
use rekey_core::resource::external_secret::DeletionPolicy;
use rekey_core::wanted::Token;
use tracing::{debug, info, warn};

pub use error::SyncError;
pub use reads::{Reads, Unread};
use rendering::Recipe;
pub use rendering::Rendering;

use crate::cluster::event::Events;
use crate::cluster::external_secret::ExternalSecrets;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::cluster::template_source::TemplateSources;
use crate::metrics::Metrics;
use crate::provider::Answer;
use crate::rollout::Rollouts;
use crate::state::{State, Task};

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

/// What was done about a target.
#[derive(Clone, Copy, Debug)]
struct Done {
    /// Was it written, or deleted?
    wrote: bool,
    /// Is it there, and ours to name?
    bound: bool,
    what: Refreshed,
}

/// What the sources of an object yield.
enum Fetched {
    /// What is to become of the target, and the versions that say so.
    All(Outcome, BTreeMap<String, Token>),
    /// That cannot be told before this time.
    Later(Timestamp),
}

/// See the module's head.
pub struct Syncer {
    /// What the agent knows.
    pub state: State,
    /// Values from AWS.
    pub reads: Reads,
    /// What makes targets of them.
    pub rendering: Rendering,
    /// Secrets.
    pub targets: Targets,
    /// Where templates stand.
    pub template_sources: TemplateSources,
    /// Conditions.
    pub statuses: Statuses,
    /// Finalizers.
    pub objects: ExternalSecrets,
    /// Events.
    pub events: Events,
    /// Workloads, which need their baseline before the first write.
    pub rollouts: Rollouts,
    /// How long reads and writes take.
    pub metrics: Metrics,
}

impl Syncer {
    /// Syncs one object. Reads that began before `asked` are not used. When the target is right, and before people are told
    /// so, `settled` is called.
    pub async fn sync(
        &self,
        key: &ObjectKey,
        asked: Instant,
        settled: &mut (dyn FnMut() + Send),
    ) -> Result<Synced, SyncError> {
        // Each step is in a box, and gone when it is done: what waits for its turn to be told of takes little memory then.
        let started = Timestamp::now();
        Box::pin(self.tell_of_second_controller(key, started)).await;
        let task = match self.state.begin(key, started) {
            None => return Ok(Synced::Gone),
            Some((_, Decision::Skip)) => return Ok(Synced::Current),
            Some((_, Decision::Wait(until))) => return Ok(Synced::NotBefore(until)),
            Some((_, Decision::LookAgain(until))) => return Ok(Synced::LookAgain(until)),
            Some((_, Decision::Closed(until))) => return Ok(Synced::Closed(until)),
            Some((task, Decision::Contested(_))) => return Err(SyncError::contested(&task)),
            Some((task, Decision::Read)) => task,
        };
        if task.resource.metadata.deletion_timestamp.is_some() {
            return Box::pin(self.release(&task)).await;
        }
        let began = Instant::now();
        // The target is read meanwhile, so that its write has nothing left to wait for. If it changes before that, the write is
        // refused and the target is read again.
        let reads = async { tokio::join!(self.fetch(&task, asked), self.targets.get(&task.target)) };
        let (fetched, target) = Box::pin(reads).await;
        let (outcome, tokens) = match fetched? {
            Fetched::Later(until) => return Ok(Synced::LookAgain(until)),
            Fetched::All(outcome, tokens) => (outcome, tokens),
        };
        self.tell_missing(&task, &tokens);
        let read = Instant::now();
        self.metrics.read_in(read.duration_since(began));
        let done = match outcome {
            Outcome::Write(rendered) => Box::pin(self.write(&task, target, &rendered, &tokens)).await?,
            Outcome::Keep => Done { wrote: false, bound: false, what: Refreshed::Retained },
            Outcome::Delete => Box::pin(self.delete(&task)).await?,
        };
        if done.wrote {
            self.metrics.wrote_in(read.elapsed());
            // Who is told of a restart is told what it carries.
            self.state.written(&task.key, &tokens);
        }
        settled();
        self.report(&task, done, &tokens, started).await?;
        self.tell_odd_windows(&task);
        Ok(if done.wrote { Synced::Applied } else { Synced::Unchanged })
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
        let retains = task.resource.spec.target.deletion_policy == DeletionPolicy::Retain;
        let templates = self.templates(task).await?;
        if let (true, Err(problem)) = (retains, &templates.resolved) {
            // Whatever the values are, they cannot be rendered.
            return Err(problem.clone().into());
        }
        let (mut answers, mut later) = (Vec::with_capacity(requests.len()), None);
        for (request, read) in self.reads.get_all(&requests, asked).await {
            match read {
                Ok(answer) => answers.push(Some(answer)),
                Err(Unread::Failed(problem)) => return Err(problem.into()),
                // A search without a match is no failure.
                Err(Unread::Missing(..)) if retains && request.wanted.is_search() => answers.push(None),
                Err(Unread::Missing(problem, _)) if retains => return Err(problem.into()),
                Err(Unread::Missing(_, Absence::Confirmed)) => answers.push(None),
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
        let token = |answer: &Option<Arc<Answer>>| {
            answer.as_ref().map_or_else(Token::absent, |answer| answer.known.token.clone())
        };
        let read = requests.iter().zip(&answers).map(|(request, answer)| (request.wanted.to_string(), token(answer)));
        let tokens = read.chain(templates.tokens).collect();
        let recipe = Recipe { resource: Arc::clone(&task.resource), requests, answers, templates: templates.resolved };
        Ok(Fetched::All(self.rendering.render(recipe).await?, tokens))
    }

    async fn report(
        &self,
        task: &Task,
        done: Done,
        tokens: &BTreeMap<String, Token>,
        started: Timestamp,
    ) -> Result<(), SyncError> {
        let now = Timestamp::now();
        let refresh = Refresh {
            what: done.what,
            object_version: report::synced_resource_version(&task.resource),
            bound: done.bound.then_some(task.target.name.as_str()),
            tokens,
            started,
            note: task.others.contest_status(now).then_some(tell::SECOND_CONTROLLER),
        };
        self.state.with_object(&task.key, |object| object.others.refreshing(started));
        let old = task.resource.status.as_ref();
        let status = report::synced(old, refresh, now);
        let version = match self.statuses.external_secret_in_turn(&task.resource.metadata, old, &status).await {
            Err(error) if error.is_conflict() => return Err(SyncError::Edited),
            outcome => outcome?,
        };
        self.state.synced(&task.key, tokens.clone(), status, version, now);
        Ok(())
    }
}

fn reference(resource: &ExternalSecret) -> ObjectReference {
    resource.object_ref(&())
}
