//! The series of Stakater Reloader that mean the same here, under its names and labels, for dashboards and alerts that exist.
//!
//! Its others are left out, because they count what does not happen here: lists of workloads for each event, events in a
//! queue, work for nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};

use super::exposition::{Exposition, Kind};

/// What is counted.
#[derive(Default)]
pub(super) struct Series(Mutex<Counts>);

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
    pub fn reloaded(&self, workload: &WorkloadKey, ok: bool, again: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.reloads.count(ok);
        counts.by_namespace.entry(workload.object.namespace.clone()).or_default().count(ok);
        counts.by_kind.entry(workload.kind).or_default().count(ok);
        counts.retries += u64::from(again);
    }

    /// `by_namespace`: with a series for each namespace in which something was restarted.
    pub fn show(&self, text: &mut Exposition, by_namespace: bool) {
        const RELOADS: &str = "reloader_reload_executed_total";
        const BY_NAMESPACE: &str = "reloader_reload_executed_total_by_namespace";
        const ACTIONS: &str = "reloader_action_total";
        const RETRIES: &str = "reloader_retries_total";
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        text.family(RETRIES, Kind::Counter, "Restarts that were tried again after a failure.");
        text.sample(RETRIES, &[], counts.retries);
    }
}

fn success(ok: bool) -> &'static str {
    if ok { "true" } else { "false" }
}
