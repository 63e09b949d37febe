//! `cargo xtask bench`: figures, not tests. Nothing here fails because something is slow.

mod lambda;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure Rekey on this machine.
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Lambda(lambda::Lambda),
}

impl Bench {
    pub async fn run(self) -> Result<ExitCode> {
        println!("{}\n", machine());
        match self.what {
            What::Lambda(lambda) => lambda.run().await,
        }
    }
}

/// The processor, as the kernel names it, and how many of it there are.
fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {model}")
}

/// The value in the middle.
fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
