//! What the agent counts and times. Labels come from enums and constants only, never from names of objects; what
//! `/metrics` says of single objects and pipes is written at each scrape from what the state knows ([`scrape`]).

mod eso;
pub mod exposition;
mod reloader;
pub mod scrape;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use rekey_core::disposition::MessageOutcome;
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    operation: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Post {
    what: &'static str,
    outcome: &'static str,
}

/// What became of a write to a workload, and of the rollout that it began; the label of `rekey_rollouts_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutOutcome {
    /// Its pods are being replaced.
    Restarted,
    /// What its pods run with was put on record.
    Baseline,
    /// The write failed and will be tried again.
    Failed,
    /// Every pod is new and serves; a Job has finished.
    Live,
    /// The rollout does not get on.
    Stuck,
    /// A Job that was run has failed.
    JobFailed,
    /// Another rollout began before it had ended.
    Superseded,
}

impl RolloutOutcome {
    const ALL: [Self; 7] =
        [Self::Restarted, Self::Baseline, Self::Failed, Self::Live, Self::Stuck, Self::JobFailed, Self::Superseded];

    fn as_str(self) -> &'static str {
        match self {
            Self::Restarted => "restarted",
            Self::Baseline => "baseline",
            Self::Failed => "failed",
            Self::Live => "live",
            Self::Stuck => "stuck",
            Self::JobFailed => "job_failed",
            Self::Superseded => "superseded",
        }
    }
}

/// What became of something to post; the label of `rekey_posts_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It was taken.
    Sent,
    /// The other side will never take it.
    Refused,
    /// The other side did not answer for long, or too many waited.
    Dropped,
}

/// Counters and histograms. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    messages: Family<Outcome, Counter>,
    syncs: Family<Outcome, Counter>,
    rollouts: Family<Outcome, Counter>,
    aws_calls: Family<Call, Counter>,
    propagation: Family<Stage, Histogram>,
    unannounced: Counter,
    told: Family<Outcome, Counter>,
    posts: Family<Post, Counter>,
    reloader: reloader::Series,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("rekey"),
            messages: Family::default(),
            syncs: Family::default(),
            rollouts: Family::default(),
            aws_calls: Family::default(),
            propagation: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 22))),
            unannounced: Counter::default(),
            told: Family::default(),
            posts: Family::default(),
            reloader: reloader::Series::default(),
        };
        // A series that begins with its first failure shows no increase, and so alerts nobody.
        for outcome in RolloutOutcome::ALL {
            inner.rollouts.get_or_create(&Outcome { outcome: outcome.as_str() }).inc_by(0);
        }
        let registry = &mut inner.registry;
        registry.register("messages", "Messages by what became of them", inner.messages.clone());
        registry.register("syncs", "Syncs of ExternalSecrets by how they ended", inner.syncs.clone());
        registry.register(
            "rollouts",
            "Writes to workloads: restarted, baseline (recorded what the pods run with), failed; and how those \
             restarts ended: live, stuck (which may still become live), job_failed, superseded",
            inner.rollouts.clone(),
        );
        registry.register("aws_calls", "Calls that read from AWS", inner.aws_calls.clone());
        registry.register(
            "unannounced_changes",
            "Changes that a sweep found in a proven pipe and no event announced",
            inner.unannounced.clone(),
        );
        registry.register(
            "companion",
            "Companion mode: times that External Secrets Operator was told to refresh, and what became of it: \
             followed, given_up, unsupported (refreshInterval 0)",
            inner.told.clone(),
        );
        registry.register(
            "posts",
            "Alerts and webhooks: sent, refused by the other side, dropped",
            inner.posts.clone(),
        );
        registry.register_with_unit(
            "propagation",
            "Time of each stage: event (change to receipt), queue (receipt to start of the sync), sync, of which \
             read (its start to the values) and write (the values to the target written), message (receipt to \
             deletion), rollout (change of a Secret or ConfigMap seen to workload patched), live (the same to every pod \
             new and serving), total (change to target written)",
            Unit::Seconds,
            inner.propagation.clone(),
        );
        Self(Arc::new(inner))
    }
}

impl Metrics {
    /// A message is finished with, so long after it was received.
    pub fn message(&self, outcome: MessageOutcome, held: Duration) {
        self.0.messages.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
        self.observe("message", held);
    }

    /// External Secrets Operator was told to refresh an object, or that ended.
    pub fn told(&self, outcome: &'static str) {
        self.0.told.get_or_create(&Outcome { outcome }).inc();
    }

    /// News arrived that says it happened at `at`.
    pub fn event_age(&self, now: Timestamp, at: Timestamp) {
        self.observe("event", between(at, now));
    }

    /// The sync that a message asks for starts, so long after the message was received.
    pub fn sync_started(&self, waited: Duration) {
        self.observe("queue", waited);
    }

    /// A sync ended.
    pub fn sync(&self, outcome: &'static str) {
        self.0.syncs.get_or_create(&Outcome { outcome }).inc();
    }

    /// A sync had its values, and its target as it was, after so long.
    pub fn read_in(&self, took: Duration) {
        self.observe("read", took);
    }

    /// From there it took so long until the target was written.
    pub fn wrote_in(&self, took: Duration) {
        self.observe("write", took);
    }

    /// A sync that asked AWS took so long.
    pub fn synced_in(&self, took: Duration) {
        self.observe("sync", took);
    }

    /// A target was written because of what happened at `at`.
    pub fn carried(&self, now: Timestamp, at: Timestamp) {
        self.observe("total", between(at, now));
    }

    /// A write to a workload ended.
    pub fn rollout(&self, outcome: RolloutOutcome) {
        self.0.rollouts.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
    }

    /// A workload of this kind is restarted because of what was seen to change at `seen`.
    pub fn rolled_out(&self, kind: WorkloadKind, now: Timestamp, seen: Timestamp) {
        let took = between(seen, now);
        self.observe("rollout", took);
        self.0.reloader.took(kind, took);
    }

    /// The pods of a workload have what was seen to change so long ago.
    pub fn live(&self, took: Duration) {
        self.observe("live", took);
    }

    /// A workload was restarted, or could not be.
    pub fn reloaded(&self, workload: &WorkloadKey, ok: bool) {
        self.0.reloader.reloaded(workload, ok);
    }

    /// What had failed before was tried again.
    pub fn retried(&self) {
        self.0.reloader.retried();
    }

    /// Something was posted, or was not.
    pub fn posted(&self, what: &'static str, outcome: Posted) {
        let outcome = match outcome {
            Posted::Sent => "sent",
            Posted::Refused => "refused",
            Posted::Dropped => "dropped",
        };
        self.0.posts.get_or_create(&Post { what, outcome }).inc();
    }

    /// A call to AWS ended. `operation` is AWS's name of it.
    pub fn aws_call(&self, operation: &'static str, ok: bool) {
        self.0.aws_calls.get_or_create(&Call { operation, result: result(ok) }).inc();
    }

    /// A sweep found so many changes that no event announced.
    pub fn unannounced(&self, changes: u64) {
        self.0.unannounced.inc_by(changes);
    }

    fn aws_calls(&self, operation: &'static str, ok: bool) -> Option<u64> {
        Some(self.0.aws_calls.get(&Call { operation, result: result(ok) })?.get())
    }

    fn observe(&self, stage: &'static str, took: Duration) {
        self.0.propagation.get_or_create(&Stage { stage }).observe(took.as_secs_f64());
    }
}

fn result(ok: bool) -> &'static str {
    if ok { "success" } else { "error" }
}

/// Clocks that differ can make what happened seem to come from the future.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
