//! Hooks: a token is run once, wherever the agent ends.

use anyhow::ensure;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use rekey_core::resource::ExternalSecret;
use rekey_tests::eventually::eventually;
use rekey_tests::fault::fleet::Fleet;
use rekey_tests::fault::rule::{Effect, When};
use rekey_tests::manifests;
use serde_json::{Value, json};

use super::rollouts::met;
use super::stage::{REDELIVERED, Row, SOON};

const CRON_JOB: &str = "apiVersion: batch/v1
kind: CronJob
metadata: {name: hook}
spec:
  suspend: true
  schedule: '@yearly'
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: hook, image: registry.example/hook:1}]}";

#[tokio::test]
async fn killed_between_a_hooks_job_and_its_record_it_runs_the_hook_once() {
    let row = Row::begin("killed between a hook's Job and its record", &[]).await;
    let mut fleet = row.fleet(1, 1, "1h").await;
    let client = row.stage.stack.kubernetes.client().await.unwrap();
    let agent = row.agent();
    manifests::apply(&client, &fleet.namespace, CRON_JOB).await.unwrap();
    let objects: Api<ExternalSecret> = Api::namespaced(client.clone(), &fleet.namespace);
    let annotated = json!({"metadata": {"annotations": {"rekey.dev/after-restart": "hook"}}});
    objects.patch(&fleet.sources[0].name, &PatchParams::default(), &Patch::Merge(annotated)).await.unwrap();
    recorded(&client, &fleet, &Value::Null).await;

    let jobs = format!("/namespaces/{}/jobs", fleet.namespace);
    // The Job is never made; then it is, and nobody learns of it.
    for (effect, runs) in [(Effect::Silence, 1), (Effect::HoldAnswer, 2)] {
        let creation = row.stage.kubernetes.fault(When::action("POST").path(&jobs), effect);
        fleet.rotate(0).await.unwrap();
        met(&creation, 1).await;
        agent.kill();
        drop(creation);
        agent.restart().await.unwrap();
        recorded(&client, &fleet, &json!(runs)).await;
        row.queue.drained(REDELIVERED).await.unwrap();
        let made = end_all(&client, &fleet).await;
        assert_eq!(made, runs, "each token is run once");
    }
    row.end(fleet, 0, REDELIVERED).await;
}

/// Waits until the CronJob's state counts so many runs.
async fn recorded(client: &kube::Client, fleet: &Fleet, runs: &Value) {
    let cron_jobs: Api<CronJob> = Api::namespaced(client.clone(), &fleet.namespace);
    eventually(&format!("{runs} runs to be recorded"), REDELIVERED, async || {
        let annotations = cron_jobs.get("hook").await?.metadata.annotations.unwrap_or_default();
        let state: Value = serde_json::from_str(annotations.get("rekey.dev/applied").map_or("{}", String::as_str))?;
        ensure!(state["hashes"].is_object() && state["runs"] == *runs, "{state}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Says of every Job that it has succeeded, for no kubelet does. Returns how many there are.
async fn end_all(client: &kube::Client, fleet: &Fleet) -> usize {
    let jobs: Api<Job> = Api::namespaced(client.clone(), &fleet.namespace);
    let all = jobs.list(&ListParams::default()).await.unwrap().items;
    for job in &all {
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &fleet.namespace);
        let name = job.metadata.name.as_deref().unwrap();
        let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
        eventually("the Job to have a pod that runs", SOON, async || {
            let pods = pods.list(&of_job).await?.items;
            ensure!(pods.iter().any(|pod| pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some())), "none");
            Ok(())
        })
        .await
        .unwrap();
        for pod in pods.list(&of_job).await.unwrap().items {
            let ended = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
            let name = pod.metadata.name.as_deref().unwrap();
            pods.patch_status(name, &PatchParams::default(), &ended).await.unwrap();
        }
    }
    all.len()
}
