//! What an ExternalSecret means, told by examples: each case in `conformance/cases` is a state of AWS, manifests, and the
//! target and status that they must lead to, on the real API server with the agent that the chart installed.
//!
//! ```text
//! rules.yaml       every rule of behaviour, in words; each is proved by a case, or names the unit test that proves it
//! cases/*.yaml     the cases, by topic; cases/README.md tells what can stand in one
//!   └ case         reads them
//!       └ play     plays one in a namespace of its own; world acts on AWS and Kubernetes
//! ```
//!
//! They all run at once and wait for nothing but what they expect. `REKEY_CASES=words` plays only the cases of the files or
//! names that contain the words.

mod case;
mod play;
mod world;

use std::time::Instant;

use futures::StreamExt;
use rekey_tests::repository;

use crate::fixture::{self, Pipe};
use crate::table::case::{Case, load};
use crate::table::report::{Outcome, conclude, ready};
use crate::table::rules;
use case::{Place, Step};
use world::World;

/// Cases at a time. They wait more than they work, and the API server works for all of them.
const AT_ONCE: usize = 32;

fn folder() -> std::path::PathBuf {
    repository().join("tests/tests/e2e/conformance")
}

fn cases() -> Vec<Case<Place>> {
    load::<Place, Step>(&folder().join("cases")).unwrap()
}

#[tokio::test]
async fn every_case_holds() {
    let wanted = std::env::var("REKEY_CASES").unwrap_or_default();
    let cases: Vec<Case<Place>> = cases().into_iter().filter(|case| case.is_called(&wanted)).collect();
    assert!(!cases.is_empty(), "no case is called {wanted:?}");
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let begun = Instant::now();
    let world = World::open(stack, values).await.unwrap();
    let played = futures::stream::iter(cases.iter().enumerate())
        .map(async |(number, case)| (case, play::play(&world, case, number).await))
        .buffer_unordered(AT_ONCE);
    let outcomes: Vec<(&Case<Place>, Outcome)> = played.collect().await;
    rekey.agent.check().unwrap();
    values.are_in_no_log(stack, rekey);
    conclude(&outcomes, begun.elapsed(), &ready(&outcomes));
}

#[test]
fn every_rule_has_a_proof_and_every_case_a_rule() {
    rules::check(&folder().join("rules.yaml"), &cases());
}
