//! The after-change hook: `docs/after-change-hook.md`, with a stand-in for Grafana that runs as the pod of the hook's Job would.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, ResourceQuota};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::kubelet::{Kubelet, Machine, environment};
use rekey_tests::repository;
use rekey_tests::stack::Stack;
use serde_json::json;

use crate::fixture::{self, Pipe, Values};

const SOON: Duration = Duration::from_secs(30);
/// Kubernetes' pauses between five attempts take 150 s.
const FIVE_ATTEMPTS: Duration = Duration::from_mins(4);

fn folder() -> PathBuf {
    repository().join("tests/tests/e2e/hook")
}

fn manifests() -> String {
    std::fs::read_to_string(folder().join("grafana.yaml")).unwrap()
}

/// A password, which must never be seen in a log.
fn password(values: &Values) -> String {
    let password = format!("{}'\"$ `{}", rekey_tests::random_word(12), rekey_tests::random_word(12));
    values.add(&password);
    password
}

/// Grafana, as far as its admin can tell.
struct Grafana {
    home: PathBuf,
    machine: Machine,
}

impl Grafana {
    fn new(stack: &Stack, name: &str) -> Self {
        let home = stack.join(&format!("grafana-{name}")).unwrap();
        let env = vec![("STAND_IN".to_owned(), home.to_str().unwrap().to_owned())];
        let machine = Machine { programs: folder(), env, log: home.join("log") };
        Self { home, machine }
    }

    /// What its container does when it starts with the environment that it would have now.
    async fn start(&self, app: &App) {
        let pod = app.workload("grafana").await.unwrap().spec.unwrap().template.spec.unwrap();
        let env = environment(&app.client, &app.namespace, &pod.containers[0]).await.unwrap();
        self.machine.run(&["grafana".to_owned(), "server".to_owned()], &env).await.unwrap();
    }

    async fn accepts(&self, password: &str) -> bool {
        let command = ["sh", "-c", "printf %s \"$PASSWORD\" | grafana login"].map(str::to_owned);
        self.machine.run(&command, &BTreeMap::from([("PASSWORD".to_owned(), password.to_owned())])).await.is_ok()
    }

    /// While this lasts its commands wait.
    fn set(&self, state: &str, holds: bool) {
        let file = self.home.join(state);
        if holds { std::fs::write(file, "").unwrap() } else { std::fs::remove_file(file).unwrap() }
    }
}

async fn aws(stack: &Stack, operation: &str, secret: &str, username: &str, password: &str) {
    let value = json!({"username": username, "password": password}).to_string();
    let name = if operation == "create-secret" { "--name" } else { "--secret-id" };
    let call = ["secretsmanager", operation, name, secret, "--secret-string", &value];
    stack.aws.cli(&call).await.unwrap();
}

async fn jobs(app: &App) -> Vec<Job> {
    let jobs: Api<Job> = Api::namespaced(app.client.clone(), &app.namespace);
    jobs.list(&ListParams::default()).await.unwrap().items
}

/// Waits until the CronJob has a baseline.
async fn baseline(app: &App, cron_job: &str) {
    let cron_jobs: Api<CronJob> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("CronJob {cron_job} to have a baseline"), SOON, async || {
        let annotations = cron_jobs.get(cron_job).await?.metadata.annotations.unwrap_or_default();
        ensure!(annotations.contains_key("rekey.dev/applied"), "there is no rekey.dev/applied");
        Ok(())
    })
    .await
    .unwrap();
}

/// Waits for Events of this reason about an object, and returns what they say.
async fn event(app: &App, kind: &str, name: &str, reason: &str, timeout: Duration) -> String {
    let events: Api<Event> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("an Event {reason} about {kind} {name}"), timeout, async || {
        let all = events.list(&ListParams::default()).await?.items;
        let about = |event: &&Event| {
            let object = event.regarding.clone().unwrap_or_default();
            (object.kind.as_deref(), object.name.as_deref()) == (Some(kind), Some(name))
        };
        let ours: Vec<&Event> = all.iter().filter(about).collect();
        let these = ours.iter().filter(|event| event.reason.as_deref() == Some(reason));
        let notes: Vec<&str> = these.filter_map(|event| event.note.as_deref()).collect();
        let others: Vec<_> = ours.iter().map(|event| (&event.reason, &event.note)).collect();
        ensure!(!notes.is_empty(), "there are {others:?}");
        Ok(notes.join("\n"))
    })
    .await
    .unwrap()
}

/// Waits until so many commands have ended.
async fn ended(kubelet: &Kubelet, count: usize, timeout: Duration) -> Result<()> {
    eventually(&format!("{count} commands to end"), timeout, async || {
        let ended = kubelet.ran().iter().filter(|ran| ran.well.is_some()).count();
        ensure!(ended == count, "{ended} have ended");
        Ok(())
    })
    .await
}

#[test]
fn the_manifests_in_the_docs_are_those_that_are_tried_here() {
    let docs = std::fs::read_to_string(repository().join("docs/after-change-hook.md")).unwrap();
    assert!(docs.contains(&format!("```yaml\n{}```", manifests())), "docs/after-change-hook.md shows other manifests");
}

#[tokio::test]
async fn grafana_accepts_the_new_password_before_its_pods_are_restarted_with_it() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let [first, second, third] = [password(values), password(values), password(values)];
    aws(stack, "create-secret", "prod/grafana", "admin", &first).await;
    let client = stack.kubernetes.client().await.unwrap();
    let app = App { namespace: "grafana".to_owned(), client: client.clone() };
    let namespace = serde_json::from_value(json!({"metadata": {"name": app.namespace}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let volume = json!({"metadata": {"name": "grafana"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"},
        "claimRef": {"namespace": "grafana", "name": "grafana"}}});
    let volume = serde_json::from_value(volume).unwrap();
    Api::<PersistentVolume>::all(client.clone()).create(&PostParams::default(), &volume).await.unwrap();

    app.apply(&manifests()).await.unwrap();
    app.holds("grafana-admin", "admin-password", &first, SOON).await.unwrap();
    let grafana = Grafana::new(stack, "well");
    grafana.start(&app).await;
    baseline(&app, "grafana-admin-password").await;
    app.has_baseline("grafana", SOON).await.unwrap();
    let generation = app.settled("grafana", SOON).await.unwrap();
    let kubelet = Kubelet::start(client.clone(), &app.namespace, grafana.machine.clone());
    assert!(grafana.accepts(&first).await && !grafana.accepts(&second).await);
    assert!(jobs(&app).await.is_empty(), "first sight runs nothing");

    // The restart waits for the command.
    grafana.set("busy", true);
    aws(stack, "put-secret-value", "prod/grafana", "admin", &second).await;
    eventually("the command to begin", SOON, async || {
        ensure!(kubelet.ran().len() == 1, "{} have begun", kubelet.ran().len());
        Ok(())
    })
    .await
    .unwrap();
    app.holds("grafana-admin", "admin-password", &second, SOON).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = app.workload("grafana").await.unwrap().metadata.generation;
    assert_eq!(now, Some(generation), "it was restarted before the command had ended");
    grafana.set("busy", false);
    fixture::restarted(&app, "grafana", generation).await;
    grafana.start(&app).await;
    assert!(grafana.accepts(&second).await && !grafana.accepts(&first).await);
    let ran = kubelet.ran();
    let told = |name: &str| ran[0].env.get(name).map(String::as_str);
    assert_eq!(told("REKEY_SECRET"), Some("grafana-admin"));
    assert_eq!(told("REKEY_CHANGED_KEYS"), Some("admin-password"));
    event(&app, "ExternalSecret", "grafana-admin", "ValueLive", SOON).await;

    // A new token with the same data, and one where only another key changed: the next one tells that both are past.
    aws(stack, "put-secret-value", "prod/grafana", "admin", &second).await;
    aws(stack, "put-secret-value", "prod/grafana", "root", &second).await;
    ended(&kubelet, 2, SOON).await.unwrap();
    fixture::restarted(&app, "grafana", generation + 1).await;
    assert_eq!(kubelet.ran()[1].env["REKEY_CHANGED_KEYS"], "admin-user");
    assert!(grafana.accepts(&second).await);
    aws(stack, "put-secret-value", "prod/grafana", "root", &third).await;
    ended(&kubelet, 3, SOON).await.unwrap();
    fixture::restarted(&app, "grafana", generation + 2).await;
    assert!(grafana.accepts(&third).await && !grafana.accepts(&second).await);
    assert!(kubelet.ran().iter().all(|ran| ran.well == Some(true)), "{:?}", kubelet.ran().len());
    assert_eq!(jobs(&app).await.len(), 3);
    values.are_in_no_log(stack, rekey);
}

/// An application whose ExternalSecret `db` names the CronJob `reset`, and its Deployment `user`, which is at the generation
/// that is returned.
async fn application(stack: &Stack, values: &Values, namespace: &str, annotation: &str, suspend: bool) -> (App, i64) {
    aws(stack, "create-secret", namespace, "u", &password(values)).await;
    let app = App::create(stack, namespace).await.unwrap();
    let reset = "[sh, -c, 'printf x | grafana cli --homepath / admin reset-admin-password --password-from-stdin']";
    app.apply(&format!(
        "apiVersion: batch/v1
kind: CronJob
metadata: {{name: reset}}
spec:
  suspend: {suspend}
  schedule: '0 0 1 1 *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: reset, image: registry.example/grafana:1, command: {reset}}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: db, annotations: {{{annotation}: reset}}}}
spec:
  secretStoreRef: {{name: aws}}
  data: [{{secretKey: password, remoteRef: {{key: {namespace}, property: password}}}}]"
    ))
    .await
    .unwrap();
    app.condition("db", "True", "secret synced", SOON).await.unwrap();
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "db").await.unwrap();
    app.has_baseline("user", SOON).await.unwrap();
    baseline(&app, "reset").await;
    let generation = app.settled("user", SOON).await.unwrap();
    (app, generation)
}

#[tokio::test]
async fn a_command_that_fails_is_tried_five_times_and_told_and_the_pods_are_restarted_all_the_same() {
    let (stack, rekey, values) = fixture::rekey().await;
    let pipe = Pipe::shared().await;
    let (app, generation) = application(stack, values, "hook-fails", "rekey.dev/before-restart", true).await;
    let grafana = Grafana::new(stack, "broken");
    grafana.set("broken", true);
    let kubelet = Kubelet::start(app.client.clone(), &app.namespace, grafana.machine.clone());
    aws(stack, "put-secret-value", "hook-fails", "u", &password(values)).await;
    ended(&kubelet, 1, SOON).await.unwrap();
    // What comes now needs no events.
    drop(pipe);
    ended(&kubelet, 5, FIVE_ATTEMPTS).await.unwrap();
    let told = event(&app, "ExternalSecret", "db", "RolloutFailed", SOON).await;
    assert!(told.contains("reset-") && told.contains("backoff limit"), "{told}");
    fixture::restarted(&app, "user", generation).await;
    assert_eq!((kubelet.ran().len(), jobs(&app).await.len()), (5, 1));
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_command_after_the_restart_waits_for_the_new_pods() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (app, generation) = application(stack, values, "hook-after", "rekey.dev/after-restart", true).await;
    let grafana = Grafana::new(stack, "after");
    let kubelet = Kubelet::start(app.client.clone(), &app.namespace, grafana.machine.clone());
    // New pods stay away for a while.
    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: full}, spec: {hard: {pods: '2'}}}";
    app.apply(quota).await.unwrap();
    aws(stack, "put-secret-value", "hook-after", "u", &password(values)).await;
    eventually("the restart to begin", SOON, async || {
        let now = app.workload("user").await?.metadata.generation.unwrap_or_default();
        ensure!(now == generation + 1, "it is at generation {now}");
        Ok(())
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(jobs(&app).await.is_empty(), "it did not wait");
    app.apply(&quota.replace("'2'", "'20'")).await.unwrap();
    ended(&kubelet, 1, Duration::from_mins(1)).await.unwrap();
    assert_eq!(app.settled("user", SOON).await.unwrap(), generation + 1);
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_hook_that_cannot_be_run_is_told_and_holds_up_nothing() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (app, generation) = application(stack, values, "hook-cannot", "rekey.dev/before-restart", false).await;
    let told = event(&app, "ExternalSecret", "db", "HookNotRun", SOON).await;
    assert!(told.contains("rekey.dev/before-restart") && told.contains("spec.suspend"), "{told}");
    aws(stack, "put-secret-value", "hook-cannot", "u", &password(values)).await;
    fixture::restarted(&app, "user", generation).await;

    // Suspended, it is to be run for what it missed, as soon as the namespace has room for a Job.
    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: full}, spec: {hard: {count/jobs.batch: '0'}}}";
    app.apply(quota).await.unwrap();
    let quotas: Api<ResourceQuota> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually("the quota to be in force", SOON, async || {
        ensure!(quotas.get("full").await?.status.is_some_and(|status| status.hard.is_some()), "it is not");
        Ok(())
    })
    .await
    .unwrap();
    let cron_jobs: Api<CronJob> = Api::namespaced(app.client.clone(), &app.namespace);
    let suspended = Patch::Merge(json!({"spec": {"suspend": true}}));
    cron_jobs.patch("reset", &PatchParams::default(), &suspended).await.unwrap();
    let told = event(&app, "CronJob", "reset", "ReloadFail", SOON).await;
    assert!(told.contains("quota") || told.contains("jobs"), "{told}");
    app.apply(&quota.replace("'0'", "'9'")).await.unwrap();
    eventually("the Job to be made", Duration::from_mins(1), async || {
        let jobs = jobs(&app).await.len();
        ensure!(jobs == 1, "there are {jobs}");
        Ok(())
    })
    .await
    .unwrap();

    cron_jobs.delete("reset", &DeleteParams::default()).await.unwrap();
    eventually("that it is gone to be told", SOON, async || {
        let told = event(&app, "ExternalSecret", "db", "HookNotRun", SOON).await;
        ensure!(told.contains("does not exist"), "{told}");
        Ok(())
    })
    .await
    .unwrap();
    values.are_in_no_log(stack, rekey);
}
