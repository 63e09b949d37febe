//! `rekey-agent`: see `--help` and the README.

use anyhow::Context;
use clap::Parser;
use rekey_agent::args::Args;
use rekey_agent::{app, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    telemetry::init(args.log_level);
    app::run(args).await.context("rekey-agent stopped")
}
