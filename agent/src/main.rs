//! `rekey-agent`: see `--help` and the README.

use anyhow::Context;
use clap::Parser;
use rekey_agent::args::Args;
use rekey_agent::check::{self, Check};
use rekey_agent::{app, telemetry};

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads to work on")?;
    if std::env::args_os().nth(1).is_some_and(|first| first == check::NAME) {
        let check = Check::parse_from(std::env::args_os().skip(1));
        telemetry::init(tracing::Level::INFO);
        return runtime.block_on(check.run());
    }
    let args = Args::parse();
    telemetry::init(args.log_level);
    let outcome = runtime.block_on(app::run(args)).context("rekey-agent stopped");
    // An agent that lost its lease ends at once, whatever still blocks a thread (a name look-up).
    runtime.shutdown_background();
    outcome
}
