//! `rekey-agent`: see `--help` and the README.

use anyhow::Context;
use clap::Parser;
use rekey_agent::args::Args;
use rekey_agent::{app, telemetry};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    telemetry::init(args.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads to work on")?;
    let outcome = runtime.block_on(app::run(args)).context("rekey-agent stopped");
    // An agent that lost its lease ends at once, whatever still blocks a thread (a name look-up).
    runtime.shutdown_background();
    outcome
}
