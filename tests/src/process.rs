//! Children that never outlive this process, whatever ends it: a return, a panic, Ctrl-C or SIGKILL.
//!
//! Three things see to it, because each alone has a gap:
//! - dropping a [`Process`] kills its process group: what it started goes with it;
//! - `setpriv --pdeathsig` lets the kernel kill each child when we die; but not what the child started;
//! - the [`watchdog`] sees our end on a pipe and kills the process groups that are left.
//!
//! The kernel's signal is sent when the *thread* that forked ends, and test threads end early. So all forks happen on
//! one thread that lives as long as the process: [`spawner`].

mod spawner;
mod spec;
mod watchdog;

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process_group};

pub use spec::Spec;

/// Runs `work`, but gives up with the end of its log as soon as one of `processes` ends: nobody waits out a timeout for
/// a server that is gone.
pub async fn while_alive<T>(processes: &[&Process], work: impl Future<Output = Result<T>>) -> Result<T> {
    let death = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Some(error) = processes.iter().find_map(|process| process.check().err()) {
                return Err(error);
            }
        }
    };
    tokio::select! {
        outcome = work => outcome,
        error = death => error,
    }
}

/// A running child. Dropping it kills its process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    /// Where its own output begins in the log.
    begin: u64,
    /// `None` once it was waited for.
    child: Mutex<Option<Child>>,
}

impl Process {
    /// The name it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is its process group's too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that has its output.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// # Errors
    /// When the process has ended: with its exit status and the end of its log.
    pub fn check(&self) -> Result<()> {
        match self.try_wait()? {
            None => Ok(()),
            Some(status) => Err(anyhow!("{}", self.ended(status))),
        }
    }

    /// Waits until it ends by itself.
    pub async fn wait(&self) -> Result<ExitStatus> {
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Asks the process to end, gives it `grace`, then kills what is left of its group. Blocks meanwhile.
    pub fn stop(&self, signal: Signal, grace: Duration) {
        self.signal(signal);
        let begun = Instant::now();
        while matches!(self.try_wait(), Ok(None)) && begun.elapsed() < grace {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Kills the process group (SIGKILL) and waits for the process itself.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.wait();
        }
        watchdog::forget(self.pid);
    }

    /// Sends a signal to its process group.
    pub fn signal(&self, signal: Signal) {
        // An error says that no process of the group is left.
        let _ = i32::try_from(self.pid).ok().and_then(Pid::from_raw).map(|group| kill_process_group(group, signal));
    }

    fn try_wait(&self) -> Result<Option<ExitStatus>> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match child.as_mut() {
            Some(child) => child.try_wait().with_context(|| format!("wait for {}", self.name)),
            None => bail!("{} was stopped", self.name),
        }
    }

    fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let begin = usize::try_from(self.begin).unwrap_or(0).min(bytes.len());
        String::from_utf8_lossy(&bytes[begin..]).into_owned()
    }

    fn ended(&self, status: ExitStatus) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let tail = lines[lines.len().saturating_sub(25)..].join("\n  ");
        format!("{} ended ({status}); the end of {}:\n  {tail}", self.name, self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
