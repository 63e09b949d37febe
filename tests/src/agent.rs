//! The agent, as the chart's container would be: the arguments and the environment of the Deployment that helm created,
//! and what a pod has of its ServiceAccount: a token, and its role by IRSA or EKS Pod Identity. Only the admin address and the kubeconfig are replaced, because it runs on the host,
//! and what a test asks for by [`Way`]: proxies in front of its servers, flags that the chart was not given.
//!
//! So whatever the chart forgets (a flag, a variable, a rule of RBAC) fails here as it would in a cluster.

mod binary;
mod container;
mod identity;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cache::write_private;
use crate::eventually::eventually;
use crate::log::JsonLog;
use crate::net::{free_port, http_get};
use crate::process::{Process, Signal, Spec};
use crate::stack::{Build, Stack};

/// A line of the agent's log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// When it was written.
    pub timestamp: jiff::Timestamp,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// What happened, in the same words each time.
    #[serde(default)]
    pub message: String,
    /// To what.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Line {
    /// A field as text; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// How an agent reaches its servers, and how it differs from what its Deployment says.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// URL of the AWS it talks to, in place of the stack's.
    pub aws: Option<String>,
    /// URL of the API server it talks to and the CA (PEM) of that server's certificate, in place of the cluster's.
    pub kubernetes: Option<(String, String)>,
    /// URL of EKS Pod Identity's credentials, if its ServiceAccount has an association.
    pub pod_identity: Option<String>,
    /// The name of its pod, for a second agent of one Deployment.
    pub pod: Option<String>,
    /// Flags (`--name`) and their values.
    pub flags: Vec<(String, String)>,
}

/// An agent. Dropping it kills it.
pub struct Agent {
    /// All but the arguments.
    spec: Spec,
    /// As the Deployment has them.
    args: Vec<String>,
    flags: Mutex<Vec<(String, String)>>,
    variables: Mutex<Vec<(String, String)>>,
    process: Mutex<Process>,
    admin: u16,
    log: JsonLog<Line>,
    kubeconfig: PathBuf,
}

/// The agent's program, built if need be.
pub async fn program(logs: &Path) -> Result<PathBuf> {
    binary::build(Build::Tests, logs).await
}

/// The agent's program as it runs on this stack, built if need be.
pub async fn program_of(stack: &Stack) -> Result<PathBuf> {
    binary::build(stack.build, stack.directory()).await
}

impl Agent {
    /// Builds the agent if need be and starts it for the Deployment `name` in `namespace`, which helm has created. Returns
    /// when its admin port answers.
    pub async fn start(stack: &Stack, namespace: &str, name: &str, way: &Way) -> Result<Self> {
        let binary = program_of(stack).await?;
        let container = container::Container::read(stack, namespace, name).await?;
        let directory = stack.join("agent")?;
        let id = format!("{namespace}-{name}-{}", crate::random_word(4));
        let kubeconfig = directory.join(format!("{id}.kubeconfig"));
        let cluster = &stack.kubernetes;
        let (url, ca) = way.kubernetes.as_ref().map_or((cluster.url(), cluster.ca()), |(url, ca)| (url, ca));
        let account = &container.service_account;
        write_private(&kubeconfig, &cluster.service_account_kubeconfig_for(namespace, account, url, ca).await?)?;

        let admin = free_port()?;
        let log = directory.join(format!("{id}.log"));
        let mut spec = Spec::new("rekey-agent", binary, &log).clean_env().env("HOME", "/nonexistent");
        let token = directory.join(format!("{id}.token"));
        for (name, value) in identity::variables(stack, namespace, account, way.pod_identity.as_deref(), &token).await?
        {
            spec = spec.env(name, value);
        }
        // What the container says itself counts more.
        for (name, value) in &container.env {
            spec = spec.env(name, value);
        }
        spec = spec.env("KUBECONFIG", &kubeconfig);
        if let Some(aws) = &way.aws {
            spec = spec.env("AWS_ENDPOINT_URL", aws);
        }
        if let Some(pod) = &way.pod {
            spec = spec.env("REKEY_POD_NAME", pod);
        }
        let args = container::with_flag(&container.args, "--admin-addr", &format!("127.0.0.1:{admin}"));
        let process = Mutex::new(started(&spec, &args, &way.flags)?);
        let flags = Mutex::new(way.flags.clone());
        let variables = Mutex::default();
        let agent = Self { spec, args, flags, variables, process, admin, log: JsonLog::new(log), kubeconfig };
        agent.answers().await?;
        Ok(agent)
    }

    /// Its log, standard error included, over all restarts.
    #[must_use]
    pub fn log(&self) -> &JsonLog<Line> {
        &self.log
    }

    /// The kubeconfig with the token of its ServiceAccount.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The port of `/healthz`, `/readyz` and `/metrics` on 127.0.0.1.
    #[must_use]
    pub fn admin_port(&self) -> u16 {
        self.admin
    }

    /// GET from the admin port: status and body.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        http_get(self.admin, path).await
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&self, timeout: Duration) -> Result<()> {
        self.unless_it_ends(eventually("the agent to be ready", timeout, async || {
            let (status, body) = self.get("/readyz").await?;
            ensure!(status == 200, "/readyz: {status} {body}");
            Ok(())
        }))
        .await
    }

    /// # Errors
    /// When it has ended: with the end of its log.
    pub fn check(&self) -> Result<()> {
        self.process().check()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// kill -9.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// SIGTERM, and SIGKILL after `grace`.
    pub fn stop(&self, grace: Duration) {
        self.process().stop(Signal::TERM, grace);
    }

    /// SIGSTOP: it does nothing more, and keeps everything that is open.
    pub fn freeze(&self) {
        self.process().signal(Signal::STOP);
    }

    /// SIGCONT, after [`Agent::freeze`].
    pub fn thaw(&self) {
        self.process().signal(Signal::CONT);
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let field = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it has no VmRSS")?;
        let kilobytes: u64 = field.trim().trim_end_matches(" kB").parse().context("VmRSS is no number of kB")?;
        Ok(kilobytes * 1024)
    }

    /// Starts it again, after [`Agent::kill`] or [`Agent::stop`] or instead of them, with the same arguments. Returns
    /// when its admin port answers.
    pub async fn restart(&self) -> Result<()> {
        self.kill();
        let flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let spec = variables.iter().fold(self.spec.clone(), |spec, (name, value)| spec.env(name, value));
        let process = started(&spec, &self.args, &flags)?;
        *self.process() = process;
        self.answers().await
    }

    /// The flags of the next start, in place of those it was started with.
    pub fn set_flags(&self, flags: &[(String, String)]) {
        flags.clone_into(&mut self.flags.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Variables that its next start has, beside those of its container.
    pub fn set_variables(&self, variables: &[(String, String)]) {
        variables.clone_into(&mut self.variables.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The flags of [`Way`] that it runs with, or will after its next start.
    #[must_use]
    pub fn flags(&self) -> Vec<(String, String)> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answers(&self) -> Result<()> {
        let answer = async || self.get("/healthz").await.map(drop);
        self.unless_it_ends(eventually("the agent's admin port to answer", Duration::from_secs(30), answer)).await
    }

    async fn unless_it_ends<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let end = async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if let Err(error) = self.check() {
                    return error;
                }
            }
        };
        tokio::select! {
            outcome = work => outcome,
            error = end => Err(error),
        }
    }
}

fn started(spec: &Spec, args: &[String], flags: &[(String, String)]) -> Result<Process> {
    let args = flags.iter().fold(args.to_vec(), |args, (flag, value)| container::with_flag(&args, flag, value));
    spec.clone().args(args).start()
}
