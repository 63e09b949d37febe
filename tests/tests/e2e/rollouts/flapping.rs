//! A ConfigMap that changes all the time restarts what uses it at the configured pace, and ends with its last value.

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::SOON;
use super::agents::Plan;
use super::fence::fence;
use super::stage::stage;
use super::workload::Workload;
use super::world::World;

/// Between two restarts, when nobody says anything.
const PACE: Duration = Duration::from_secs(10);
/// How long it flaps, ten times a second.
const FLAPS: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(100);

/// The SHA-1 of `mode=last`.
const LAST: &str = "e3307184ce8be5eb0040865daad35f5c78b33007";

#[tokio::test]
async fn a_flapping_config_map_restarts_at_the_pace_and_ends_on_its_last_value() {
    let name = "flapping";
    let world = stage().await.world().await;
    let plan = Plan::with_flags(&[("--min-restart-interval", "10s")]);
    let agent = stage().await.agent(name, &plan).await.unwrap();
    world.prepare(name, name).await.unwrap();
    set(&world, "first").await;
    // One that shows the hash of the data, and one that has another marker.
    for (workload, text) in [
        (
            "variable",
            "{annotations: {reloader.stakater.com/auto: 'true'}, pod: {containers: [{name: app, image: i, \
          env: [{name: STAKATER_SETTINGS_CONFIGMAP, value: none}], envFrom: [{configMapRef: {name: settings}}]}]}}",
        ),
        ("annotation", "{annotations: {reloader.stakater.com/auto: 'true'}, uses: [ConfigMap/settings]}"),
    ] {
        let manifest: Workload = serde_yaml_ng::from_str(text).unwrap();
        world.workload(name, workload, &manifest).await.unwrap();
    }
    fence(&world, name, &plan.fence, 0).await.unwrap();
    let before = world.observer.restarts(name);
    let restarts = |workload: &str| {
        let key = format!("Deployment/{name}/{workload}");
        world.observer.restarts(name).get(&key).unwrap_or(&0) - before.get(&key).unwrap_or(&0)
    };

    let begun = Instant::now();
    let mut flap = tokio::time::interval(BETWEEN);
    for number in 0.. {
        flap.tick().await;
        if begun.elapsed() >= FLAPS {
            break;
        }
        set(&world, &number.to_string()).await;
    }
    set(&world, "last").await;
    let look = async |workload: &str| world.look(name, &format!("Deployment/{workload}")).await.unwrap();
    let hash = |seen: &Json| seen["state"]["hashes"]["ConfigMap/settings"].clone();
    let ended = world.observer.eventually(SOON, async || {
        let (variable, annotation) = (look("variable").await, look("annotation").await);
        let value = &variable["variables"]["app"]["STAKATER_SETTINGS_CONFIGMAP"];
        anyhow::ensure!(value == LAST, "the variable is {value}");
        anyhow::ensure!(hash(&variable) == hash(&annotation), "they do not have the same data");
        anyhow::ensure!(annotation["marker"]["hash"] == hash(&annotation), "the marker is not about it");
        Ok(())
    });
    ended.await.unwrap();
    let most = usize::try_from(begun.elapsed().as_secs() / PACE.as_secs()).unwrap() + 1;
    fence(&world, name, &plan.fence, 1).await.unwrap();
    for workload in ["variable", "annotation"] {
        let restarts = restarts(workload);
        assert!((3..=most).contains(&restarts), "{workload} was restarted {restarts} times, at most {most} were right");
    }
    agent.check().unwrap();
}

async fn set(world: &World, mode: &str) {
    let data = [("mode".to_owned(), mode.to_owned())].into();
    world.config_map("flapping", "settings", &std::collections::BTreeMap::new(), &data).await.unwrap();
}
