//! Nobody is locked out: pods log in all the time while their credential is rotated, over and over, by the deployed
//! functions. Each pod keeps the credential it started with; the next rotation begins when the rollout is done.
//!
//! Two users that take turns and two passwords of one user must not cost a single log-in. One user with one password
//! cannot do without: there the gap between the change and the new pods is a figure of the output.

mod engines;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::load::{Load, Login, Tally};
use rekey_tests::stack::Stack;
use serde_json::Value;

use crate::fixture::{self, Pipe};

/// How often each credential is rotated.
const ROTATIONS: usize = 20;
const SOON: Duration = Duration::from_secs(60);

/// A credential under load.
struct Subject {
    /// The row's name, and that of everything that belongs to it.
    name: &'static str,
    /// The function that rotates it.
    lambda: String,
    /// The secret's value.
    value: Value,
    /// The secret's tags.
    tags: &'static [(&'static str, &'static str)],
    /// How its pods log in.
    login: Login,
    /// Whether a log-in may be refused while it is rotated.
    may_refuse: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_locked_out_while_credentials_rotate() {
    let (stack, rekey, _) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let subjects = engines::all(stack, rekey).await.unwrap();
    let app = App::create(stack, "downtime").await.unwrap();
    let runs = futures::future::join_all(subjects.iter().map(|subject| run(stack, &app, subject))).await;

    eprintln!("\n{:<28} {:>9} {:>8} {:>8}  gap in ms", "credential", "rotations", "log-ins", "refused");
    for (subject, run) in subjects.iter().zip(&runs) {
        let Run { tally, gaps } = run.as_ref().unwrap_or_else(|error| panic!("{}: {error:#}", subject.name));
        let gap = if subject.may_refuse { describe(gaps) } else { "none".to_owned() };
        eprintln!("{:<28} {ROTATIONS:>9} {:>8} {:>8}  {gap}", subject.name, tally.accepted, tally.refused.len());
        assert!(tally.broken.is_empty(), "{}: {:?}", subject.name, tally.broken);
        assert!(tally.accepted > 500, "{}: {} log-ins are no load", subject.name, tally.accepted);
        assert!(tally.pods >= 2 * ROTATIONS, "{}: {} pods", subject.name, tally.pods);
        assert!(subject.may_refuse || tally.refused.is_empty(), "{}: {:?}", subject.name, tally.refused);
        // That the load can see a refusal at all is shown by those who have to see some.
        assert!(!subject.may_refuse || !tally.refused.is_empty(), "{}: nobody noticed 20 changes", subject.name);
    }
}

/// What came of one credential.
struct Run {
    tally: Tally,
    /// From the first refusal of a rotation to its last one.
    gaps: Vec<Duration>,
}

async fn run(stack: &Stack, app: &App, subject: &Subject) -> Result<Run> {
    let secrets = aws_sdk_secretsmanager::Client::new(&stack.aws.sdk_config().await);
    let name = subject.name;
    let mut create = secrets.create_secret().name(format!("downtime/{name}")).secret_string(subject.value.to_string());
    for (key, value) in subject.tags {
        create = create.tags(aws_sdk_secretsmanager::types::Tag::builder().key(*key).value(*value).build());
    }
    let arn = create.send().await?.arn.context("create-secret names no ARN")?;
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
    for number in 0..ROTATIONS {
        let began = Instant::now();
        let mut rotate = secrets.rotate_secret().secret_id(&arn);
        if number == 0 {
            let rules =
                aws_sdk_secretsmanager::types::RotationRulesType::builder().automatically_after_days(30).build();
            rotate = rotate.rotation_lambda_arn(&subject.lambda).rotation_rules(rules);
        }
        let version = rotate.send().await.context("rotate-secret")?.version_id.context("it names no version")?;
        let password = eventually(&format!("rotation {number} of {name}"), SOON, async || {
            let current = secrets.get_secret_value().secret_id(&arn).send().await?;
            ensure!(current.version_id.as_deref() == Some(&version), "AWSCURRENT is on another version");
            let value: Value = serde_json::from_str(current.secret_string.as_deref().unwrap_or_default())?;
            Ok(value["password"].as_str().unwrap_or_default().to_owned())
        })
        .await?;
        app.holds(name, "password", &password, SOON).await?;
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
