//! The series of Stakater Reloader that mean the same here, under its names and labels, for dashboards and alerts that exist.
//!
//! Its others are left out, because they count what does not happen here: lists of workloads for each event, events in a
//! queue, work for nothing. `docs/rollouts.md` names them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};

use super::exposition::{Exposition, Kind};

/// What is counted and timed.
pub(super) struct Series {
    counts: Mutex<Counts>,
    latency: Family<OfKind, Histogram>,
    /// Holds the latency.
    registry: Registry,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    workload_kind: &'static str,
}

/// Its buckets of seconds.
const LATENCIES: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

impl Default for Series {
    fn default() -> Self {
        let latency: Family<OfKind, Histogram> = Family::new_with_constructor(|| Histogram::new(LATENCIES));
        let mut registry = Registry::with_prefix("reloader");
        let help = "Time from a change seen to the workload restarted";
        registry.register_with_unit("action_latency", help, Unit::Seconds, Family::clone(&latency));
        Self { counts: Mutex::default(), latency, registry }
    }
}

#[derive(Default)]
struct Counts {
    reloads: Outcomes,
    /// They end with the process, and not with the namespace, as with Stakater Reloader.
    by_namespace: BTreeMap<String, Outcomes>,
    by_kind: BTreeMap<WorkloadKind, Outcomes>,
    retries: u64,
}

#[derive(Clone, Copy, Default)]
struct Outcomes {
    good: u64,
    bad: u64,
}

impl Outcomes {
    fn count(&mut self, ok: bool) {
        *(if ok { &mut self.good } else { &mut self.bad }) += 1;
    }

    fn each(self) -> [(bool, u64); 2] {
        [(true, self.good), (false, self.bad)]
    }
}

impl Series {
    pub fn reloaded(&self, workload: &WorkloadKey, ok: bool) {
        let mut counts = self.counts();
        counts.reloads.count(ok);
        counts.by_namespace.entry(workload.object.namespace.clone()).or_default().count(ok);
        counts.by_kind.entry(workload.kind).or_default().count(ok);
    }

    pub fn took(&self, kind: WorkloadKind, took: Duration) {
        let workload_kind = kind.as_str();
        self.latency.get_or_create(&OfKind { workload_kind }).observe(took.as_secs_f64());
    }

    pub fn retried(&self) {
        self.counts().retries += 1;
    }

    /// `by_namespace`: with a series for each namespace in which something was restarted.
    pub fn show(&self, text: &mut Exposition, by_namespace: bool) {
        const RELOADS: &str = "reloader_reload_executed_total";
        const BY_NAMESPACE: &str = "reloader_reload_executed_total_by_namespace";
        const ACTIONS: &str = "reloader_action_total";
        const ERRORS: &str = "reloader_errors_total";
        const RETRIES: &str = "reloader_retries_total";
        let counts = self.counts();
        text.family(RELOADS, Kind::Counter, "Counter of reloads executed by Reloader.");
        for (ok, count) in counts.reloads.each() {
            text.sample(RELOADS, &[("success", success(ok))], count);
        }
        if by_namespace {
            text.family(BY_NAMESPACE, Kind::Counter, "Counter of reloads executed by Reloader by namespace.");
            for (namespace, outcomes) in &counts.by_namespace {
                for (ok, count) in outcomes.each() {
                    text.sample(BY_NAMESPACE, &[("success", success(ok)), ("namespace", namespace)], count);
                }
            }
        }
        text.family(ACTIONS, Kind::Counter, "Restarts of workloads by kind and result.");
        for (kind, outcomes) in &counts.by_kind {
            for (ok, count) in outcomes.each() {
                text.sample(ACTIONS, &[("workload_kind", kind.as_str()), ("result", super::result(ok))], count);
            }
        }
        text.family(ERRORS, Kind::Counter, "Restarts that failed.");
        text.sample(ERRORS, &[("type", "handler_error")], counts.reloads.bad);
        text.family(RETRIES, Kind::Counter, "Restarts that were tried again after a failure.");
        text.sample(RETRIES, &[], counts.retries);
        text.registry(&self.registry);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn success(ok: bool) -> &'static str {
    if ok { "true" } else { "false" }
}
