//! `cargo xtask bench`: every row of the table.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use rekey_tests::aws::{Request, count};
use rekey_tests::crowd::{self, Crowd};
use rekey_tests::fault::fleet::{self, Fleet};
use rekey_tests::fault::queue::Queue;
use rekey_tests::fault::verdict::{hash_key, stale, verdict};
use rekey_tests::log::Mark;
use rekey_tests::progress::Progress;
use rekey_tests::stack::Build;

use super::figures::{megabytes, milliseconds};
use super::propagation::{burst, singles};
use super::site::Site;
use super::table::Table;
use super::{Measure, commit, lambda, machine, stages};

const SINGLES: usize = 50;
const MONTH_HOURS: f64 = 730.0;
/// `sweepInterval`, and how many of them an hour has.
const SWEEP: Duration = Duration::from_mins(15);
const SWEEPS: f64 = 4.0;
const SYNCED: Duration = Duration::from_mins(10);
const IDLE: Duration = Duration::from_secs(30);
/// How long the pipes stay unproven: objects are compared in waves, so that one minute may hold a wave or none.
const MINUTES: u8 = 2;

pub async fn run(measure: &Measure) -> Result<ExitCode> {
    let before = measure.compare.as_deref().map(Table::load).transpose()?;
    let progress = Progress::stderr();
    let build = if measure.small { Build::ShippedAgent } else { Build::Shipped };
    let site = Box::pin(Site::create(build, &progress)).await?;
    let floor = site.floor_program(&progress).await?;
    let mut table = Table { machine: machine(), commit: commit(&site).await?, ..Table::default() };
    Box::pin(thousand(&site, &floor, measure, &mut table, &progress)).await?;
    Box::pin(lost(&site, &mut table, &progress)).await?;
    if !measure.small {
        Box::pin(ten_thousand(&site, &mut table, &progress)).await?;
        lambda::postgres(&site.stack, &mut table).await?;
    }
    println!("\n{}", table.markdown(before.as_ref()));
    if let Some(path) = &measure.json {
        table.save(path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// 1,000 ExternalSecrets and 100 Deployments.
async fn thousand(site: &Site, floor: &Path, measure: &Measure, table: &mut Table, progress: &Progress) -> Result<()> {
    progress.line("1,000 ExternalSecrets, 100 Deployments");
    let options = crowd::Options {
        name: "thousand".to_owned(),
        secrets: 1000,
        workloads: 100,
        namespaces: 10,
        refresh_interval: "1m".to_owned(),
    };
    let crowd = Crowd::create(&site.stack, options).await?;
    let first = crowd.synced(SYNCED).await?;
    table.add("first sync of 1,000, from the last apply", first.as_secs_f64(), "s", "96 s", Some(5.0));
    crowd.employed(SYNCED).await?;
    polling(site, table, progress).await?;
    let (looked, since) = (Instant::now(), site.stack.aws.requests().mark());

    progress.line(format!("{SINGLES} rotations, one at a time"));
    let mark = site.stack.aws.requests().mark();
    let ours = singles(&crowd, SINGLES, true).await?;
    site.quiet(Duration::from_secs(2)).await?;
    let calls = site.calls(mark)?;
    stages::print(site).await?;
    idle(site, table, "1,000", "17 ms per s", "598 MB", 25.0).await?;
    progress.line("100 and 1,000 rotations at once");
    let hundred = burst(&crowd, 100).await?;
    site.quiet(Duration::from_secs(2)).await?;
    let all = burst(&crowd, 1000).await?;
    site.quiet(Duration::from_secs(2)).await?;

    if !measure.small {
        sweep(site, table, looked, since, progress).await?;
    }
    progress.line("the same by the floor");
    let floor = site.floor(floor, &crowd).await?;
    let floor_singles = singles(&crowd, SINGLES, false).await?;
    let floor_hundred = burst(&crowd, 100).await?;
    let floor_all = burst(&crowd, 1000).await?;
    drop(floor);

    for (percent, target_goal, target, template_goal, template) in [
        (50, milliseconds(floor_singles.target.median()) + 5.0, "48 ms", 12.0, "79 ms"),
        (95, milliseconds(floor_singles.target.percentile(95)) * 3.0, "164 ms", 4.0, "209 ms"),
    ] {
        let floor = milliseconds(floor_singles.target.percentile(percent));
        let template_goal = if percent == 50 { floor + template_goal } else { floor * template_goal };
        let ours = (ours.target.percentile(percent), ours.template.percentile(percent));
        table.add(&format!("change to target, floor, p{percent}"), floor, "ms", "", None);
        table.add(&format!("change to target, p{percent}"), milliseconds(ours.0), "ms", target, Some(target_goal));
        table.add(
            &format!("change to template, p{percent}"),
            milliseconds(ours.1),
            "ms",
            template,
            Some(template_goal),
        );
    }
    for (name, ours, floor, they, least) in
        [("100 at once", &hundred, &floor_hundred, "8.7 s", 0.5), ("1,000 at once", &all, &floor_all, "87 s", 3.0)]
    {
        let goal = (floor.last.as_secs_f64() * 1.3).max(least);
        table.add(&format!("{name}: last target, floor"), floor.last.as_secs_f64(), "s", "", None);
        table.add(&format!("{name}: last target"), ours.last.as_secs_f64(), "s", they, Some(goal));
    }
    let goal = (floor_all.each.median().as_secs_f64() * 1.3).max(1.0);
    table.add("1,000 at once: median", all.each.median().as_secs_f64(), "s", "51 s", Some(goal));
    let per_rotation = |service, action| figure(count(&calls, service, action, None)) / figure(ours.target.len());
    table.add(
        "reads of a value for each rotation",
        per_rotation("secretsmanager", "GetSecretValue"),
        "calls",
        "",
        Some(1.0),
    );
    table.add("deletions for each rotation", per_rotation("sqs", "DeleteMessageBatch"), "calls", "", Some(1.0));
    site.rekey.agent.restart().await?;
    site.proven().await
}

/// What polling costs while there are no heartbeats.
async fn polling(site: &Site, table: &mut Table, progress: &Progress) -> Result<()> {
    progress.line("two minutes with unproven pipes, each ExternalSecret at its refreshInterval of 1 min");
    let mark = site.stack.aws.requests().mark();
    tokio::time::sleep(Duration::from_mins(MINUTES.into())).await;
    let unproven = site.calls(mark)?.iter().filter(|call| call.service == "secretsmanager").count();
    table.add(
        "unproven pipe, 1 min: calls a minute for 1,000 secrets",
        figure(unproven) / f64::from(MINUTES),
        "calls",
        "1,000",
        Some(1050.0),
    );
    // The flip is followed by a look at everything.
    site.proven().await?;
    site.quiet(Duration::from_secs(10)).await
}

/// What polling costs while the pipe is proven: the calls of the sweep that follows 15 minutes after the look at everything,
/// which ended at `looked`; `mark` is of that time. The reads of what has changed meanwhile are no polling.
async fn sweep(site: &Site, table: &mut Table, looked: Instant, mark: Mark, progress: &Progress) -> Result<()> {
    progress.line("until the sweep, 15 minutes after the pipes were proven");
    tokio::time::sleep_until((looked + SWEEP + Duration::from_secs(30)).into()).await;
    site.quiet(Duration::from_secs(5)).await?;
    let compares = |call: &&Request| call.service == "secretsmanager" && call.action != "GetSecretValue";
    let calls = site.calls(mark)?.iter().filter(compares).count();
    let month = figure(calls) * SWEEPS * MONTH_HOURS / 1e6;
    table.add("proven pipe: calls a month, a sweep each 15 min", month, "M", "43.8 M", Some(0.438));
    Ok(())
}

async fn idle(site: &Site, table: &mut Table, crowd: &str, they: &str, their_memory: &str, goal: f64) -> Result<()> {
    site.quiet(Duration::from_secs(5)).await?;
    let before = site.processor_time()?;
    tokio::time::sleep(IDLE).await;
    let used = milliseconds(site.processor_time()?.saturating_sub(before)) / IDLE.as_secs_f64();
    let memory = megabytes(site.rekey.agent.resident()?);
    table.add(&format!("idle processor time at {crowd}"), used, "ms per s", they, (crowd == "1,000").then_some(1.0));
    table.add(&format!("memory at {crowd}"), memory, "MB", their_memory, Some(goal));
    Ok(())
}

/// 424 rotations of 50 secrets, and the agent killed eight times meanwhile.
async fn lost(site: &Site, table: &mut Table, progress: &Progress) -> Result<()> {
    progress.line("424 rotations, the agent killed eight times");
    let namespace = format!("{}{}", fleet::PREFIX, rekey_tests::random_word(6));
    let options = fleet::Options { namespace, secrets: 50, per_workload: 1, refresh_interval: "1h" };
    let mut fleet = Fleet::create(&site.stack, &options).await?;
    for _ in 0..8 {
        let rotate = fleet.rotate_at_random(53, Duration::from_millis(20));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            site.rekey.agent.kill();
            site.rekey.agent.restart().await
        };
        let (rotated, killed) = tokio::join!(rotate, kill);
        rotated.and(killed)?;
    }
    let queue = Queue::of(&site.stack, &site.rekey.deployed).await?;
    let key = hash_key(&site.stack, &site.rekey).await?;
    if let Err(error) = verdict(&fleet, &queue, &key, 0, Duration::from_mins(3)).await {
        println!("  {error:#}");
    }
    let secrets = figure(fleet.behind().await?.len());
    let workloads = figure(stale(&fleet, &key).await?.len());
    table.add("lost of 424 rotations, killed eight times: targets", secrets, "targets", "1", Some(0.0));
    table.add("the same: workloads", workloads, "workloads", "1 to 5", Some(0.0));
    fleet.remove().await
}

/// 10,000 ExternalSecrets over 500 namespaces, and 2,000 Deployments.
async fn ten_thousand(site: &Site, table: &mut Table, progress: &Progress) -> Result<()> {
    progress.line("9,000 ExternalSecrets and 1,800 Deployments more, over 450 namespaces");
    let options = crowd::Options {
        name: "many".to_owned(),
        secrets: 9000,
        workloads: 1800,
        namespaces: 450,
        refresh_interval: "1h".to_owned(),
    };
    let crowd = Crowd::create(&site.stack, options).await?;
    let first = crowd.synced(SYNCED).await?;
    table.add("first sync of 9,000 more, from the last apply", first.as_secs_f64(), "s", "", None);
    crowd.employed(SYNCED).await?;
    site.proven().await?;
    let ours = singles(&crowd, SINGLES, true).await?;
    table.add("change to target at 10,000, p50", milliseconds(ours.target.median()), "ms", "", None);
    table.add("change to template at 10,000, p50", milliseconds(ours.template.median()), "ms", "", None);
    idle(site, table, "10,000", "", "", 60.0).await
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn figure(count: usize) -> f64 {
    count as f64
}
