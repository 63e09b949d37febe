//! The kinds of workload that can be restarted, and where each keeps what rollouts need.

use jiff::Timestamp;
use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobCondition};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::argo::Rollout;
use super::{Progress, Standing};
use crate::rollout::follow::Health;
use crate::rollout::hook::HookJob;
use crate::rollout::marker::Markers;

/// A kind of workload that can be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// A CronJob.
    CronJob,
    /// A DaemonSet.
    DaemonSet,
    /// A Deployment.
    Deployment,
    /// A Job.
    Job,
    /// A Rollout of Argo.
    Rollout,
    /// A StatefulSet.
    StatefulSet,
}

impl WorkloadKind {
    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Rollout => "Rollout",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// Group and version, as Kubernetes spells them.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::DaemonSet | Self::Deployment | Self::StatefulSet => "apps/v1",
            Self::CronJob | Self::Job => "batch/v1",
            Self::Rollout => "argoproj.io/v1alpha1",
        }
    }
}

/// What differs between the kinds.
pub trait Restartable: Metadata<Ty = ObjectMeta> {
    /// The kind.
    const WORKLOAD: WorkloadKind;

    /// The template of its pods; `None` if there is none.
    fn template(&self) -> Option<&PodTemplateSpec>;

    /// How far its rollout is.
    fn progress(&self) -> Progress;

    /// What keeps it from replacing its pods.
    fn standing(&self) -> Standing {
        Standing::Usual
    }

    /// What its controller says about its rollout.
    fn health(&self) -> Health {
        Health::Usual
    }

    /// When it was last restarted, if something else than the time in a marker says that.
    fn restarted(&self, _markers: &Markers) -> Option<Timestamp> {
        None
    }

    /// What it is to a hook, if it is the Job of one.
    fn hook_job(&self) -> Option<HookJob> {
        None
    }

    /// Whether it can replace its pods without a change of their template, and is to.
    fn restarts_in_place(&self) -> bool {
        false
    }
}

impl Restartable for Deployment {
    const WORKLOAD: WorkloadKind = WorkloadKind::Deployment;

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn progress(&self) -> Progress {
        let status = self.status.as_ref();
        Progress {
            generation: self.metadata.generation.unwrap_or_default(),
            observed: status.and_then(|status| status.observed_generation).unwrap_or_default(),
            wanted: self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            existing: status.and_then(|status| status.replicas).unwrap_or_default(),
            updated: status.and_then(|status| status.updated_replicas).unwrap_or_default(),
            available: status.and_then(|status| status.available_replicas).unwrap_or_default(),
        }
    }

    fn standing(&self) -> Standing {
        let paused = self.spec.as_ref().and_then(|spec| spec.paused).unwrap_or_default();
        if paused { Standing::Paused } else { Standing::Usual }
    }

    fn health(&self) -> Health {
        Health::of_deployment(self)
    }
}

impl Restartable for StatefulSet {
    const WORKLOAD: WorkloadKind = WorkloadKind::StatefulSet;

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn progress(&self) -> Progress {
        let status = self.status.as_ref();
        Progress {
            generation: self.metadata.generation.unwrap_or_default(),
            observed: status.and_then(|status| status.observed_generation).unwrap_or_default(),
            wanted: self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            existing: status.map(|status| status.replicas).unwrap_or_default(),
            updated: status.and_then(|status| status.updated_replicas).unwrap_or_default(),
            available: status.and_then(|status| status.available_replicas).unwrap_or_default(),
        }
    }

    fn standing(&self) -> Standing {
        let strategy = self.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
        on_delete(strategy.and_then(|strategy| strategy.type_.as_deref()))
    }

    fn health(&self) -> Health {
        Health::of_stateful_set(self)
    }
}

impl Restartable for DaemonSet {
    const WORKLOAD: WorkloadKind = WorkloadKind::DaemonSet;

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn progress(&self) -> Progress {
        let generation = self.metadata.generation.unwrap_or_default();
        let Some(status) = &self.status else { return Progress { generation, wanted: 1, ..Progress::default() } };
        Progress {
            generation,
            observed: status.observed_generation.unwrap_or_default(),
            wanted: status.desired_number_scheduled,
            // It replaces a pod on its node, so there are no old ones beside the new.
            existing: status.updated_number_scheduled.unwrap_or_default(),
            updated: status.updated_number_scheduled.unwrap_or_default(),
            available: status.number_available.unwrap_or_default(),
        }
    }

    fn standing(&self) -> Standing {
        let strategy = self.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
        on_delete(strategy.and_then(|strategy| strategy.type_.as_deref()))
    }
}

impl Restartable for CronJob {
    const WORKLOAD: WorkloadKind = WorkloadKind::CronJob;

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref()?.job_template.spec.as_ref().map(|job| &job.template)
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }

    fn standing(&self) -> Standing {
        let suspended = self.spec.as_ref().and_then(|spec| spec.suspend).unwrap_or_default();
        if suspended { Standing::Suspended } else { Standing::Usual }
    }
}

impl Restartable for Job {
    const WORKLOAD: WorkloadKind = WorkloadKind::Job;

    fn hook_job(&self) -> Option<HookJob> {
        HookJob::read(self)
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn progress(&self) -> Progress {
        let complete = |condition: &JobCondition| condition.type_ == "Complete" && condition.status == "True";
        let conditions = self.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let complete = i32::from(conditions.into_iter().any(complete));
        // Its pods come and go as it needs them: as a whole it is one that has served, or not yet.
        Progress { wanted: 1, updated: complete, available: complete, ..Progress::default() }
    }

    fn standing(&self) -> Standing {
        let conditions = self.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ended = |kind: &str| kind == "Complete" || kind == "Failed";
        let finished = conditions.into_iter().any(|condition| ended(&condition.type_) && condition.status == "True");
        if finished { Standing::Finished } else { Standing::Usual }
    }

    fn health(&self) -> Health {
        Health::of_job(self)
    }

    /// One that carries variables was made by a restart.
    fn restarted(&self, markers: &Markers) -> Option<Timestamp> {
        let created = self.metadata.creation_timestamp.as_ref().map(|created| created.0);
        created.filter(|_| !markers.variables.is_empty())
    }
}

impl Restartable for Rollout {
    const WORKLOAD: WorkloadKind = WorkloadKind::Rollout;

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().and_then(|spec| spec.template.as_ref())
    }

    fn progress(&self) -> Progress {
        let status = self.status.as_ref();
        let restart_at = self.spec.as_ref().and_then(|spec| spec.restart_at.as_ref());
        // Pods from before a restart are not new, though their template may be.
        let restarted = restart_at <= status.and_then(|status| status.restarted_at.as_ref());
        let updated = status.and_then(|status| status.updated_replicas).filter(|_| restarted);
        Progress {
            generation: self.metadata.generation.unwrap_or_default(),
            observed: status.and_then(|status| status.observed_generation.as_ref()?.parse().ok()).unwrap_or_default(),
            wanted: self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            existing: status.and_then(|status| status.replicas).unwrap_or_default(),
            updated: updated.unwrap_or_default(),
            available: status.and_then(|status| status.available_replicas).unwrap_or_default(),
        }
    }

    fn standing(&self) -> Standing {
        let paused = self.spec.as_ref().and_then(|spec| spec.paused).unwrap_or_default();
        if paused { Standing::Paused } else { Standing::Usual }
    }

    fn health(&self) -> Health {
        Health::of_rollout(self)
    }

    fn restarted(&self, _markers: &Markers) -> Option<Timestamp> {
        self.spec.as_ref()?.restart_at.as_ref().map(|at| at.0)
    }

    fn restarts_in_place(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.and_then(|annotations| annotations.get(Rollout::STRATEGY)).is_some_and(|text| text == "restart")
    }
}

fn on_delete(strategy: Option<&str>) -> Standing {
    if strategy == Some("OnDelete") { Standing::OnDelete } else { Standing::Usual }
}
