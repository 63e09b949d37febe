//! The agent starts where Reloader has managed everything until a moment ago.

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use super::SOON;
use super::agents::Plan;
use super::fence::fence;
use super::stage::stage;
use super::workload::Workload;
use super::world::World;

const NAME: &str = "takeover";
const WORKLOADS: usize = 500;
/// Workloads that share a Secret.
const PER_SECRET: usize = 10;
/// Requests at a time.
const AT_ONCE: usize = 16;
const KINDS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "Rollout"];
/// The SHA-1 of `a=one`.
const ONE: &str = "6d834b52e3ad8fe3280b230891e63c8edfd75918";

#[tokio::test]
async fn five_hundred_workloads_of_reloaders_are_taken_over_and_none_is_restarted() {
    let world = stage().await.world().await;
    world.prepare(NAME, NAME).await.unwrap();
    let secrets = futures::stream::iter(0..WORKLOADS / PER_SECRET).map(|number| set(&world, number, "one"));
    secrets.buffer_unordered(AT_ONCE).try_collect::<()>().await.unwrap();
    let made = futures::stream::iter(0..WORKLOADS).map(async |number| {
        let (_, workload) = reloaders(number);
        world.workload(NAME, &format!("w{number:03}"), &workload).await
    });
    made.buffer_unordered(AT_ONCE).try_collect::<()>().await.unwrap();
    let seen = |number: usize| {
        let (kind, _) = reloaders(number);
        world.observer.look(&format!("{kind}/{NAME}/w{number:03}"))
    };
    let all = async || {
        ensure!((0..WORKLOADS).all(|number| !seen(number).is_null()), "some are not there yet");
        Ok(())
    };
    world.observer.eventually(SOON, all).await.unwrap();

    let plan = Plan::with_flags(&[]);
    let agent = stage().await.agent(NAME, &plan).await.unwrap();
    let recorded = async || {
        let state = |number: &usize| !seen(*number)["metadata"]["annotations"]["rekey.dev/applied"].is_null();
        let with = (0..WORKLOADS).filter(state).count();
        ensure!(with == WORKLOADS, "{with} of {WORKLOADS} have a state");
        Ok(())
    };
    world.observer.eventually(SOON, recorded).await.unwrap();
    fence(&world, NAME, &plan.fence, 0).await.unwrap();
    assert!(world.observer.restarts(NAME).is_empty(), "{:?}", world.observer.restarts(NAME));

    // And it does manage them.
    set(&world, 0, "two").await.unwrap();
    let restarted = async || {
        let restarts = world.observer.restarts(NAME);
        ensure!(restarts.values().sum::<usize>() == PER_SECRET, "{restarts:?}");
        Ok(())
    };
    world.observer.eventually(SOON, restarted).await.unwrap();
    fence(&world, NAME, &plan.fence, 1).await.unwrap();
    restarted().await.unwrap();
    agent.check().unwrap();
}

/// A workload as Reloader leaves it, and its kind: each kind with each strategy, and some that Reloader never restarted.
fn reloaders(number: usize) -> (&'static str, Workload) {
    let (kind, secret) = (KINDS[number % KINDS.len()], format!("s{:03}", number / PER_SECRET));
    let mut container = json!({"name": "app", "image": "i", "envFrom": [{"secretRef": {"name": secret}}]});
    let mut template = json!({});
    match number % 3 {
        0 => container["env"] = json!([{"name": format!("STAKATER_{}_SECRET", secret.to_uppercase()), "value": ONE}]),
        1 => {
            let marker = json!({"type": "SECRET", "name": secret, "namespace": NAME, "hash": ONE,
                                "containerRefs": ["app"], "observedAt": 1_700_000_000});
            template = json!({"reloader.stakater.com/last-reloaded-from": marker.to_string()});
        }
        _ => {}
    }
    let annotations = json!({"reloader.stakater.com/auto": "true"});
    let pod = json!({"containers": [container]});
    let workload = json!({"kind": kind, "annotations": annotations, "template": template, "pod": pod});
    (kind, serde_json::from_value(workload).unwrap())
}

async fn set(world: &World, number: usize, value: &str) -> Result<()> {
    let data = [("a".to_owned(), value.to_owned())].into();
    world.secret(NAME, &format!("s{number:03}"), &std::collections::BTreeMap::new(), &data).await
}
