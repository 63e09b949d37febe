//! stack.json: how other processes learn of a running stack.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::Stack;
use crate::aws::REGION;
use crate::cache::write_private;
use crate::cache::{Cache, RunDir};
use crate::eventually::eventually;
use crate::process::Process;

const NAME: &str = "stack.json";

/// What is known about a running stack. Passwords are in the files it names, not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackFile {
    /// The process that runs it: SIGTERM makes it stop the stack.
    pub pid: u32,
    /// What it is for: `up`, `demo`, `tests`.
    pub purpose: String,
    /// The directory with data and logs.
    pub directory: PathBuf,
    /// False while tools are being installed and servers started; what follows is empty until then.
    pub ready: bool,
    /// KUBECONFIG of the administrator.
    pub kubeconfig: PathBuf,
    /// Address of the API server.
    pub kubernetes_url: String,
    /// AWS_ENDPOINT_URL; the keys are `test` and `test`.
    pub aws_endpoint: String,
    /// AWS_REGION.
    pub aws_region: String,
    /// libpq URL of the database's superuser; the password is in the `passfile` it names.
    pub postgres_url: String,
    /// The children.
    pub processes: Vec<ProcessRecord>,
}

/// A child of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl StackFile {
    /// The stacks of this user that are running, oldest first.
    pub fn running(cache: &Cache) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for directory in cache.live_runs()? {
            // One that has not written its file yet is a moment old; nobody asked for it by name.
            if let Ok(text) = fs::read_to_string(directory.join(NAME)) {
                found.push(
                    serde_json::from_str(&text).with_context(|| format!("read {NAME} in {}", directory.display()))?,
                );
            }
        }
        Ok(found)
    }

    /// Reads the file of a stack from its directory.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
    }

    /// Asks the stack's owner to stop it and waits until it is gone.
    pub async fn stop(&self, cache: &Cache, timeout: Duration) -> Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { bail!("{} is no pid", self.pid) };
        kill_process(pid, Signal::TERM).with_context(|| format!("end process {}", self.pid))?;
        eventually(&format!("process {} to stop its stack", self.pid), timeout, async || {
            anyhow::ensure!(!cache.live_runs()?.contains(&self.directory), "it is still there");
            Ok(())
        })
        .await
    }

    pub(super) fn begin(run: &RunDir, purpose: &str) -> Result<Self> {
        let file = Self {
            pid: std::process::id(),
            purpose: purpose.to_owned(),
            directory: run.path().to_owned(),
            ready: false,
            kubeconfig: PathBuf::new(),
            kubernetes_url: String::new(),
            aws_endpoint: String::new(),
            aws_region: REGION.to_owned(),
            postgres_url: String::new(),
            processes: Vec::new(),
        };
        file.write()?;
        Ok(file)
    }

    pub(super) fn complete(&mut self, stack: &Stack) -> Result<()> {
        let postgres = &stack.postgres;
        let (ca, password) = (self.directory.join("postgres/ca.crt"), self.directory.join("postgres/pgpass"));
        fs::write(&ca, postgres.ca_pem())?;
        let admin = crate::postgres::ADMIN;
        write_private(&password, &format!("*:*:*:{admin}:{}", postgres.admin_password()))?;
        self.ready = true;
        stack.kubernetes.kubeconfig().clone_into(&mut self.kubeconfig);
        stack.kubernetes.url().clone_into(&mut self.kubernetes_url);
        stack.aws.endpoint().clone_into(&mut self.aws_endpoint);
        self.postgres_url = format!(
            "postgresql://{admin}@{}:{}/postgres?sslmode=verify-full&sslrootcert={}&passfile={}",
            postgres.host(),
            postgres.port(),
            ca.display(),
            password.display()
        );
        self.processes = stack.processes().map(record).collect();
        self.write()
    }

    /// Others see the old file or the new one, never half of it.
    fn write(&self) -> Result<()> {
        let temporary = self.directory.join("stack.json.new");
        fs::write(&temporary, serde_json::to_string_pretty(self)?)?;
        fs::rename(&temporary, self.directory.join(NAME)).context("write stack.json")
    }
}

fn record(process: &Process) -> ProcessRecord {
    ProcessRecord { name: process.name().to_owned(), pid: process.pid() }
}
