//! Rekey as it ships, on a stack of its own, and the floor that takes its place.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rekey_tests::aws::{REGION, Request};
use rekey_tests::crowd::Crowd;
use rekey_tests::eventually::eventually;
use rekey_tests::image;
use rekey_tests::installation::{Installation, Options};
use rekey_tests::log::Mark;
use rekey_tests::process::{Process, Spec};
use rekey_tests::progress::Progress;
use rekey_tests::stack::{self, Build, Stack};

/// SQS's longest poll: so long after it began, no answer goes to a receiver that has ended.
const LONG_POLL: Duration = Duration::from_secs(20);

pub struct Site {
    pub stack: Stack,
    pub rekey: Installation,
}

impl Site {
    pub async fn create(build: Build, progress: &Progress) -> Result<Self> {
        let options = stack::Options { purpose: "bench".to_owned(), build, ..stack::Options::default() };
        let stack = Box::pin(Stack::start(options, progress)).await?;
        let options = Options { name: "bench".to_owned(), ..Options::default() };
        let rekey = Box::pin(Installation::create(&stack, &options, progress)).await?;
        Ok(Self { stack, rekey })
    }

    /// Lets the canaries move until both pipes are proven. The schedule would take ten minutes.
    pub async fn proven(&self) -> Result<()> {
        let out = self.stack.directory().join("heartbeat.json");
        let out = out.to_str().context("the path is no text")?;
        let invoke = ["lambda", "invoke", "--function-name", "bench-heartbeat", out];
        self.stack.aws.cli(&invoke).await?;
        eventually("both pipes to be proven", Duration::from_mins(1), async || {
            let (_, text) = self.rekey.agent.get("/readyz").await?;
            let proven = text.lines().filter(|line| line.starts_with("pipe ") && line.contains(": proven")).count();
            ensure!(proven == 2, "{text}");
            Ok(())
        })
        .await
    }

    /// What the agent asked of AWS since `mark`, but for its long polls.
    pub fn calls(&self, mark: Mark) -> Result<Vec<Request>> {
        let by_the_agent = |request: &Request| request.principal.as_deref() == Some(&self.rekey.user.access_key);
        let requests = self.stack.aws.requests().since(mark)?.into_iter();
        Ok(requests.filter(|request| by_the_agent(request) && request.action != "ReceiveMessage").collect())
    }

    /// Waits until the agent has asked AWS nothing for `pause`.
    pub async fn quiet(&self, pause: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let mark = self.stack.aws.requests().mark();
            tokio::time::sleep(pause).await;
            if self.calls(mark)?.is_empty() {
                return Ok(());
            }
            if began.elapsed() > Duration::from_mins(5) {
                bail!("the agent is never quiet");
            }
        }
    }

    /// Compiles the floor.
    pub async fn floor_program(&self, progress: &Progress) -> Result<PathBuf> {
        progress.line("compiling the floor");
        image::built(&["--example", "floor"], true, self.stack.directory()).await
    }

    /// Starts the floor in the agent's place, which is stopped, on the queue and the targets of a crowd.
    pub async fn floor(&self, program: &Path, crowd: &Crowd) -> Result<Process> {
        self.rekey.agent.stop(Duration::from_secs(10));
        tokio::time::sleep(LONG_POLL).await;
        let map = self.stack.directory().join("floor.map");
        let line = |member: &rekey_tests::crowd::Member| format!("{} {}\n", member.source, member.target);
        std::fs::write(&map, crowd.members.iter().map(line).collect::<String>())?;
        let log = self.stack.directory().join("floor.log");
        let process = Spec::new("floor", program, &log)
            .arg(self.rekey.deployed.output("QueueUrl")?)
            .arg(map)
            .clean_env()
            .env("HOME", "/nonexistent")
            .env("AWS_ENDPOINT_URL", self.stack.aws.endpoint())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", &self.rekey.user.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.rekey.user.secret_key)
            .env("KUBECONFIG", self.rekey.agent.kubeconfig())
            .start()?;
        eventually("the floor to be ready", Duration::from_secs(10), async || {
            process.check()?;
            ensure!(std::fs::read_to_string(&log)?.contains("the floor is ready"), "it is not");
            Ok(())
        })
        .await?;
        Ok(process)
    }

    /// Processor time of the agent so far, of all its threads that live.
    pub fn processor_time(&self) -> Result<Duration> {
        let tasks = format!("/proc/{}/task", self.rekey.agent.pid());
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(&tasks).with_context(|| format!("read {tasks}"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds +=
                text.split(' ').next().unwrap_or_default().parse::<u64>().context("schedstat has no time")?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}
