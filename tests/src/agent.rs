//! The agent, as the chart's container would be: the arguments and the environment of the Deployment that helm created,
//! and a token of its ServiceAccount. Only the admin address and the kubeconfig are replaced, because it runs on the host.
//!
//! So whatever the chart forgets (a flag, a variable, a rule of RBAC) fails here as it would in a cluster.

mod binary;
mod container;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cache::write_private;
use crate::eventually::eventually;
use crate::log::JsonLog;
use crate::net::{free_port, http_get};
use crate::process::{Process, Signal, Spec};
use crate::stack::Stack;

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

/// An agent. Dropping it kills it.
pub struct Agent {
    spec: Spec,
    process: Mutex<Process>,
    admin: u16,
    log: JsonLog<Line>,
    kubeconfig: PathBuf,
}

impl Agent {
    /// Builds the agent if need be and starts it for the Deployment `name` in `namespace`, which helm has created. Returns
    /// when its admin port answers.
    pub async fn start(stack: &Stack, namespace: &str, name: &str) -> Result<Self> {
        let binary = binary::build(stack.directory()).await?;
        let container = container::Container::read(stack, namespace, name).await?;
        let directory = stack.join("agent")?;
        let id = format!("{namespace}-{name}-{}", crate::random_word(4));
        let kubeconfig = directory.join(format!("{id}.kubeconfig"));
        let access = stack.kubernetes.service_account_kubeconfig(namespace, &container.service_account).await?;
        write_private(&kubeconfig, &access)?;

        let admin = free_port()?;
        let log = directory.join(format!("{id}.log"));
        let mut spec = Spec::new("rekey-agent", binary, &log)
            .args(container.args_with_admin_address(&format!("127.0.0.1:{admin}")))
            .clean_env()
            .env("HOME", "/nonexistent");
        for (name, value) in &container.env {
            spec = spec.env(name, value);
        }
        let spec = spec.env("KUBECONFIG", &kubeconfig);
        let process = Mutex::new(spec.clone().start()?);
        let agent = Self { spec, process, admin, log: JsonLog::new(log), kubeconfig };
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

    /// Starts it again, after [`Agent::kill`] or [`Agent::stop`] or instead of them, with the same arguments. Returns
    /// when its admin port answers.
    pub async fn restart(&self) -> Result<()> {
        self.kill();
        let process = self.spec.clone().start()?;
        *self.process() = process;
        self.answers().await
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
