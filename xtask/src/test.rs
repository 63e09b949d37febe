//! `cargo xtask test`.

mod faults;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rekey_tests::progress::elapsed;
use rekey_tests::repository;

/// Run every check: formatting, lints, unit tests, and the end-to-end tests on a shared stack.
///
/// The end-to-end tests start their stack by themselves (so does a plain `cargo test`) and lint the chart and the
/// template with helm and sam. The first run installs what is missing, which takes minutes; each phase is timed.
#[derive(Args)]
pub struct Test {
    /// Run only these phases
    #[arg(value_enum)]
    phases: Vec<Phase>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// cargo fmt --check
    Fmt,
    /// cargo clippy, warnings denied
    Clippy,
    /// Each crate builds by itself, without features that another one happens to enable
    Alone,
    /// Unit tests of every crate
    Unit,
    /// End-to-end tests on the local stack
    E2e,
    /// The table of cases that tells what an ExternalSecret means, played on the local stack
    Conformance,
    /// The table of cases that tells what restarts a workload, played on the local Kubernetes
    Rollouts,
    /// Pods that log in all the time while their credential is rotated twenty times
    Downtime,
    /// End-to-end tests of everything that goes wrong in a cluster, with a table of what each fault cost
    Faults,
    /// cargo xtask demo, which fails unless each step was seen
    Demo,
}

const PHASES: [Phase; 10] = [
    Phase::Fmt,
    Phase::Clippy,
    Phase::Alone,
    Phase::Unit,
    Phase::E2e,
    Phase::Conformance,
    Phase::Rollouts,
    Phase::Downtime,
    Phase::Faults,
    Phase::Demo,
];

/// The modules of the phases of these names.
const CONFORMANCE: &str = "conformance::";
const ROLLOUTS: &str = "rollouts::";
const DOWNTIME: &str = "downtime::";
const FAULTS: &str = "faults::";

const END_TO_END: [&str; 6] = ["test", "--package", "rekey-tests", "--test", "e2e", "--"];

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Fmt => "formatting",
            Phase::Clippy => "lints",
            Phase::Alone => "crates alone",
            Phase::Unit => "unit tests",
            Phase::E2e => "end-to-end tests",
            Phase::Conformance => "conformance",
            Phase::Rollouts => "rollouts",
            Phase::Downtime => "downtime",
            Phase::Faults => "faults",
            Phase::Demo => "demo",
        }
    }

    /// The cargo commands of the phase.
    fn commands(self) -> Vec<Vec<&'static str>> {
        match self {
            Phase::Fmt => vec![vec!["fmt", "--all", "--check"]],
            Phase::Clippy => vec![vec!["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]],
            Phase::Alone => ["rekey-core", "rekey-template", "rekey-rotation"]
                .into_iter()
                .map(|name| vec!["check", "--quiet", "--package", name])
                .collect(),
            Phase::Unit => vec![
                vec!["test", "--workspace", "--lib", "--bins"],
                vec!["test", "--package", "rekey-core", "--package", "rekey-template", "--tests"],
            ],
            // They wait for servers more than they compute.
            Phase::E2e => {
                let phases = [FAULTS, CONFORMANCE, ROLLOUTS, DOWNTIME].iter().flat_map(|phase| ["--skip", phase]);
                vec![END_TO_END.into_iter().chain(["--test-threads=4"]).chain(phases).collect()]
            }
            Phase::Conformance => vec![[END_TO_END.as_slice(), &["--skip", FAULTS, CONFORMANCE]].concat()],
            Phase::Rollouts => vec![[END_TO_END.as_slice(), &["--skip", FAULTS, ROLLOUTS]].concat()],
            // Its figures are its output.
            Phase::Downtime => vec![[END_TO_END.as_slice(), &["--nocapture", DOWNTIME]].concat()],
            // A fault is everybody's, so one row at a time.
            Phase::Faults => vec![[END_TO_END.as_slice(), &["--test-threads=1", FAULTS]].concat()],
            Phase::Demo => vec![vec!["run", "--quiet", "--package", "xtask", "--", "demo"]],
        }
    }
}

impl Test {
    pub fn run(self) -> Result<ExitCode> {
        let chosen: Vec<Phase> =
            PHASES.into_iter().filter(|phase| self.phases.is_empty() || self.phases.contains(phase)).collect();
        let mut times = Vec::new();
        for phase in chosen {
            println!("== {}", phase.name());
            let begun = Instant::now();
            let mut passed = true;
            if phase == Phase::Faults {
                faults::forget()?;
            }
            for command in phase.commands() {
                passed = passed && cargo(&command)?;
            }
            if phase == Phase::Faults {
                faults::print()?;
            }
            times.push((phase.name(), begun.elapsed(), passed));
            if !passed {
                break;
            }
        }
        println!("\n{:<20} {:>10}", "phase", "time");
        for (name, time, passed) in &times {
            println!("{name:<20} {:>10}{}", elapsed(*time), if *passed { "" } else { "  failed" });
        }
        println!("{:<20} {:>10}", "all", elapsed(times.iter().map(|(_, time, _)| *time).sum::<Duration>()));
        let passed = times.iter().all(|(_, _, passed)| *passed);
        Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn cargo(arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(env!("CARGO"));
    // Those of the cargo that runs us: with them, build scripts believe that everything has changed.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")) {
            command.env_remove(name);
        }
    }
    let status = command
        .args(arguments)
        .current_dir(repository())
        .status()
        .with_context(|| format!("cargo {} did not start", arguments.join(" ")))?;
    Ok(status.success())
}
