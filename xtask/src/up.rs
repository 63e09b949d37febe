//! `cargo xtask up`.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use rekey_tests::aws;
use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack, StackFile};
use tokio::signal::unix::{SignalKind, signal};

/// Start a stack and keep it until Ctrl-C (or `cargo xtask down` from another terminal).
///
/// Prints the variables with which kubectl, aws, psql or a program of yours reach it. Several stacks can run side by
/// side. Nothing of a stack survives it: its data is thrown away.
#[derive(Args)]
pub struct Up {
    /// Run AWS's own schedules (rules with rate() or cron(), rotation dates) this many times faster
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    time_factor: u32,
}

impl Up {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::stderr();
        let ended = ended_by_person()?;
        let aws = aws::Options { time_factor: self.time_factor, ..aws::Options::default() };
        let work = async {
            let stack =
                Stack::start(Options { purpose: "up".to_owned(), aws, ..Options::default() }, &progress).await?;
            print_access(&StackFile::read(stack.directory())?);
            // A part that dies must not leave a person debugging against half a stack.
            let died: anyhow::Error = loop {
                if let Err(error) = stack.check() {
                    break error;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            };
            Err(died)
        };
        tokio::select! {
            outcome = work => outcome,
            () = ended => {
                progress.line("stopped the stack");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Prints what a person needs in order to look around.
pub fn print_access(stack: &StackFile) {
    println!(
        "\nThe stack is up. In another terminal:\n
  export KUBECONFIG={}
  export AWS_ENDPOINT_URL={} AWS_REGION={}
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  psql '{}'

Logs and data are in {}.
Ctrl-C here, or `cargo xtask down` there, stops it and removes them.",
        stack.kubeconfig.display(),
        stack.aws_endpoint,
        stack.aws_region,
        stack.postgres_url,
        stack.directory.display(),
    );
}

/// Resolves on Ctrl-C and on SIGTERM. From this call on they no longer end the process by themselves.
pub fn ended_by_person() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
