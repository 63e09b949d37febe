//! Plays the kubelet for pods of Jobs: there are no containers here, so it runs the command of a pod's first container as
//! a process of this machine, with the environment that its container would have, and reports how that ended.
//!
//! Only what the tests' pods say is understood: `command` and `args`, and `env` with values and keys of Secrets. Images,
//! volumes and users are nobody's; other containers do not run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Container, EnvVar, Pod, Secret};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::json;

use crate::process::Spec;

/// The label of a Job's pods, with its name.
const JOB: &str = "batch.kubernetes.io/job-name";

/// A command that was run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The Job.
    pub job: String,
    /// The environment of the container.
    pub env: BTreeMap<String, String>,
    /// Whether it ended well; nothing while it runs.
    pub well: Option<bool>,
}

/// A running kubelet. Dropping it ends it.
pub struct Kubelet {
    ran: Arc<Mutex<Vec<Ran>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What commands find on this machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Searched for programs before the system's own.
    pub programs: PathBuf,
    /// Variables that the containers do not name.
    pub env: Vec<(String, String)>,
    /// Where their output goes.
    pub log: PathBuf,
}

impl Machine {
    /// Runs a command with this environment. Its words are searched for as a shell does.
    pub async fn run(&self, command: &[String], env: &BTreeMap<String, String>) -> Result<()> {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.programs.display());
        let spec = Spec::new("command", "/usr/bin/env", &self.log).clean_env().args(command).env("PATH", path);
        let spec = self.env.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        env.iter().fold(spec, |spec, (name, value)| spec.env(name, value)).run().await.map(drop)
    }
}

impl Kubelet {
    /// Runs the pods of all Jobs of a namespace, on the runtime that calls this.
    #[must_use]
    pub fn start(client: Client, namespace: &str, machine: Machine) -> Self {
        let ran: Arc<Mutex<Vec<Ran>>> = Arc::default();
        let (namespace, record) = (namespace.to_owned(), Arc::clone(&ran));
        let task = tokio::spawn(async move {
            let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
            let mut stream = watcher(pods, watcher::Config::default().labels(JOB)).boxed();
            let mut begun: Vec<String> = Vec::new();
            while let Some(event) = stream.next().await {
                let Ok(Event::Apply(pod) | Event::InitApply(pod)) = event else { continue };
                let name = pod.metadata.name.clone().unwrap_or_default();
                // kwok has to be done with it: it would make a pod that has ended run.
                if !is_running(&pod) || begun.contains(&name) {
                    continue;
                }
                begun.push(name);
                let node = Node {
                    client: client.clone(),
                    namespace: namespace.clone(),
                    machine: machine.clone(),
                    record: Arc::clone(&record),
                };
                tokio::spawn(async move {
                    // Whoever waits for the Job says that it never ended.
                    let _ = node.run(&pod).await;
                });
            }
        });
        Self { ran, task }
    }

    /// Every command so far, in the order in which they began.
    #[must_use]
    pub fn ran(&self) -> Vec<Ran> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Node {
    client: Client,
    namespace: String,
    machine: Machine,
    record: Arc<Mutex<Vec<Ran>>>,
}

impl Node {
    async fn run(&self, pod: &Pod) -> Result<()> {
        let spec = pod.spec.as_ref().context("the pod has no spec")?;
        let container = spec.containers.first().context("the pod has no container")?;
        let env = environment(&self.client, &self.namespace, container).await?;
        let job = pod.metadata.labels.as_ref().and_then(|labels| labels.get(JOB)).cloned().unwrap_or_default();
        let index = self.record(|ran| {
            ran.push(Ran { job, env: env.clone(), well: None });
            ran.len() - 1
        });
        let command = [container.command.clone(), container.args.clone()].into_iter().flatten().flatten();
        let well = self.machine.run(&command.collect::<Vec<_>>(), &env).await.is_ok();
        self.record(|ran| ran[index].well = Some(well));
        let (phase, code) = if well { ("Succeeded", 0) } else { ("Failed", 1) };
        let ended = json!({"exitCode": code, "reason": if well { "Completed" } else { "Error" }});
        let containers: Vec<_> = spec
            .containers
            .iter()
            .map(|container| {
                json!({
                    "name": container.name, "image": container.image, "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": ended},
                })
            })
            .collect();
        let status = json!({"status": {"phase": phase, "containerStatuses": containers}});
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    fn record<T>(&self, work: impl FnOnce(&mut Vec<Ran>) -> T) -> T {
        work(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some() && status.phase.as_deref() == Some("Running"))
}

/// The environment that a container has when it starts now.
pub async fn environment(client: &Client, namespace: &str, container: &Container) -> Result<BTreeMap<String, String>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut env = BTreeMap::new();
    for variable in container.env.iter().flatten() {
        let value = value(&secrets, variable).await.with_context(|| format!("the variable {}", variable.name))?;
        env.insert(variable.name.clone(), value);
    }
    Ok(env)
}

async fn value(secrets: &Api<Secret>, variable: &EnvVar) -> Result<String> {
    let Some(source) = &variable.value_from else { return Ok(variable.value.clone().unwrap_or_default()) };
    let Some(reference) = &source.secret_key_ref else { bail!("it is from something else than a Secret") };
    let secret = secrets.get(&reference.name).await?;
    let value = secret.data.and_then(|mut data| data.remove(&reference.key)).context("the Secret has no such key")?;
    Ok(String::from_utf8(value.0)?)
}
