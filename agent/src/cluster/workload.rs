//! Workloads: the only file that writes them. A write restarts the pods, or records what they have, or both in one.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use rekey_core::rollout::book::Write;
use rekey_core::rollout::workload::WorkloadKind;
use rekey_core::rollout::{marker, state};
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

    /// Carries out a write and returns the workload as it is then. It is a conflict if the workload has changed since
    /// the decision.
    pub async fn patch(&self, write: &Write) -> Result<Deployment, ClusterError> {
        let object = &write.workload.object;
        match write.workload.kind {
            WorkloadKind::Deployment => {
                let api: Api<Deployment> = Api::namespaced(self.writer.client(), &object.namespace);
                let parameters =
                    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                let patch = Patch::Merge(body(write));
                let future = api.patch(&object.name, &parameters, &patch);
                self.writer.write(Action::Patch, format!("deployment {object}"), future).await
            }
        }
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
    if let Some(text) = &write.marker {
        body["spec"] = json!({ "template": { "metadata": { "annotations": { marker::ANNOTATION: text } } } });
    }
    body
}
