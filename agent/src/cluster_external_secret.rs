//! ClusterExternalSecrets: keeps one ExternalSecret in each namespace that one chooses.
//!
//! Only the leader works here, and only if Rekey is the controller. What is to be done is decided in `rekey-core` from what
//! the watches have shown; nothing is read. The ExternalSecrets are synced like all others.

mod known;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use rand::RngExt;
use rekey_core::backoff::Backoff;
use rekey_core::cluster_external_secret::{self as decide, CLEANUP, Plan, Step};
use rekey_core::resource::ClusterExternalSecret;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use known::Known;

use crate::cluster::cluster_external_secret::ClusterExternalSecrets;
use crate::cluster::external_secret::ExternalSecrets;
use crate::cluster::namespace::Namespaces;
use crate::cluster::{ClusterError, Writer};
use crate::state::{State, Validated};

/// Writes under way at a time.
const CONCURRENCY: usize = 16;
/// A namespace that could not be released is tried again after so long.
const RELEASE_AGAIN: Duration = Duration::from_secs(10);

/// See the module's head.
pub struct Repeater {
    /// What the watches have shown.
    pub known: Known,
    /// The ExternalSecrets that there are.
    pub state: State,
    external_secrets: ExternalSecrets,
    cluster_external_secrets: ClusterExternalSecrets,
    namespaces: Namespaces,
}

impl Repeater {
    /// Works with what is known, by this writer.
    #[must_use]
    pub fn new(known: Known, state: State, writer: &Writer) -> Self {
        Self {
            known,
            state,
            external_secrets: ExternalSecrets::new(writer.clone()),
            cluster_external_secrets: ClusterExternalSecrets::new(writer.clone()),
            namespaces: Namespaces::new(writer.clone()),
        }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures: HashMap<String, u32> = HashMap::new();
        loop {
            let released = self.release().await;
            let due = match self.known.next(Instant::now()) {
                Ok(object) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.look(&object, &mut failures) => continue,
                    }
                }
                Err(due) => due,
            };
            let again = (!released).then(|| Instant::now() + RELEASE_AGAIN);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.known.changed() => {}
                () = sleep_until(due.into_iter().chain(again).min()) => {}
            }
        }
    }

    /// Makes what there is what it asks for, and says so.
    async fn look(&self, object: &Arc<ClusterExternalSecret>, failures: &mut HashMap<String, u32>) {
        let began = Instant::now();
        let name = object.metadata.name.clone().unwrap_or_default();
        let existing = self.state.resources(|one| decide::concerns(object, one));
        let mut plan = decide::plan(object, &self.known.namespaces(), &existing);
        let mut problem = self.carry_out(&name, &mut plan).await;
        if problem.as_ref().is_none_or(|problem| !problem.is_conflict()) {
            problem = self.say(object, &plan).await.err().or(problem);
        }
        self.state.repeated(&name, Validated { ready: plan.failed.is_empty(), took: began.elapsed() });
        match problem {
            None => {
                failures.remove(&name);
            }
            Some(problem) => {
                let failed = failures.entry(name.clone()).or_default();
                *failed += 1;
                // Somebody was faster: the watch shows what they did in a moment.
                let backoff = if problem.is_conflict() { Backoff::CONFLICT } else { Backoff::FAILURE };
                let wait = backoff.wait(*failed, rand::rng().random_range(0.0..=1.0));
                self.known.look(name, Instant::now() + wait);
            }
        }
    }

    /// Does every step, and moves the namespaces of those that fail. Returns a conflict if there was one, else any failure.
    async fn carry_out(&self, name: &str, plan: &mut Plan) -> Option<ClusterError> {
        let steps = std::mem::take(&mut plan.steps);
        let done: Vec<_> = stream::iter(steps)
            .map(|step| async move {
                let outcome = match &step {
                    Step::Create(object) => self.external_secrets.create(object).await,
                    Step::Update(object) => self.external_secrets.update(object).await,
                    Step::Delete { key, uid } => self.external_secrets.delete(key, uid).await,
                };
                (step, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut problem: Option<ClusterError> = None;
        for (step, outcome) in done {
            let namespace = step.namespace();
            match outcome {
                Ok(()) => info!(clusterexternalsecret = name, namespace, step = step.word(), "externalsecret written"),
                Err(error) => {
                    warn!(clusterexternalsecret = name, namespace, step = step.word(), %error, "externalsecret not written");
                    plan.provisioned.remove(namespace);
                    plan.failed.insert(namespace.to_owned(), error.to_string());
                    if problem.as_ref().is_none_or(|known| !known.is_conflict()) {
                        problem = Some(error);
                    }
                }
            }
        }
        problem
    }

    /// Writes the status, or lets an object go that is being deleted.
    async fn say(&self, object: &ClusterExternalSecret, plan: &Plan) -> Result<(), ClusterError> {
        let metadata = &object.metadata;
        if metadata.deletion_timestamp.is_some() {
            let held = metadata.finalizers.as_ref().is_some_and(|all| all.iter().any(|one| one == CLEANUP));
            return if held && plan.failed.is_empty() {
                self.cluster_external_secrets.release(metadata).await
            } else {
                Ok(())
            };
        }
        let status = decide::status(object, plan);
        if object.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let written = self.cluster_external_secrets.status(metadata, &status).await;
        written.inspect_err(|error| warn!(clusterexternalsecret = metadata.name, %error, "status not written"))
    }

    /// Takes ESO's finalizers from namespaces that they hold up for nothing. Returns whether all are gone.
    async fn release(&self) -> bool {
        let mut all = true;
        for (metadata, leftover) in self.known.held_up() {
            match self.namespaces.release(&metadata, &leftover).await {
                Ok(()) => {
                    info!(namespace = metadata.name, ?leftover, "finalizers of External Secrets Operator removed");
                    self.known.released(&metadata);
                }
                Err(error) => {
                    warn!(namespace = metadata.name, %error, "finalizers not removed");
                    all = false;
                }
            }
        }
        all
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
