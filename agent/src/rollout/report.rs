//! What people see of rollouts: log lines, Events on the workload and on the ExternalSecrets behind it, alerts and numbers.
//! Never a hash, never data. All of it happens on the side: no restart waits for it.

mod audience;
mod origin;
#[cfg(test)]
mod tests;
mod words;

use jiff::Timestamp;
use rekey_core::rollout::book::{Seen, Write};
use rekey_core::rollout::follow::{News, Told};
use rekey_core::rollout::mistake::Mistake;
use rekey_core::rollout::workload::WorkloadKey;
use tracing::{debug, error, info, warn};

pub use self::audience::Audience;
use self::origin::Origins;
use crate::alert::Outcome;
use crate::cluster::ClusterError;
use crate::cluster::event::Kind;
use crate::cluster::saved_job::Saved;
use crate::metrics::RolloutOutcome;
use crate::state::State;

pub(super) struct Reports {
    origins: Origins,
    pub to: Audience,
}

impl Reports {
    /// `state` knows which ExternalSecrets produce a Secret.
    pub fn new(to: Audience, state: Option<State>) -> Self {
        Self { origins: Origins::new(state), to }
    }

    /// What a delivered workload gave rise to.
    pub fn seen(&self, key: &WorkloadKey, uid: &str, seen: &Seen) {
        for mistake in &seen.mistakes {
            warn!(workload = %key.object, kind = key.kind.as_str(), %mistake, "annotation ignored");
            let reason = match mistake {
                Mistake::Pattern { .. } | Mistake::List { .. } | Mistake::Crowd => "BadPattern",
                Mistake::Period { .. } => "BadPausePeriod",
            };
            self.to.event(key, uid, Kind::Warning, reason, mistake.to_string());
        }
    }

    /// A write was applied.
    pub fn written(&self, write: &Write, uid: &str) {
        let WorkloadKey { kind, object } = &write.workload;
        let Some(started) = &write.started else {
            if write.replaces_pods() {
                return info!(workload = %object, kind = kind.as_str(), "rollout goes on: its pause is over");
            }
            self.to.metrics.rollout(RolloutOutcome::Baseline);
            return debug!(workload = %object, kind = kind.as_str(), "baseline recorded");
        };
        self.to.metrics.rollout(RolloutOutcome::Restarted);
        self.to.metrics.reloaded(&write.workload, true, write.retrying);
        if let Some(seen) = write.seen {
            self.to.metrics.rolled_out(Timestamp::now(), seen);
        }
        let names: Vec<String> =
            write.changed.iter().map(|resource| format!("{}/{}", object.namespace, resource.name)).collect();
        let secret = names.join(",");
        let origins = self.origins.begin(&write.workload, &write.changed, started.since);
        origin::each(&origins, |source, token| {
            info!(workload = %object, kind = kind.as_str(), secret, source, token, "rollout started");
        });
        let note = words::restarted(&write.changed);
        self.to.alert(&write.workload, Outcome::Restarted, &note, origin::changed(&write.changed, &origins), None);
        self.to.event(&write.workload, uid, Kind::Normal, "Reloaded", note);
        if let Some(held) = words::held(write.standing) {
            info!(workload = %object, kind = kind.as_str(), held, "its pods are not replaced by themselves");
            self.to.event(&write.workload, uid, Kind::Warning, "RolloutHeld", held.to_owned());
        }
    }

    /// A write failed and will be tried again.
    pub fn failed(&self, write: &Write, error: &ClusterError) {
        let WorkloadKey { kind, object } = &write.workload;
        if error.is_not_found() {
            return debug!(workload = %object, kind = kind.as_str(), "workload was deleted before it was written");
        }
        self.to.metrics.rollout(RolloutOutcome::Failed);
        if write.changed.is_empty() {
            return warn!(workload = %object, kind = kind.as_str(), %error, "baseline not recorded; trying again");
        }
        self.to.metrics.reloaded(&write.workload, false, write.retrying);
        warn!(workload = %object, kind = kind.as_str(), %error, "rollout not started; trying again");
        let note = words::failed(&write.changed);
        if !write.retrying {
            // Without the API server's words, which may quote the template: an alert leaves the cluster.
            self.to.alert(&write.workload, Outcome::Failed, &note, origin::changed(&write.changed, &[]), None);
        }
        self.to.event(&write.workload, &write.uid, Kind::Warning, "ReloadFail", format!("{note}: {error}"));
    }

    /// A Job was deleted and cannot be created again yet.
    pub fn not_made_anew(&self, key: &WorkloadKey, saved: &Saved, error: &ClusterError) {
        self.to.metrics.rollout(RolloutOutcome::Failed);
        let secret = &saved.name;
        warn!(job = %key.object, secret, %error, "job deleted and not created again yet; trying again");
        let note = format!("deleted and not created again yet; trying again until secret {secret} is deleted: {error}");
        self.to.event(key, &saved.uid, Kind::Warning, "ReloadFail", note);
    }

    /// A write ended in a panic. Its text may quote anything, so it is not repeated.
    pub fn panicked(&self, write: &Write) {
        self.to.metrics.rollout(RolloutOutcome::Failed);
        error!(workload = %write.workload.object, "writing a workload ended in a panic; trying again");
    }

    /// A workload was deleted.
    pub fn gone(&self, key: &WorkloadKey) {
        self.origins.forget(key);
    }

    /// What became of a restart.
    pub fn told(&self, news: News) {
        let (key, started) = (&news.workload, &news.started);
        let origins = self.origins.of(key, &started.resources, started.since);
        if !matches!(news.told, Told::Stuck(_)) {
            self.origins.ended(key, started.since);
        }
        let to = self.to.clone();
        tokio::spawn(async move { to.tell(&news, &origins).await });
    }
}
