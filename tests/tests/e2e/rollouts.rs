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
//!           ├ world      acts on the API server; undo is kubectl's rollback
//!           └ observer   counts restarts
//! flapping, takeover, webhook    what needs more than a table
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
mod takeover;
mod undo;
mod webhook;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::api::ListParams;
use rekey_tests::eventually::eventually;
use rekey_tests::progress::Progress;
use rekey_tests::repository;
use rekey_tests::stack::{Options, Stack};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::table::case::load;
use crate::table::objects::Objects;
use crate::table::report::{Outcome, conclude};
use crate::table::rules;
use agents::Plan;
use case::{Case, Cast, Step, each_kind};
use pending::Pending;
use world::World;

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

/// The stack of these tests alone: an agent of another test would restart their workloads too.
struct Stage {
    stack: Stack,
    /// The Deployment by which every agent is started.
    deployment: String,
}

async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Result<Stage, String>> = OnceCell::const_new();
    let set = async || {
        let options = Options { purpose: "rollouts".to_owned(), ..Options::default() };
        let stack = Box::pin(Stack::start(options, &Progress::stderr())).await?;
        let deployment = agents::install(&stack).await?;
        Ok::<_, anyhow::Error>(Stage { stack, deployment })
    };
    match STAGE.get_or_init(async || set().await.map_err(|error| format!("{error:#}"))).await {
        Ok(stage) => stage,
        Err(error) => panic!("the stack of the rollouts did not start: {error}"),
    }
}

#[tokio::test]
async fn every_case_holds() {
    let wanted = std::env::var("REKEY_CASES").unwrap_or_default();
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.is_called(&wanted)).collect();
    assert!(!cases.is_empty(), "no case is called {wanted:?}");
    let plans: Vec<(String, Plan)> =
        plans().into_iter().filter(|(name, _)| cases.iter().any(|case| case.head.agent == *name)).collect();
    let Stage { stack, deployment } = stage().await;
    let agents = plans.iter().map(async |(name, plan)| (name, plan, plan.start(stack, deployment, name).await));
    let agents = futures::future::join_all(agents).await;
    let world = open().await;

    let begun = Instant::now();
    let played = agents.iter().map(async |(name, plan, agent)| {
        let ours: Vec<&Case> = cases.iter().filter(|case| case.head.agent == **name).collect();
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

/// The world, on the runtime that calls this, with Argo's kind in it.
async fn open() -> World {
    let objects = Objects { client: stage().await.stack.kubernetes.client().await.unwrap() };
    let text = std::fs::read_to_string(folder().join("argo.yaml")).unwrap();
    let definition: Value = serde_yaml_ng::from_str(&text).unwrap();
    objects.apply("", &definition).await.unwrap();
    eventually("Argo's kind to be served", SOON, async || {
        let rollouts = objects.all("Rollout")?;
        Ok(rollouts.list(&ListParams::default()).await.map(drop)?)
    })
    .await
    .unwrap();
    World::open(objects).unwrap()
}

#[test]
fn every_rule_has_a_proof_and_every_case_a_rule() {
    rules::check(&folder().join("rules.yaml"), &cases());
}
