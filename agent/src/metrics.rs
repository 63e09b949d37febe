//! What `/metrics` shows. Labels come from enums and constants only, never from names of objects.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use rekey_core::disposition::MessageOutcome;
use rekey_core::pipe::{PipeId, PipeState};

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
struct Pipe {
    account: String,
    region: String,
    service: String,
}

/// Counters and histograms. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    messages: Family<Outcome, Counter>,
    syncs: Family<Outcome, Counter>,
    aws_calls: Family<Call, Counter>,
    propagation: Family<Stage, Histogram>,
    pipes: Family<Pipe, Gauge<i64, AtomicI64>>,
    unannounced: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("rekey");
        let metrics = Self {
            messages: Family::default(),
            syncs: Family::default(),
            aws_calls: Family::default(),
            propagation: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 18))),
            pipes: Family::default(),
            unannounced: Counter::default(),
            registry: Arc::default(),
        };
        registry.register("messages", "Messages by what became of them", metrics.messages.clone());
        registry.register("syncs", "Syncs of ExternalSecrets by how they ended", metrics.syncs.clone());
        registry.register("aws_calls", "Calls that read from AWS", metrics.aws_calls.clone());
        registry.register("pipe_proven", "1 while the pipe is proven by heartbeats", metrics.pipes.clone());
        registry.register(
            "unannounced_changes",
            "Changes that a sweep found in a proven pipe and no event announced",
            metrics.unannounced.clone(),
        );
        registry.register_with_unit(
            "propagation",
            "Time of each stage: event (change to receipt), message (receipt to deletion), sync",
            Unit::Seconds,
            metrics.propagation.clone(),
        );
        Self { registry: Arc::new(registry), ..metrics }
    }
}

impl Metrics {
    /// A message is finished with, so long after it was received.
    pub fn message(&self, outcome: MessageOutcome, held: Duration) {
        self.messages.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
        self.observe("message", held);
    }

    /// An event arrived that says it happened at `at`.
    pub fn event_age(&self, now: Timestamp, at: Timestamp) {
        // Clocks that differ can make an event seem to come from the future.
        self.observe("event", Duration::try_from(now.duration_since(at)).unwrap_or_default());
    }

    /// A sync ended.
    pub fn sync(&self, outcome: &'static str, took: Duration) {
        self.syncs.get_or_create(&Outcome { outcome }).inc();
        self.observe("sync", took);
    }

    /// A call to AWS ended.
    pub fn aws_call(&self, operation: &'static str, ok: bool) {
        let result = if ok { "success" } else { "error" };
        self.aws_calls.get_or_create(&Call { operation, result }).inc();
    }

    /// A sweep found a change that no event announced.
    pub fn unannounced(&self) {
        self.unannounced.inc();
    }

    /// The state of a pipe.
    pub fn pipe(&self, id: &PipeId, state: PipeState) {
        let labels =
            Pipe { account: id.account.to_string(), region: id.region.to_string(), service: id.service.to_string() };
        self.pipes.get_or_create(&labels).set(i64::from(state == PipeState::Proven));
    }

    /// The exposition text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    fn observe(&self, stage: &'static str, took: Duration) {
        self.propagation.get_or_create(&Stage { stage }).observe(took.as_secs_f64());
    }
}
