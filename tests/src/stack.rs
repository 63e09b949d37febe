//! A local AWS, a Kubernetes and a PostgreSQL that were started together and end together.

mod file;

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

pub use file::{ProcessRecord, StackFile};

use crate::aws::{self, Aws};
use crate::cache::{Cache, RunDir};
use crate::kubernetes::Kubernetes;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::progress::{Progress, elapsed};
use crate::tools::Tools;

/// What kind of stack to start.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it is for: `up`, `demo`, `tests`. `cargo xtask down` shows it.
    pub purpose: String,
    /// How the local AWS differs from the real one.
    pub aws: aws::Options,
    /// What is built as it ships.
    pub build: Build,
}

/// What is built as it ships, which takes minutes more: for measuring, and for releases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Build {
    /// Nothing.
    #[default]
    Tests,
    /// The agent.
    ShippedAgent,
    /// The agent and the functions.
    Shipped,
    /// The agent, with names for its addresses, and linked to the system's allocator, which tools can replace.
    Profiled,
}

/// A running stack. Dropping it stops everything and removes what it wrote.
pub struct Stack {
    /// The local AWS.
    pub aws: Aws,
    /// The cluster.
    pub kubernetes: Kubernetes,
    /// The database server.
    pub postgres: Postgres,
    /// The programs it was started from.
    pub tools: Tools,
    /// As in [`Options`].
    pub build: Build,
    // Last, so that the processes are gone before their files.
    run: RunDir,
}

impl Stack {
    /// Installs what is missing, starts all three at once and waits until each is ready.
    pub async fn start(options: Options, progress: &Progress) -> Result<Self> {
        let cache = Cache::open()?;
        let run = RunDir::create(&cache)?;
        // From here on `cargo xtask down` can end us, however long the installation takes.
        let mut file = StackFile::begin(&run, &options.purpose)?;
        let tools = Box::pin(Tools::install(&cache, progress)).await?;
        let begun = Instant::now();
        progress.line("starting the local AWS, Kubernetes and PostgreSQL");
        let part = |name: &str| progress.line(format!("  {name} is ready after {}", elapsed(begun.elapsed())));
        let (aws, kubernetes, postgres) = tokio::try_join!(
            Box::pin(async {
                let aws = Aws::start(&tools, &run, &options.aws).await?;
                part("the local AWS");
                Ok(aws)
            }),
            Box::pin(async {
                let kubernetes = Kubernetes::start(&tools, &run).await?;
                part("Kubernetes");
                Ok(kubernetes)
            }),
            Box::pin(async {
                let postgres = Postgres::start(&tools, &run).await?;
                part("PostgreSQL");
                Ok::<_, anyhow::Error>(postgres)
            }),
        )?;
        let build = options.build;
        let stack = Self { aws, kubernetes, postgres, tools, build, run };
        file.complete(&stack)?;
        Ok(stack)
    }

    /// The directory with data, logs, kubeconfigs and stack.json of this stack.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.run.path()
    }

    /// A subdirectory of [`Stack::directory`], created.
    pub fn join(&self, name: &str) -> Result<std::path::PathBuf> {
        self.run.join(name)
    }

    /// `<pid>-<n>`: unique among the stacks of this machine that are running.
    #[must_use]
    pub fn id(&self) -> String {
        self.run.id()
    }

    /// # Errors
    /// When a process of the stack has ended by itself: with the end of its log.
    pub fn check(&self) -> Result<()> {
        self.processes().try_for_each(Process::check)
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.kubernetes.processes().iter().chain([self.aws.process(), self.postgres.process()])
    }
}
