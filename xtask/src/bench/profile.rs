//! `cargo xtask bench --profile`: where the agent's time goes, and who allocates, as flame graphs.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options as Folding};
use inferno::flamegraph;
use rekey_tests::cache::Cache;
use rekey_tests::crowd::{self, Crowd};
use rekey_tests::process::{Process, Signal, Spec};
use rekey_tests::progress::Progress;
use rekey_tests::stack::Build;
use rekey_tests::tools;

use super::propagation::{burst, singles};
use super::site::Site;

const SYNCED: Duration = Duration::from_mins(10);
const SINGLES: usize = 50;
const IDLE: Duration = Duration::from_mins(1);
/// What follows a burst: conditions, restarts.
const AFTER: Duration = Duration::from_secs(2);

/// What looks into the agent, and where it writes what it finds.
struct Profile<'a> {
    site: &'a Site,
    perf: PathBuf,
    heaptrack: PathBuf,
    folder: PathBuf,
}

/// Writes a flame graph for each kind of work, and two of allocations, to an existing or new folder.
pub async fn run(folder: &Path) -> Result<ExitCode> {
    let progress = Progress::stderr();
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let cache = Cache::open()?;
    let (perf, heaptrack) = (tools::perf(&cache, &progress).await?, tools::heaptrack(&cache, &progress).await?);
    let site = Box::pin(Site::create(Build::Profiled, &progress)).await?;
    let folder = std::path::absolute(folder)?;
    let profile = Profile { site: &site, perf, heaptrack, folder };

    progress.line("1,000 ExternalSecrets, 100 Deployments");
    let options = crowd::Options {
        name: "thousand".to_owned(),
        secrets: 1000,
        workloads: 100,
        namespaces: 10,
        refresh_interval: "1h".to_owned(),
    };
    let crowd = Crowd::create(&site.stack, options).await?;
    profile.time("first-sync", async { crowd.synced(SYNCED).await.map(drop) }).await?;
    crowd.employed(SYNCED).await?;
    site.proven().await?;
    progress.line(format!("{SINGLES} rotations, one at a time"));
    profile.time("rotations", async { singles(&crowd, SINGLES, true).await.map(drop) }).await?;
    progress.line("1,000 rotations at once");
    let all = async {
        burst(&crowd, 1000).await?;
        site.quiet(AFTER).await
    };
    profile.time("burst", all).await?;
    progress.line("a minute with nothing to do");
    let nothing = async {
        tokio::time::sleep(IDLE).await;
        Ok(())
    };
    profile.time("idle", nothing).await?;
    progress.line("1,000 rotations at once, and every allocation on record");
    Box::pin(profile.allocations(&crowd)).await?;
    println!("\nflame graphs and heap.txt are in {}", profile.folder.display());
    Ok(ExitCode::SUCCESS)
}

impl Profile<'_> {
    /// Samples the agent's stacks meanwhile.
    async fn time(&self, name: &str, work: impl Future<Output = Result<()>>) -> Result<()> {
        let data = self.site.stack.directory().join(format!("{name}.perf"));
        let log = self.site.stack.directory().join("perf.log");
        // Of the time that it runs; there may be no counters of the processor where this machine is a virtual one.
        let record = Spec::new("perf record", &self.perf, &log)
            .args(["record", "--event", "cpu-clock", "--freq", "999", "--call-graph", "fp", "--output"])
            .arg(&data)
            .args(["--pid", &self.site.rekey.agent.pid().to_string()])
            .start()?;
        let worked = work.await;
        ended(&record).await?;
        worked?;
        let script = Spec::new("perf script", &self.perf, &log).args(["script", "--no-inline", "--input"]).arg(&data);
        let stacks = script.stdout().await?;
        let mut folded = Vec::new();
        Folder::from(Folding::default()).collapse(stacks.as_bytes(), &mut folded).context("fold perf's stacks")?;
        self.draw(name, &folded, "samples")
    }

    /// Starts the agent with every allocation on record, and lets it take a burst.
    async fn allocations(&self, crowd: &Crowd) -> Result<()> {
        let (agent, directory) = (&self.site.rekey.agent, self.site.stack.directory());
        let raw = directory.join("heap.raw");
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let variables = [("LD_PRELOAD", text(&self.heaptrack)), ("DUMP_HEAPTRACK_OUTPUT", text(&raw))];
        agent.set_variables(&variables.map(|(name, value)| (name.to_owned(), value)));
        agent.restart().await?;
        self.site.proven().await?;
        burst(crowd, 1000).await?;
        self.site.quiet(AFTER).await?;
        agent.stop(Duration::from_secs(30));

        let read = self.heaptrack.with_file_name("libexec/heaptrack_interpret");
        let (data, log) = (directory.join("heap.data"), directory.join("heap.log"));
        let command = format!("'{}' < '{}' > '{}'", read.display(), raw.display(), data.display());
        Spec::new("heaptrack_interpret", "bash", &log).args(["-c", &command]).run().await?;
        let mut summary = String::new();
        for (name, cost) in [("allocations", "allocations"), ("peak", "peak")] {
            let stacks = directory.join(format!("{name}.stacks"));
            let print = Spec::new("heaptrack_print", "heaptrack_print", &log).arg("--file").arg(&data);
            let print = print.arg("--print-flamegraph").arg(&stacks).args(["--flamegraph-cost-type", cost]);
            summary = print.stdout().await?;
            let unit = if cost == "peak" { "bytes" } else { "allocations" };
            self.draw(name, &std::fs::read(&stacks)?, unit)?;
        }
        let summary_file = self.folder.join("heap.txt");
        std::fs::write(&summary_file, summary).with_context(|| format!("write {}", summary_file.display()))
    }

    fn draw(&self, name: &str, folded: &[u8], unit: &str) -> Result<()> {
        std::fs::write(self.folder.join(format!("{name}.folded")), folded)?;
        let path = self.folder.join(format!("{name}.svg"));
        let file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
        let mut options = flamegraph::Options::default();
        name.clone_into(&mut options.title);
        unit.clone_into(&mut options.count_name);
        flamegraph::from_reader(&mut options, folded, BufWriter::new(file))
            .with_context(|| format!("draw {}", path.display()))
    }
}

/// perf writes its file out when it is interrupted.
async fn ended(record: &Process) -> Result<()> {
    record.check()?;
    record.signal(Signal::INT);
    // How it says that it was interrupted differs by version; what it wrote tells.
    tokio::time::timeout(Duration::from_secs(30), record.wait()).await.context("perf does not end")?.map(drop)
}
