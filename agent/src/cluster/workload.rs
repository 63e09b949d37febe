//! Workloads: the only file that writes them. A write restarts the pods, or records what they have, or both in one.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use rekey_core::rollout::book::Write;
use rekey_core::rollout::options::Options;
use rekey_core::rollout::restart::Restart;
use rekey_core::rollout::workload::{Incomplete, Restartable, Rollout, Workload, WorkloadKind};
use rekey_core::rollout::{marker, state};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Writer;
use super::error::{Action, ClusterError};

/// Under this name the fields that Rekey sets on workloads are managed.
const FIELD_MANAGER: &str = "rekey";

/// Patches workloads.
#[derive(Clone)]
pub struct Workloads {
    writer: Writer,
}

impl Workloads {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Carries out a write and returns the workload as it is then; `key_id` names the key whose hashes are believed. It is a
    /// conflict if the workload has changed since the decision.
    pub async fn write(
        &self,
        write: &Write,
        options: &Options,
        key_id: &str,
    ) -> Result<Result<Workload, Incomplete>, ClusterError> {
        match write.workload.kind {
            WorkloadKind::CronJob => self.patch::<CronJob>(write, options, key_id).await,
            WorkloadKind::DaemonSet => self.patch::<DaemonSet>(write, options, key_id).await,
            WorkloadKind::Deployment => self.patch::<Deployment>(write, options, key_id).await,
            WorkloadKind::Job => self.patch::<Job>(write, options, key_id).await,
            WorkloadKind::Rollout => self.patch::<Rollout>(write, options, key_id).await,
            WorkloadKind::StatefulSet => self.patch::<StatefulSet>(write, options, key_id).await,
        }
    }

    async fn patch<K>(
        &self,
        write: &Write,
        options: &Options,
        key_id: &str,
    ) -> Result<Result<Workload, Incomplete>, ClusterError>
    where
        K: Restartable + Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let object = &write.workload.object;
        let api: Api<K> = Api::namespaced(self.writer.client(), &object.namespace);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(body(write));
        let future = api.patch(&object.name, &parameters, &patch);
        let what = format!("{} {object}", write.workload.kind.as_str().to_lowercase());
        let written = self.writer.write(Action::Patch, what, future).await?;
        Ok(Workload::read(&written, options, key_id))
    }
}

/// A merge patch: two annotations in two places, and the version that makes it fail on anything newer.
fn body(write: &Write) -> Value {
    let mut body = json!({
        "metadata": {
            "uid": write.uid,
            "resourceVersion": write.resource_version,
            "annotations": { state::ANNOTATION: write.state },
        },
    });
    if let Some(Restart::Annotate(text)) = &write.restart {
        body["spec"] = json!({ "template": { "metadata": { "annotations": { marker::ANNOTATION: text } } } });
    }
    body
}
