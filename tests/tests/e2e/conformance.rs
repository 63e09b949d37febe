//! What an ExternalSecret means, told by examples: each case in `conformance/cases` is a state of AWS, manifests, and the
//! target and status that they must lead to, on the real API server with the agent that the chart installed.
//!
//! ```text
//! rules.yaml       every rule of behaviour, in words; each is proved by a case, or names the unit test that proves it
//! cases/*.yaml     the cases, by topic; cases/README.md tells what can stand in one
//!   └ case         reads them
//!       └ play     plays one in a namespace of its own: world acts on AWS and Kubernetes, pattern compares
//! ```
//!
//! They all run at once and wait for nothing but what they expect. `REKEY_CASES=words` plays only the cases of the files or
//! names that contain the words.

mod case;
mod pattern;
mod play;
mod rules;
mod world;

use std::time::{Duration, Instant};

use futures::StreamExt;
use rekey_tests::repository;

use crate::fixture::{self, Pipe};
use case::Case;
use world::World;

/// Cases at a time. They wait more than they work, and the API server works for all of them.
const AT_ONCE: usize = 32;

fn folder() -> std::path::PathBuf {
    repository().join("tests/tests/e2e/conformance")
}

#[tokio::test]
async fn every_case_holds() {
    let wanted = std::env::var("REKEY_CASES").unwrap_or_default();
    let cases: Vec<Case> =
        case::load(&folder().join("cases")).unwrap().into_iter().filter(|case| case.is_called(&wanted)).collect();
    assert!(!cases.is_empty(), "no case is called {wanted:?}");
    let (stack, rekey, _) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let begun = Instant::now();
    let world = World::open(stack, rekey).await.unwrap();
    let played = futures::stream::iter(cases.iter().enumerate())
        .map(async |(number, case)| (case, play::play(&world, case, number).await))
        .buffer_unordered(AT_ONCE);
    let outcomes: Vec<(&Case, Outcome)> = played.collect().await;
    rekey.agent.check().unwrap();
    conclude(&outcomes, begun.elapsed());
}

/// What became of a case.
struct Outcome {
    result: Result<(), String>,
    took: Duration,
}

fn conclude(outcomes: &[(&Case, Outcome)], took: Duration) {
    let failed = |pending: bool| {
        let differs =
            move |case: &Case, outcome: &Outcome| outcome.result.is_err() && case.pending.is_some() == pending;
        outcomes.iter().filter(move |(case, outcome)| differs(case, outcome))
    };
    let ready: Vec<&str> = outcomes
        .iter()
        .filter(|(case, outcome)| outcome.result.is_ok() && case.pending.is_some())
        .map(|(case, _)| case.name.as_str())
        .collect();
    let mut slowest: Vec<_> = outcomes.iter().collect();
    slowest.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.took));
    eprintln!("{} cases in {:.1} s; the slowest:", outcomes.len(), took.as_secs_f64());
    for (case, outcome) in slowest.iter().take(5) {
        eprintln!("  {:>5.1} s  {case}", outcome.took.as_secs_f64());
    }
    for (case, outcome) in failed(true) {
        let differences = outcome.result.as_ref().err().map_or("", String::as_str);
        eprintln!("pending ({}): {case}\n{differences}", case.pending.as_deref().unwrap_or_default());
    }
    let mut report = String::new();
    for (case, outcome) in failed(false) {
        let differences = outcome.result.as_ref().err().map_or("", String::as_str);
        report.extend(["\n", &case.to_string(), "\n", differences]);
    }
    assert!(ready.is_empty() || !report.is_empty(), "these hold now, so take their `pending` away: {ready:#?}");
    assert!(report.is_empty(), "{} of {} cases failed:\n{report}", failed(false).count(), outcomes.len());
}
