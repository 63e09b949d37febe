//! Plays the cases of one agent, in rounds: all take their first step, then a fence shows that the agent has seen all of
//! it, then all take their second. So a step that must change nothing is proved by the fence, at the price of one for all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::StreamExt;
use rekey_tests::agent::Agent;
use serde_json::Value as Json;

use super::agents::Plan;
use super::case::{Case, Step, steps};
use super::fence::fence;
use super::observer::{Key, Restarts, compare};
use super::world::World;
use crate::table::pattern::differences;
use crate::table::report::Outcome;

/// Until an expectation has failed.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// The same for a case that nobody expects to hold.
const PENDING_PATIENCE: Duration = Duration::from_secs(4);
/// Cases that change something at a time.
const AT_ONCE: usize = 16;

/// A case that is being played.
struct Playing<'a> {
    case: &'a Case,
    namespace: String,
    steps: Vec<Step>,
    /// How often its workloads must have been restarted so far.
    restarts: BTreeMap<Key, usize>,
    begun: Instant,
    failed: Option<String>,
    ended: Option<Duration>,
}

/// What a step compares with.
struct Before {
    restarts: Restarts,
    objects: BTreeMap<String, Json>,
}

/// Plays cases with a running agent that they have for themselves.
pub(super) async fn play<'a>(
    world: &World,
    name: &str,
    plan: &Plan,
    agent: &Agent,
    cases: Vec<&'a Case>,
) -> Vec<(&'a Case, Outcome)> {
    let mut playing: Vec<Playing<'a>> =
        cases.into_iter().enumerate().map(|(number, case)| Playing::new(case, name, number)).collect();
    for case in &mut playing {
        let prepared = world.prepare(&case.namespace, name).await;
        case.note(prepared.map_err(|error| format!("{error:#}")));
    }
    let rounds = playing.iter().map(|case| case.steps.len()).max().unwrap_or_default();
    for round in 0..rounds {
        if let Err(error) = play_round(world, name, plan, agent, &mut playing, round).await {
            let failed = playing.iter_mut().filter(|case| case.failed.is_none() && case.steps.len() > round);
            failed.for_each(|case| case.note(Err(format!("  in round {}: {error:#}", round + 1))));
            break;
        }
    }
    for case in playing.iter_mut().filter(|case| case.failed.is_none()) {
        let now = world.observer.restarts(&case.namespace);
        let compared = compare(&case.restarts, &Restarts::new(), &now);
        case.note(compared.map_err(|error| format!("  in namespace {}, later\n    {error:#}", case.namespace)));
    }
    playing.into_iter().map(Playing::outcome).collect()
}

async fn play_round(
    world: &World,
    name: &str,
    plan: &Plan,
    agent: &Agent,
    playing: &mut [Playing<'_>],
    round: usize,
) -> Result<()> {
    let down = playing.iter().any(|case| case.step(round).is_some_and(|step| step.down));
    if down {
        agent.kill();
    }
    let changes = futures::stream::iter(playing.iter_mut().filter(|case| case.step(round).is_some()))
        .map(async |case| {
            let before = case.change(world, round).await;
            (case, before)
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    if down {
        agent.restart().await?;
        agent.ready(PATIENCE).await?;
    }
    let settled = changes.into_iter().filter_map(|(case, before)| Some((case, before?))).map(async |(case, before)| {
        case.settles(world, round, &before).await;
        (case, before)
    });
    let mut settled = futures::future::join_all(settled).await;
    agent.check()?;
    fence(world, name, &plan.fence, round).await?;
    for (case, before) in &mut settled {
        case.holds(world, round, before).await;
        if case.steps.len() == round + 1 {
            case.ended.get_or_insert(case.begun.elapsed());
        }
    }
    Ok(())
}

impl<'a> Playing<'a> {
    fn new(case: &'a Case, agent: &str, number: usize) -> Self {
        let namespace = case.head.namespace.clone().unwrap_or_else(|| format!("{agent}-{number:03}"));
        let (steps, failed) = match steps(case, &namespace) {
            Ok(steps) => (steps, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        Self { case, namespace, steps, restarts: BTreeMap::new(), begun: Instant::now(), failed, ended: None }
    }

    /// The step of this round, if the case has one and is not over.
    fn step(&self, round: usize) -> Option<&Step> {
        self.steps.get(round).filter(|_| self.failed.is_none())
    }

    fn note(&mut self, outcome: Result<(), String>) {
        if let Err(error) = outcome
            && self.failed.is_none()
        {
            self.failed = Some(error);
            self.ended = Some(self.begun.elapsed());
        }
    }

    async fn change(&mut self, world: &World, round: usize) -> Option<Before> {
        let step = self.step(round)?;
        let outcome: Result<Before> = async {
            let mut objects = BTreeMap::new();
            for reference in step.expect.keys() {
                objects.insert(reference.clone(), world.look(&self.namespace, reference).await?);
            }
            let before = Before { restarts: world.observer.restarts(&self.namespace), objects };
            world.change(&self.namespace, step).await?;
            Ok(before)
        }
        .await;
        let (outcome, before) = match outcome {
            Ok(before) => (Ok(()), Some(before)),
            Err(error) => (Err(error), None),
        };
        for (reference, count) in self.steps[round].restarts.clone() {
            *self.restarts.entry(self.key(&reference)).or_default() += count;
        }
        self.note(outcome.map_err(|error| self.told(round, &error)));
        before
    }

    /// Waits until the step's expectations hold.
    async fn settles(&mut self, world: &World, round: usize, before: &Before) {
        let patience = match self.steps[round].within {
            _ if self.case.pending.is_some() => PENDING_PATIENCE,
            Some(seconds) => Duration::from_secs(seconds),
            None => PATIENCE,
        };
        let outcome = world.observer.eventually(patience, async || self.compare(world, round, before).await).await;
        self.note(outcome.map_err(|error| self.told(round, &error)));
    }

    /// Looks whether they still do.
    async fn holds(&mut self, world: &World, round: usize, before: &Before) {
        let outcome = self.compare(world, round, before).await;
        self.note(outcome.map_err(|error| self.told(round, &error.context("after the fence"))));
    }

    async fn compare(&self, world: &World, round: usize, before: &Before) -> Result<()> {
        let step = &self.steps[round];
        let mut found = Vec::new();
        for (reference, expected) in &step.expect {
            let now = world.look(&self.namespace, reference).await?;
            let then = before.objects.get(reference).unwrap_or(&Json::Null);
            found.extend(differences(expected, &now, then).into_iter().map(|line| format!("{reference} {line}")));
        }
        let expected = step.restarts.iter().map(|(reference, count)| (self.key(reference), *count)).collect();
        let now = world.observer.restarts(&self.namespace);
        if let Err(error) = compare(&expected, &before.restarts, &now) {
            found.push(error.to_string());
        }
        ensure!(found.is_empty(), "{}", found.join("\n    "));
        Ok(())
    }

    fn key(&self, reference: &str) -> Key {
        let (kind, name) = reference.split_once('/').unwrap_or((reference, ""));
        format!("{kind}/{}/{name}", self.namespace)
    }

    fn told(&self, round: usize, error: &anyhow::Error) -> String {
        format!("  in namespace {}, step {}\n    {error:#}", self.namespace, round + 1)
    }

    fn outcome(self) -> (&'a Case, Outcome) {
        let took = self.ended.unwrap_or_else(|| self.begun.elapsed());
        (self.case, Outcome { result: self.failed.map_or(Ok(()), Err), took })
    }
}
