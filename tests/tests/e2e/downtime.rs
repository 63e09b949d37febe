//! Nobody is locked out: pods log in all the time while their credential is rotated, over and over, by the deployed
//! functions. Each pod keeps the credential it started with; the next rotation begins when the rollout is done.
//!
//! Two users that take turns and two passwords of one user must not cost a single log-in. One user with one password
//! cannot do without: there the gap between the change and the new pods is a figure of the output.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::load::{Load, Tally};
use rekey_tests::subjects::{self, Subject};
use serde_json::Value;

use crate::fixture::{self, Pipe};

/// How often each credential is rotated.
const ROTATIONS: usize = 20;
const SOON: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_locked_out_while_credentials_rotate() {
    let (stack, rekey, _) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let subjects = subjects::create(stack, &rekey.deployed, "downtime").await.unwrap();
    let app = App::create(stack, "downtime").await.unwrap();
    let runs = futures::future::join_all(subjects.iter().map(|subject| run(&app, subject))).await;

    eprintln!("\n{:<28} {:>9} {:>8} {:>8}  gap in ms", "credential", "rotations", "log-ins", "refused");
    for (subject, run) in subjects.iter().zip(&runs) {
        let Run { tally, gaps } = run.as_ref().unwrap_or_else(|error| panic!("{}: {error:#}", subject.name));
        let gap = if subject.has_gap { describe(gaps) } else { "none".to_owned() };
        eprintln!("{:<28} {ROTATIONS:>9} {:>8} {:>8}  {gap}", subject.name, tally.accepted, tally.refused.len());
        assert!(tally.broken.is_empty(), "{}: {:?}", subject.name, tally.broken);
        assert!(tally.accepted > 200, "{}: {} log-ins are no load", subject.name, tally.accepted);
        assert!(tally.pods >= 2 * ROTATIONS, "{}: {} pods", subject.name, tally.pods);
        assert!(subject.has_gap || tally.refused.is_empty(), "{}: {:?}", subject.name, tally.refused);
        // That the load can see a refusal at all is shown by those who have to see some.
        assert!(!subject.has_gap || !tally.refused.is_empty(), "{}: nobody noticed 20 changes", subject.name);
    }
}

/// What came of one credential.
struct Run {
    tally: Tally,
    /// From the first refusal of a rotation to its last one.
    gaps: Vec<Duration>,
}

async fn run(app: &App, subject: &Subject) -> Result<Run> {
    let (name, arn) = (subject.name, subject.secret.arn());
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec:
  secretStoreRef: {{name: aws}}
  dataFrom: [{{extract: {{key: '{arn}'}}}}]"
    ))
    .await?;
    app.condition(name, "True", "", SOON).await?;
    app.deployment(name, "{reloader.stakater.com/auto: 'true'}", name).await?;
    app.has_baseline(name, SOON).await?;
    let mut generation = app.settled(name, SOON).await?;
    let load = Load::start(app.client.clone(), &app.namespace, name, name, subject.login.clone());
    eventually(&format!("{name}'s pods to log in"), SOON, async || {
        ensure!(load.tally().accepted > 10, "nobody has");
        Ok(())
    })
    .await?;

    let mut gaps = Vec::new();
    for _ in 0..ROTATIONS {
        let began = Instant::now();
        let value: Value = serde_json::from_str(&subject.secret.rotate(SOON).await?)?;
        let password = value["password"].as_str().unwrap_or_default();
        app.holds(name, "password", password, SOON).await?;
        eventually(&format!("{name} to be restarted"), SOON, async || {
            let now = app.workload(name).await?.metadata.generation.unwrap_or_default();
            ensure!(now > generation, "it is still at generation {now}");
            Ok(())
        })
        .await?;
        generation = app.settled(name, SOON).await?;
        let refused = load.tally().refused;
        let mut during = refused.iter().filter(|refusal| refusal.at > began).map(|refusal| refusal.at);
        if let Some(first) = during.next() {
            gaps.push(during.next_back().unwrap_or(first) - first);
        }
    }
    Ok(Run { tally: load.tally(), gaps })
}

/// Median and worst, in whole milliseconds.
fn describe(gaps: &[Duration]) -> String {
    let mut sorted: Vec<u128> = gaps.iter().map(Duration::as_millis).collect();
    sorted.sort_unstable();
    match sorted.as_slice() {
        [] => "no refusal seen".to_owned(),
        all => format!("median {}, worst {} (in {} rotations)", all[all.len() / 2], all[all.len() - 1], all.len()),
    }
}
