//! The kinds of workload that can be restarted, and where each keeps what rollouts need.

use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Progress;

/// A kind of workload that can be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
}

impl WorkloadKind {
    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

/// What differs between the kinds. A change of the template of any of them replaces its pods.
pub trait Restartable: Metadata<Ty = ObjectMeta> {
    /// The kind.
    const WORKLOAD: WorkloadKind;

    /// The template of its pods; `None` if there is no spec.
    fn template(&self) -> Option<&PodTemplateSpec>;

    /// How far its rollout is.
    fn progress(&self) -> Progress;
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
}
