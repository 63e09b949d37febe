//! `cargo xtask down`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use rekey_tests::cache::Cache;
use rekey_tests::stack::StackFile;

/// How long a stack may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// Stop the stacks that `cargo xtask up` and `cargo xtask demo --keep` left running.
///
/// Stacks of tests that are running are left alone: they end with their tests. A stack whose owner was killed needs no
/// `down`: its processes went with it.
#[derive(Args)]
pub struct Down {
    /// Only the stack with this id (the process id of its `up`); without it, all
    #[arg(value_name = "PID")]
    pid: Option<u32>,
}

impl Down {
    pub async fn run(self) -> Result<ExitCode> {
        let cache = Cache::open()?;
        let mut stacks = StackFile::running(&cache)?;
        stacks.retain(|stack| stack.purpose != "tests" && self.pid.is_none_or(|pid| pid == stack.pid));
        if stacks.is_empty() {
            println!("no stack is running");
            return Ok(if self.pid.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        for stack in stacks {
            stack.stop(&cache, STOP).await?;
            println!("stopped the stack of `cargo xtask {}` (process {})", stack.purpose, stack.pid);
        }
        Ok(ExitCode::SUCCESS)
    }
}
