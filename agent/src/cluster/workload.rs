//! Workloads: the only file that patches them. A write restarts the pods, or records what they have, or both in one.
//!
//! Jobs are also created and deleted, which [`super::job`] does.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use rekey_core::rollout::book::Write;
use rekey_core::rollout::mark::Mark;
use rekey_core::rollout::options::Options;
use rekey_core::rollout::restart::Restart;
use rekey_core::rollout::workload::{Incomplete, Restartable, Rollout, Workload, WorkloadKind};
use rekey_core::rollout::{manifest, marker, state};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Writer;
use super::error::{Action, ClusterError, read};
use super::job::Jobs;

/// Under this name the fields that Rekey sets on workloads are managed. It is Stakater Reloader's, for Argo CD and others can
/// be told by that name whose changes are none of theirs (`managedFieldsManagers`).
const FIELD_MANAGER: &str = "Reloader";

/// What every kind of workload is, as far as writing it goes.
trait Kind:
    Restartable + Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug
{
}

impl<K> Kind for K where
    K: Restartable + Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug
{
}

/// Carries out writes of workloads.
#[derive(Clone)]
pub struct Workloads {
    writer: Writer,
    jobs: Jobs,
}

impl Workloads {
    /// Writes with this writer.
    #[must_use]
    pub fn new(writer: Writer, jobs: Jobs) -> Self {
        Self { writer, jobs }
    }

    /// Carries out a write and returns the workload as it is then; `key_id` names the key whose hashes are believed. It is a
    /// conflict if the workload has changed since the decision.
    pub async fn write(
        &self,
        write: &Write,
        options: &Options,
        key_id: &str,
    ) -> Result<Result<Workload, Incomplete>, ClusterError> {
        Ok(match write.workload.kind {
            WorkloadKind::CronJob => Workload::read(&self.cron_job(write).await?, options, key_id),
            WorkloadKind::DaemonSet => {
                Workload::read(&self.native::<DaemonSet>(write, options).await?, options, key_id)
            }
            WorkloadKind::Deployment => {
                Workload::read(&self.native::<Deployment>(write, options).await?, options, key_id)
            }
            WorkloadKind::Job => Workload::read(&self.job(write).await?, options, key_id),
            WorkloadKind::Rollout => Workload::read(&self.rollout(write).await?, options, key_id),
            WorkloadKind::StatefulSet => {
                Workload::read(&self.native::<StatefulSet>(write, options).await?, options, key_id)
            }
        })
    }

    async fn native<K: Kind>(&self, write: &Write, options: &Options) -> Result<K, ClusterError> {
        let mut body = body(write);
        match &write.restart {
            Some(Restart::Mark(Mark::Annotation(text))) => body["spec"] = annotation(text),
            Some(Restart::Mark(Mark::Variables(variables))) => body["spec"] = strategic(variables),
            _ => {}
        }
        if let Some(pause) = write.pause {
            body["metadata"]["annotations"][&options.keys.paused_at] = json!(pause.paused_at());
            body["spec"]["paused"] = json!(pause.paused());
        }
        self.patch(write, Patch::Strategic(body)).await
    }

    /// Of a kind that the API server knows no strategy for, a list can only be replaced as a whole. It is read first, and the
    /// patch fails if it has changed since.
    async fn rollout(&self, write: &Write) -> Result<Rollout, ClusterError> {
        let mut body = body(write);
        match &write.restart {
            Some(Restart::Mark(Mark::Annotation(text))) => body["spec"] = annotation(text),
            Some(Restart::Mark(mark)) => {
                let mut rollout = self.read::<Rollout>(write).await?;
                mark.apply(&mut rollout);
                let containers = rollout.data.pointer("/spec/template/spec/containers");
                body["spec"] = json!({ "template": { "spec": { "containers": containers } } });
            }
            Some(Restart::At(time)) => body["spec"] = json!({ "restartAt": time.to_string() }),
            _ => {}
        }
        self.patch(write, Patch::Merge(body)).await
    }

    /// The CronJob's own template stays as it is. Its Job comes first: a state that is on record must be true.
    async fn cron_job(&self, write: &Write) -> Result<CronJob, ClusterError> {
        if let Some(Restart::Run { job, mark }) = &write.restart {
            let mut job = manifest::run(&self.read::<CronJob>(write).await?, job);
            mark.apply(&mut job);
            if let Some(started) = &write.started {
                started.put_on(&mut job);
            }
            if let Some(hook) = &write.hook {
                hook.equip(&mut job);
            }
            self.jobs.run(&job).await?;
        }
        self.patch(write, Patch::Merge(body(write))).await
    }

    async fn job(&self, write: &Write) -> Result<Job, ClusterError> {
        match &write.restart {
            Some(Restart::Again(mark)) => {
                self.jobs.again(&self.read::<Job>(write).await?, mark, write.started.as_ref()).await
            }
            _ => self.patch(write, Patch::Merge(body(write))).await,
        }
    }

    /// The object as the API server wrote it, with the fields that are younger than Rekey.
    async fn read<K: Kind>(&self, write: &Write) -> Result<DynamicObject, ClusterError> {
        let (object, kind) = (&write.workload.object, ApiResource::erase::<K>(&()));
        let api: Api<DynamicObject> = Api::namespaced_with(self.writer.client(), &object.namespace, &kind);
        let found = read(what(write), api.get(&object.name)).await?;
        let decided_on = (Some(&write.uid), Some(&write.resource_version));
        if (found.metadata.uid.as_ref(), found.metadata.resource_version.as_ref()) != decided_on {
            return Err(ClusterError::changed(Action::Patch, what(write)));
        }
        Ok(found)
    }

    async fn patch<K: Kind>(&self, write: &Write, patch: Patch<Value>) -> Result<K, ClusterError> {
        let object = &write.workload.object;
        let api: Api<K> = Api::namespaced(self.writer.client(), &object.namespace);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let future = api.patch(&object.name, &parameters, &patch);
        self.writer.write(Action::Patch, what(write), future).await.map_err(ClusterError::without_fields)
    }
}

fn what(write: &Write) -> String {
    format!("{} {}", write.workload.kind.as_str().to_lowercase(), write.workload.object)
}

/// A patch that records the state, and fails on any other version.
fn body(write: &Write) -> Value {
    json!({
        "metadata": {
            "uid": write.uid,
            "resourceVersion": write.resource_version,
            "annotations": { state::ANNOTATION: write.state },
        },
    })
}

fn annotation(text: &str) -> Value {
    json!({ "template": { "metadata": { "annotations": { marker::ANNOTATION: text } } } })
}

/// Containers and their variables are told apart by their names.
fn strategic(variables: &[marker::Variable]) -> Value {
    let mut containers: Map<String, Value> = Map::new();
    for marker::Variable { container, name, value } in variables {
        let entry = match value {
            Some(value) => json!({ "name": name, "value": value }),
            None => json!({ "name": name, "$patch": "delete" }),
        };
        let container = containers.entry(container).or_insert_with(|| json!({ "name": container, "env": [] }));
        container["env"].as_array_mut().into_iter().for_each(|env| env.push(entry.clone()));
    }
    json!({ "template": { "spec": { "containers": containers.into_iter().map(|(_, one)| one).collect::<Vec<_>>() } } })
}
