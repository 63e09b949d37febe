//! What people see of rollouts: log lines, Events on the workload and on the ExternalSecrets behind it, alerts and numbers.
//! Never a hash, never data. All of it happens on the side: no restart waits for it.

mod aside;
mod audience;
mod origin;
#[cfg(test)]
mod tests;
mod words;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::book::{Misread, Write};
use rekey_core::rollout::follow::{self, News, Started, Told};
use rekey_core::rollout::mistake::Mistake;
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};
use tracing::{debug, error, info, warn};

use self::aside::Aside;
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
    aside: Aside,
    pub to: Audience,
}

impl Reports {
    /// `state` knows which ExternalSecrets produce a Secret.
    pub fn new(to: Audience, state: Option<State>) -> Self {
        Self { origins: Origins::new(state), aside: Aside::default(), to }
    }

    /// An Event about a workload, on the side.
    fn event(&self, key: &WorkloadKey, uid: &str, kind: Kind, reason: &'static str, note: String) {
        let (to, about) = (self.to.clone(), audience::reference(key, uid));
        self.aside.tell(key, async move { to.event(&about, kind, reason, note).await });
    }

    /// Returns when people have been told, or it takes too long.
    pub async fn finish(&self) {
        self.aside.finish().await;
    }

    /// What stands in the annotations of a workload and cannot be understood.
    pub fn misread(&self, Misread { workload: key, uid, mistakes }: &Misread) {
        for mistake in mistakes {
            warn!(workload = %key.object, kind = key.kind.as_str(), %mistake, "annotation ignored");
            let reason = match mistake {
                Mistake::Pattern { .. } | Mistake::List { .. } | Mistake::Crowd => "BadPattern",
                Mistake::Period { .. } => "BadPausePeriod",
            };
            self.event(key, uid, Kind::Warning, reason, mistake.to_string());
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
        self.retried(write);
        if let Some(seen) = write.seen {
            self.to.metrics.rolled_out(*kind, Timestamp::now(), seen);
        }
        self.restarted(&write.workload, uid, started);
        if let Some(held) = words::held(write.standing) {
            info!(workload = %object, kind = kind.as_str(), held, "its pods are not replaced by themselves");
            self.event(&write.workload, uid, Kind::Warning, "RolloutHeld", held.to_owned());
        }
    }

    /// A restart was carried out, by whomever. It is told once, however many say so.
    pub fn restarted(&self, workload: &WorkloadKey, uid: &str, started: &Started) {
        let (workload, uid, started) = (workload.clone(), uid.to_owned(), started.clone());
        self.told(News { workload, uid, started, told: Told::Restarted });
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
        self.to.metrics.reloaded(&write.workload, false);
        self.retried(write);
        warn!(workload = %object, kind = kind.as_str(), %error, "rollout not started; trying again");
        let note = words::failed(&write.changed);
        if !write.retrying {
            // Without the API server's words, which may quote the template: an alert leaves the cluster.
            self.to.alert(&write.workload, Outcome::Failed, &note, origin::changed(&write.changed, &[]), None);
        }
        self.event(&write.workload, &write.uid, Kind::Warning, "ReloadFail", format!("{note}: {error}"));
    }

    /// A Job was deleted and cannot be created again yet.
    pub fn not_made_anew(&self, key: &WorkloadKey, saved: &Saved, error: &ClusterError) {
        self.to.metrics.rollout(RolloutOutcome::Failed);
        let secret = &saved.name;
        warn!(job = %key.object, secret, %error, "job deleted and not created again yet; trying again");
        let note = format!("deleted and not created again yet; trying again until secret {secret} is deleted: {error}");
        self.event(key, &saved.uid, Kind::Warning, "ReloadFail", note);
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

    /// A Job that was deleted has been made anew, though not at the first attempt.
    pub fn made_anew(&self, job: &Job) {
        let metadata = &job.metadata;
        let started = metadata.annotations.iter().flatten().find(|(key, _)| *key == follow::ANNOTATION);
        let (Some(namespace), Some(name), Some(uid)) = (&metadata.namespace, &metadata.name, &metadata.uid) else {
            return;
        };
        // Without the record it is somebody else's.
        if let Some(started) = started.and_then(|(_, text)| Started::parse(text)) {
            let key = WorkloadKey { kind: WorkloadKind::Job, object: ObjectKey::new(namespace, name) };
            self.restarted(&key, uid, &started);
        }
    }

    /// What became of a restart.
    pub fn told(&self, news: News) {
        let (key, started) = (&news.workload, &news.started);
        let origins = match news.told {
            Told::Restarted => self.origins.begin(key, &started.resources, started.since),
            _ => self.origins.of(key, &started.resources, started.since),
        };
        if !matches!(news.told, Told::Restarted | Told::Stuck(_)) {
            self.origins.ended(key, started.since);
        }
        let (to, key) = (self.to.clone(), key.clone());
        self.aside.tell(&key, async move { to.tell(&news, &origins).await });
    }

    fn retried(&self, write: &Write) {
        if write.retrying {
            self.to.metrics.retried();
        }
    }
}
