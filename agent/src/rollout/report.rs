//! What people see of rollouts: log lines and Events on the workload. Never a hash, never data.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use rekey_core::rollout::book::{Seen, Write};
use rekey_core::rollout::mistake::Mistake;
use rekey_core::rollout::workload::WorkloadKey;
use tracing::{debug, error, info, warn};

use crate::cluster::ClusterError;
use crate::cluster::event::Events;
use crate::cluster::saved_job::Saved;
use crate::metrics::{Metrics, RolloutOutcome};

pub(super) struct Reports {
    events: Option<Events>,
    pub metrics: Metrics,
}

impl Reports {
    pub fn new(events: Option<Events>, metrics: Metrics) -> Self {
        Self { events, metrics }
    }

    /// What a delivered workload gave rise to.
    pub fn seen(&self, key: &WorkloadKey, uid: &str, seen: &Seen) {
        for mistake in &seen.mistakes {
            warn!(workload = %key.object, kind = key.kind.as_str(), %mistake, "annotation ignored");
            let reason = match mistake {
                Mistake::Pattern { .. } => "BadPattern",
                Mistake::Period { .. } => "BadPausePeriod",
            };
            self.event(key, uid, Kind::Warning, reason, mistake.to_string());
        }
        if seen.done {
            info!(workload = %key.object, kind = key.kind.as_str(), "rollout done");
        }
    }

    /// A write was applied.
    pub fn written(&self, write: &Write) {
        let WorkloadKey { kind, object } = &write.workload;
        if write.changed.is_empty() {
            self.metrics.rollout(RolloutOutcome::Baseline);
            return debug!(workload = %object, kind = kind.as_str(), "baseline recorded");
        }
        self.metrics.rollout(RolloutOutcome::Restarted);
        if let Some(seen) = write.seen {
            self.metrics.rolled_out(Timestamp::now(), seen);
        }
        let names: Vec<String> =
            write.changed.iter().map(|resource| format!("{}/{}", object.namespace, resource.name)).collect();
        let secret = names.join(",");
        info!(workload = %object, kind = kind.as_str(), secret, "rollout started");
        let note = format!("restarted: the data of {} changed", resources(write));
        self.event(&write.workload, &write.uid, Kind::Normal, "Reloaded", note);
    }

    /// A write failed and will be tried again.
    pub fn failed(&self, write: &Write, error: &ClusterError) {
        let WorkloadKey { kind, object } = &write.workload;
        if error.is_not_found() {
            return debug!(workload = %object, kind = kind.as_str(), "workload was deleted before it was written");
        }
        self.metrics.rollout(RolloutOutcome::Failed);
        if write.changed.is_empty() {
            return warn!(workload = %object, kind = kind.as_str(), %error, "baseline not recorded; trying again");
        }
        warn!(workload = %object, kind = kind.as_str(), %error, "rollout not started; trying again");
        let note = format!("not restarted, though the data of {} changed; trying again: {error}", resources(write));
        self.event(&write.workload, &write.uid, Kind::Warning, "ReloadFail", note);
    }

    /// A Job was deleted and cannot be created again yet.
    pub fn not_made_anew(&self, key: &WorkloadKey, saved: &Saved, error: &ClusterError) {
        self.metrics.rollout(RolloutOutcome::Failed);
        let secret = &saved.name;
        warn!(job = %key.object, secret, %error, "job deleted and not created again yet; trying again");
        let note = format!("deleted and not created again yet; trying again until secret {secret} is deleted: {error}");
        self.event(key, &saved.uid, Kind::Warning, "ReloadFail", note);
    }

    /// A write ended in a panic. Its text may quote anything, so it is not repeated.
    pub fn panicked(&self, write: &Write) {
        self.metrics.rollout(RolloutOutcome::Failed);
        error!(workload = %write.workload.object, "writing a workload ended in a panic; trying again");
    }

    fn event(&self, key: &WorkloadKey, uid: &str, kind: Kind, reason: &'static str, note: String) {
        let Some(events) = self.events.clone() else { return };
        let about = reference(key, uid);
        // On the side: nobody waits for an Event.
        tokio::spawn(async move {
            match kind {
                Kind::Normal => events.normal(&about, reason, "Reload", note).await,
                Kind::Warning => events.warning(&about, reason, "Reload", note).await,
            }
        });
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Normal,
    Warning,
}

fn resources(write: &Write) -> String {
    let names: Vec<String> =
        write.changed.iter().map(|resource| format!("{} {}", resource.kind.as_str(), resource.name)).collect();
    names.join(", ")
}

fn reference(key: &WorkloadKey, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(key.kind.api_version().to_owned()),
        kind: Some(key.kind.as_str().to_owned()),
        namespace: Some(key.object.namespace.clone()),
        name: Some(key.object.name.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}
