//! `cargo xtask bench`: figures, not tests. Nothing here fails because something is slow.

mod agent;
mod figures;
mod lambda;
mod profile;
mod propagation;
mod site;
mod stages;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use rekey_tests::image::About;

/// Measure Rekey on this machine, as it ships: propagation, bursts, first syncs, memory, idle time, calls, losses.
///
/// Prints a table with what External Secrets Operator and Reloader need beside each figure, and the goal. "Floor" is what the
/// bare SDKs need to receive, read, write and delete on the same stack (agent/examples/floor.rs). It takes some 40 minutes,
/// beside those of compiling; the machine should have nothing else to do.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    /// In place of figures, write flame graphs of the agent's time and of its allocations to this folder (perf, heaptrack)
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["json", "compare", "small"])]
    profile: Option<PathBuf>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Args)]
struct Measure {
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show what an earlier run wrote to this file beside them
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Leave out the sweep, which comes after 15 minutes, 10,000 ExternalSecrets, and the functions, which take minutes to
    /// compile as they ship
    #[arg(long)]
    small: bool,
}

#[derive(Subcommand)]
enum What {
    Lambda(lambda::Lambda),
}

impl Bench {
    pub async fn run(self) -> Result<ExitCode> {
        println!("{}\n", machine());
        match (self.what, self.profile) {
            (Some(What::Lambda(lambda)), _) => lambda.run().await,
            (None, Some(folder)) => Box::pin(profile::run(&folder)).await,
            (None, None) => Box::pin(agent::run(&self.measure)).await,
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

/// The commit that is checked out.
async fn commit(site: &site::Site) -> Result<String> {
    Ok(About::this_tree(site.stack.directory()).await?.revision)
}
