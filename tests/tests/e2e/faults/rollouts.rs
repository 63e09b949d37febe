//! Restarts: none is lost and none happens twice, whatever happens between a Secret's change and its workloads' patch.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use kube::api::PostParams;
use rekey_tests::eventually::eventually;
use rekey_tests::fault::answer::Answer;
use rekey_tests::fault::fleet::Fleet;
use rekey_tests::fault::rule::{Effect, Fault, When};
use serde_json::{Value, json};

use super::stage::{REDELIVERED, Row, SOON};

#[tokio::test]
async fn killed_between_the_secret_and_its_workload_it_restarts_the_workload_once() {
    let row = Row::begin("killed between Secret and workload", &[]).await;
    let mut fleet = row.fleet(4, 2, "1h").await;
    let (kubernetes, agent) = (&row.stage.kubernetes, row.agent());
    let patches = When::action("PATCH").path(&format!("/namespaces/{}/deployments/", fleet.namespace));
    // The patch never arrives; then it does, and nobody learns of it.
    for (effect, restarts) in [(Effect::Silence, 2), (Effect::HoldAnswer, 4)] {
        let patch = kubernetes.fault(patches.clone(), effect);
        // One secret of each workload.
        for index in [0, 2] {
            fleet.rotate(index).await.unwrap();
        }
        met(&patch, 2).await;
        fleet.arrived(SOON).await.unwrap();
        agent.kill();
        drop(patch);
        agent.restart().await.unwrap();
        eventually("each workload to be restarted", REDELIVERED, async || {
            let seen = fleet.observer.restarts();
            ensure!(seen >= restarts, "{seen} of {restarts} restarts");
            Ok(())
        })
        .await
        .unwrap();
        row.queue.drained(REDELIVERED).await.unwrap();
        assert_eq!(fleet.observer.restarts(), restarts, "each workload is restarted once");
    }
    row.end(fleet, 0, REDELIVERED).await;
}

#[tokio::test]
async fn five_hundred_secrets_that_changed_while_it_was_down_restart_each_workload_once() {
    const SECRETS: usize = 500;
    let row = Row::begin("500 secrets changed while it is down", &[]).await;
    let mut fleet = row.fleet(SECRETS, 1, "1h").await;
    row.agent().kill();
    fleet.rotate_each().await.unwrap();
    row.agent().restart().await.unwrap();
    // A hundred restarts at once, ten a second after that.
    let slowly = Duration::from_secs(SECRETS as u64 / 10) + REDELIVERED;
    eventually("each workload to be restarted", slowly, async || {
        let seen = fleet.observer.restarts();
        ensure!(seen >= SECRETS, "{seen} of {SECRETS} restarts");
        Ok(())
    })
    .await
    .unwrap();
    row.queue.drained(REDELIVERED).await.unwrap();
    assert_eq!(fleet.observer.restarts(), SECRETS, "each workload is restarted once");
    row.end(fleet, 0, REDELIVERED).await;
}

#[tokio::test]
async fn a_minute_without_lists_and_patches_loses_nothing() {
    let row = Row::begin("LIST and PATCH fail for 60 s", &[]).await;
    let mut fleet = row.fleet(20, 2, "1h").await;
    let kubernetes = &row.stage.kubernetes;
    let failing = When::action("GET").or_action("PATCH");
    let failing = kubernetes.fault(failing, Effect::Answer(Answer::server_error()));
    // The watches end, so that lists are needed.
    kubernetes.cut();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        fleet.rotate_at_random(5, Duration::from_millis(200)).await.unwrap();
    }
    assert!(failing.hits() > 20, "only {} requests failed", failing.hits());
    drop(failing);
    row.end(fleet, 0, REDELIVERED).await;
}

#[tokio::test]
async fn a_job_that_was_deleted_when_the_agent_was_killed_comes_back() {
    let row = Row::begin("Job deleted, killed before it is made again", &[]).await;
    let mut fleet = row.fleet(1, 1, "1h").await;
    let (kubernetes, agent) = (&row.stage.kubernetes, row.agent());
    let client = row.stage.stack.kubernetes.client().await.unwrap();
    let jobs: Api<Job> = Api::namespaced(client, &fleet.namespace);
    let sources = json!([{"secretRef": {"name": fleet.sources[0].name}}]);
    let containers = json!([{"name": "app", "image": "registry.example/app:1", "envFrom": sources}]);
    let job = json!({
        "metadata": {"name": "job", "annotations": {"reloader.stakater.com/auto": "true"}},
        "spec": {
            "parallelism": 0, "backoffLimit": 4,
            "template": {"spec": {"restartPolicy": "Never", "containers": containers}},
        },
    });
    let job: Job = serde_json::from_value(job).unwrap();
    let first = jobs.create(&PostParams::default(), &job).await.unwrap();
    eventually("the Job to have its baseline", SOON, async || {
        let annotations = jobs.get("job").await?.metadata.annotations.unwrap_or_default();
        ensure!(annotations.contains_key("rekey.dev/applied"), "there is none");
        Ok(())
    })
    .await
    .unwrap();

    let create = When::action("POST").path(&format!("/namespaces/{}/jobs", fleet.namespace));
    let create = kubernetes.fault(create, Effect::Silence);
    fleet.rotate(0).await.unwrap();
    met(&create, 1).await;
    agent.kill();
    eventually("the Job to be gone", SOON, async || {
        ensure!(jobs.get_opt("job").await?.is_none_or(|job| job.metadata.deletion_timestamp.is_some()), "it is there");
        Ok(())
    })
    .await
    .unwrap();
    drop(create);
    agent.restart().await.unwrap();
    let second = eventually("the Job to be there again", REDELIVERED, async || {
        let job = jobs.get_opt("job").await?.context("it is not")?;
        ensure!(job.metadata.uid != first.metadata.uid, "it is the first one still");
        Ok(job)
    })
    .await
    .unwrap();
    assert_eq!(second.spec.as_ref().and_then(|spec| spec.backoff_limit), Some(4), "it is another one");
    row.queue.drained(REDELIVERED).await.unwrap();
    let now = jobs.get("job").await.unwrap();
    assert_eq!(now.metadata.uid, second.metadata.uid, "it was made again twice");
    row.end(fleet, 0, REDELIVERED).await;
}

#[tokio::test]
async fn secrets_that_change_by_one_batch_are_one_restart_and_a_single_one_does_not_wait() {
    const SECRETS: usize = 6;
    let row = Row::begin("one batch of messages, one restart", &[]).await;
    let mut fleet = row.fleet(SECRETS, SECRETS, "1h").await;
    let begun = Instant::now();
    fleet.rotate(0).await.unwrap();
    restarted(&fleet, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "a single change took {:?}", begun.elapsed());

    // The queue keeps what comes, so that the next receive brings all of it.
    let receive = row.stage.aws.fault(When::action("ReceiveMessage"), Effect::Hold);
    receive.arrived(1, SOON).await.unwrap();
    let before = hashes(&fleet);
    fleet.rotate_each().await.unwrap();
    eventually("all messages to be in the queue", SOON, async || {
        let (visible, _) = row.queue.counts().await?;
        ensure!(visible >= SECRETS, "{visible} are");
        Ok(())
    })
    .await
    .unwrap();
    drop(receive);
    restarted(&fleet, 2).await;
    let after = hashes(&fleet);
    let missed: Vec<&String> = before.keys().filter(|name| before.get(*name) == after.get(*name)).collect();
    assert_eq!(before.len(), SECRETS);
    assert!(missed.is_empty(), "the restart did not carry {missed:?}");
    row.end(fleet, 0, SOON).await;
}

/// Waits until so many requests met the fault, whatever became of them.
pub(super) async fn met(fault: &Fault, requests: u32) {
    eventually(&format!("{requests} requests to meet the fault"), SOON, async || {
        ensure!(fault.hits() >= requests, "{} have", fault.hits());
        Ok(())
    })
    .await
    .unwrap();
}

/// Waits until there were so many restarts, and looks that there were not more.
async fn restarted(fleet: &Fleet, restarts: usize) {
    eventually(&format!("{restarts} restarts"), SOON, async || {
        let seen = fleet.observer.restarts();
        ensure!(seen >= restarts, "{seen}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(fleet.observer.restarts(), restarts);
}

/// What the pods of the fleet's only Deployment have got, as its state tells.
fn hashes(fleet: &Fleet) -> BTreeMap<String, Value> {
    let state = fleet.observer.seen().into_values().next().and_then(|seen| seen.state).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    state["hashes"].as_object().unwrap().clone().into_iter().collect()
}
