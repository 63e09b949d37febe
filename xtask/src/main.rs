//! `cargo xtask`: the only entry points anybody needs. One file for each command; the work is done by the crates.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to the person who runs it")]

mod bench;
mod demo;
mod down;
mod image;
mod release;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Rekey on one machine: a local AWS, a real Kubernetes control plane and PostgreSQL, without containers or accounts.
///
/// Everything listens on 127.0.0.1, at ports of its own. What is missing is installed into a cache outside the tree:
/// $REKEY_CACHE, else $XDG_CACHE_HOME/rekey, else ~/.cache/rekey. The first time that takes several minutes, later
/// starts take seconds.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Bench),
    Demo(demo::Demo),
    Image(image::Image),
    Release(release::Release),
    Test(test::Test),
    Up(up::Up),
    Down(down::Down),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Bench(bench) => bench.run().await,
            Command::Demo(demo) => demo.run().await,
            Command::Image(image) => image.run().await,
            Command::Release(release) => release.run().await,
            Command::Test(test) => test.run(),
            Command::Up(up) => up.run().await,
            Command::Down(down) => down.run().await,
        }
    });
    // Whatever still blocks a thread (a read from a child that was told to go) is not worth waiting for.
    runtime.shutdown_background();
    outcome
}
