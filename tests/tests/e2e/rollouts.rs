//! What restarts a workload, and what does not, told by examples: Stakater Reloader's contract, and where Rekey differs. Each
//! case in `rollouts/cases` is some Secrets, ConfigMaps and workloads, what happens to them, and what must be restarted
//! because of it; everything that it does not name must not. It is played on the real API server with its real controllers.
//!
//! ```text
//! rules.yaml       every rule of behaviour, in words; each is proved by a case, or names the test that proves it
//! agents.yaml      the agents that the cases need, each with other flags
//! pending.yaml     which cases cannot hold yet
//! cases/*.yaml     the cases, by topic; cases/README.md tells what can stand in one
//!   └ case         reads them; workload makes whole manifests of what they say
//!       └ play     plays those of one agent in rounds, with a fence after each; agents starts them
//!           ├ stage      the cluster
//!           ├ world      acts on the API server; undo is kubectl's rollback
//!           └ observer   counts restarts
//! flapping, refused, takeover, webhook    what needs more than a table
//! ```
//!
//! `REKEY_CASES=words` plays only the cases of the files or names that contain the words.

mod agents;
mod case;
mod fence;
mod flapping;
mod observer;
mod pending;
mod play;
mod refused;
mod stage;
mod takeover;
mod undo;
mod webhook;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rekey_tests::repository;

use crate::table::case::load;
use crate::table::report::{Outcome, conclude};
use crate::table::rules;
use agents::Plan;
use case::{Case, Cast, Step, each_kind};
use pending::Pending;
use stage::stage;

/// The agent that a case is played with if it names none.
const USUAL: &str = "usual";
/// For what takes an instant on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(30);

fn folder() -> PathBuf {
    repository().join("tests/tests/e2e/rollouts")
}

fn pending() -> Pending {
    Pending::read(&folder().join("pending.yaml")).unwrap()
}

fn cases() -> Vec<Case> {
    each_kind(load::<Cast, Step>(&folder().join("cases")).unwrap(), &pending()).unwrap()
}

fn plans() -> BTreeMap<String, Plan> {
    agents::read(&folder().join("agents.yaml")).unwrap()
}

#[tokio::test]
async fn every_case_holds() {
    let wanted = std::env::var("REKEY_CASES").unwrap_or_default();
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.is_called(&wanted)).collect();
    assert!(!cases.is_empty(), "no case is called {wanted:?}");
    let plans: Vec<(String, Plan)> =
        plans().into_iter().filter(|(name, _)| cases.iter().any(|case| case.head.agent == *name)).collect();
    let stage = stage().await;
    let agents = plans.iter().filter(|(name, _)| name.as_str() != USUAL);
    let agents = agents.map(async |(name, plan)| (name, plan, stage.agent(name, plan).await));
    let agents = futures::future::join_all(agents).await;
    let usual =
        plans.iter().filter(|(name, _)| name.as_str() == USUAL).map(|(name, plan)| (name, plan, Ok(&stage.usual)));
    let world = stage.world().await;

    let begun = Instant::now();
    let others = agents.iter().map(|(name, plan, agent)| (*name, *plan, agent.as_ref()));
    let played = usual.chain(others).map(async |(name, plan, agent)| {
        let ours: Vec<&Case> = cases.iter().filter(|case| case.head.agent == *name).collect();
        match agent {
            Ok(agent) => play::play(&world, name, plan, agent, ours).await,
            Err(error) => did_not_start(ours, error),
        }
    });
    let outcomes: Vec<(&Case, Outcome)> = futures::future::join_all(played).await.into_iter().flatten().collect();
    assert_eq!(outcomes.len(), cases.len(), "a case names an agent that agents.yaml does not know");
    conclude(&outcomes, begun.elapsed(), &pending().ready(&outcomes));
}

fn did_not_start<'a>(cases: Vec<&'a Case>, error: &anyhow::Error) -> Vec<(&'a Case, Outcome)> {
    let outcome = || Outcome { result: Err(format!("  the agent did not start: {error:#}")), took: Duration::ZERO };
    cases.into_iter().map(|case| (case, outcome())).collect()
}

#[test]
fn every_rule_has_a_proof_and_every_case_a_rule() {
    rules::check(&folder().join("rules.yaml"), &cases());
}
