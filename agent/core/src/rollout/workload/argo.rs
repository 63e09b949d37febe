//! Argo's Rollout, in the few fields that rollouts need (<https://argo-rollouts.readthedocs.io/en/stable/features/specification/>).
//! Whatever else it holds is left alone: it is only ever patched.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::Deserialize;

/// A Rollout. Its template may stand in another object (`spec.workloadRef`); then it has none, and nothing restarts it.
#[derive(Clone, Debug, Deserialize)]
pub struct Rollout {
    /// The usual metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: Option<RolloutSpec>,
    /// What is there.
    pub status: Option<RolloutStatus>,
}

/// What is wanted of a Rollout.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSpec {
    /// How many pods; 1 if it does not say.
    pub replicas: Option<i32>,
    /// The template of the pods.
    pub template: Option<PodTemplateSpec>,
    /// Whether somebody paused it.
    pub paused: Option<bool>,
    /// Pods that are older than this are replaced.
    pub restart_at: Option<Time>,
}

/// What is there of a Rollout.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// The generation that its controller has seen, as text.
    pub observed_generation: Option<String>,
    /// Pods that exist, old and new.
    pub replicas: Option<i32>,
    /// Pods of the newest template.
    pub updated_replicas: Option<i32>,
    /// Pods that serve.
    pub available_replicas: Option<i32>,
    /// The last `restartAt` of which all pods were replaced.
    pub restarted_at: Option<Time>,
    /// `Progressing`, `Paused`, `Healthy` or `Degraded`.
    pub phase: Option<String>,
    /// Why it is in this phase.
    pub message: Option<String>,
}

impl Rollout {
    /// The annotation that says how it is restarted: `restart` without a change of its template.
    pub const STRATEGY: &str = "reloader.stakater.com/rollout-strategy";
}

impl Resource for Rollout {
    const API_VERSION: &'static str = "argoproj.io/v1alpha1";
    const GROUP: &'static str = "argoproj.io";
    const KIND: &'static str = "Rollout";
    const VERSION: &'static str = "v1alpha1";
    const URL_PATH_SEGMENT: &'static str = "rollouts";
    type Scope = NamespaceResourceScope;
}

impl Metadata for Rollout {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
