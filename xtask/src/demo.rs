//! `cargo xtask demo`.

mod application;
mod cost;
mod paint;
mod timeline;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use rekey_tests::installation::{Installation, Options};
use rekey_tests::progress::Progress;
use rekey_tests::stack::{self, Stack, StackFile};
use rekey_tests::{app::DatabaseUser, aws, eventually::eventually};
use serde_json::json;

use crate::up::{ended_by_person, print_access};
use application::Application;
use timeline::{Change, Timeline};

/// AWS's schedules run so much faster: the heartbeat of ten minutes comes every five seconds.
const TIME_FACTOR: u32 = 120;
const HEARTBEAT_PERIOD: &str = "5s";

/// Watch a rotation travel from a database password to restarted pods.
///
/// Starts a stack, deploys infra/template.yaml with sam and infra/chart with helm, deploys an application with a
/// PostgreSQL user, and then changes its secrets in three ways: rotate-secret, put-secret-value and put-parameter. Each
/// time it prints what was seen where, in milliseconds since the change. It ends with exit code 0 only if every step
/// was seen to happen.
#[derive(Args)]
pub struct Demo {
    /// Leave the stack up at the end, and print how to look around
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::stderr();
        let ended = ended_by_person()?;
        tokio::pin!(ended);
        let work = async {
            let options = stack::Options {
                purpose: "demo".to_owned(),
                aws: aws::Options { time_factor: TIME_FACTOR, ..aws::Options::default() },
                ..stack::Options::default()
            };
            let stack = Box::pin(Stack::start(options, &progress)).await?;
            let installation = Box::pin(show(&stack, &progress)).await?;
            Ok::<_, anyhow::Error>((stack, installation))
        };
        let (stack, installation) = tokio::select! {
            outcome = work => outcome?,
            () = &mut ended => return Ok(ExitCode::FAILURE),
        };
        if self.keep {
            print_access(&StackFile::read(stack.directory())?);
            println!("The agent's log is {}.", installation.agent.log().path().display());
            ended.await;
            progress.line("stopped the stack");
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn show(stack: &Stack, progress: &Progress) -> Result<Installation> {
    let options = Options {
        values: json!({"heartbeatPeriod": HEARTBEAT_PERIOD, "minRestartInterval": "0s"}),
        ..Options::default()
    };
    let rekey = Installation::create(stack, &options, progress).await?;
    rekey.agent.ready(Duration::from_mins(1)).await?;
    progress.line("deploying an application: a PostgreSQL user, its secret, ExternalSecrets and Deployments");
    let lambda = rekey.deployed.output("RotationPostgresFunctionArn")?;
    let application = Application::deploy(stack, lambda).await?;
    progress.line("waiting for heartbeats to prove the pipe");
    proven(&rekey).await?;
    let mark = stack.aws.requests().mark();

    let version = rotation(stack, &rekey, &application).await?;
    passwords(stack, &application.user, &version).await?;
    by_hand(stack, &rekey, &application).await?;
    parameter(stack, &rekey, &application).await?;
    cost::print(&stack.aws.requests().since(mark)?, &rekey.user.access_key);
    Ok(rekey)
}

async fn proven(rekey: &Installation) -> Result<()> {
    eventually("both pipes to be proven by heartbeats", Duration::from_mins(1), async || {
        let (_, text) = rekey.agent.get("/readyz").await?;
        ensure!(text.matches(": proven").count() >= 2, "{text}");
        Ok(())
    })
    .await
}

async fn rotation(stack: &Stack, rekey: &Installation, application: &Application) -> Result<String> {
    paint::title("aws secretsmanager rotate-secret");
    let timeline = Timeline::begin(stack, rekey, &application.app, "db", &application.user.secret).await?;
    let version = application.user.rotate(&stack.aws).await?;
    let label = Change { service: "secretsmanager", action: "UpdateSecretVersionStage", words: "AWSCURRENT moved" };
    timeline.end(&label, Some(&version)).await?;
    Ok(version)
}

async fn passwords(stack: &Stack, user: &DatabaseUser, version: &str) -> Result<()> {
    user.rotated(&stack.aws, version, Duration::from_secs(10)).await?;
    let new = user.password(&stack.aws).await?;
    let accepted = stack.postgres.accepts(&user.role, &new, &user.role).await?;
    let refused = !stack.postgres.accepts(&user.role, &user.first_password, &user.role).await?;
    ensure!(accepted, "PostgreSQL refuses the new password");
    ensure!(refused, "PostgreSQL still accepts the old password");
    paint::fact("PostgreSQL refuses the old password and accepts the new one");
    Ok(())
}

async fn by_hand(stack: &Stack, rekey: &Installation, application: &Application) -> Result<()> {
    paint::title("aws secretsmanager put-secret-value");
    let timeline = Timeline::begin(stack, rekey, &application.app, "api-key", application::API_KEY).await?;
    let value = rekey_tests::random_word(32);
    let arguments =
        ["secretsmanager", "put-secret-value", "--secret-id", application::API_KEY, "--secret-string", &value];
    stack.aws.cli(&arguments).await?;
    let change = Change { service: "secretsmanager", action: "PutSecretValue", words: "AWSCURRENT moved" };
    timeline.end(&change, None).await
}

async fn parameter(stack: &Stack, rekey: &Installation, application: &Application) -> Result<()> {
    paint::title("aws ssm put-parameter");
    let timeline = Timeline::begin(stack, rekey, &application.app, "settings", application::SETTINGS).await?;
    let value = rekey_tests::random_word(32);
    let arguments = ["ssm", "put-parameter", "--name", application::SETTINGS, "--value", &value, "--overwrite"];
    stack.aws.cli(&arguments).await.context("put-parameter")?;
    let change = Change { service: "ssm", action: "PutParameter", words: "parameter written" };
    timeline.end(&change, None).await
}
