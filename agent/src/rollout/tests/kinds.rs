//! What the API server is told for each kind of workload and each strategy.

use axum::http::{Method, StatusCode};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use rekey_core::rollout::options::{Options, Strategy};
use rekey_core::rollout::workload::{Rollout, WorkloadKind};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::cluster::testing::{Call, Server};

const CRON_JOBS: &str = "/apis/batch/v1/namespaces/ns/cronjobs";
const JOBS: &str = "/apis/batch/v1/namespaces/ns/jobs";
const SAVES: &str = "/api/v1/namespaces/rekey/secrets";

/// An agent at work.
struct Agent {
    rollouts: Rollouts,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Agent {
    async fn start(server: &Server, strategy: Strategy) -> Self {
        let choices = Options { strategy, ..Options::default() };
        let options = RolloutOptions { choices, namespace: "rekey".to_owned(), ..RolloutOptions::default() };
        let writer = Writer::new(server.client().await, Gate::open());
        let rollouts = Rollouts::new(writer, HashKey::new(&[7; 32]).unwrap(), options);
        rollouts.resource_seen(&secret(1, "hunter2"));
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(rollouts.clone().run(shutdown.clone()));
        Self { rollouts, shutdown, running }
    }

    /// Shows a workload, waits until its baseline is on record at `path`, and changes what it uses.
    async fn change<K: Restartable + serde::de::DeserializeOwned>(&self, server: &Server, path: &str, object: Value) {
        self.rollouts.workload_seen(&serde_json::from_value::<K>(object).unwrap());
        self.rollouts.complete();
        let recorded = |call: &Call| call.method == Method::PATCH && call.path == path && call.status == StatusCode::OK;
        server.call(recorded).await;
        self.rollouts.resource_seen(&secret(2, "hunter3"));
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(5), self.running).await.unwrap().unwrap();
    }
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
        {"name": "side"}, {"name": "main", "younger": "field", "envFrom": [{"secretRef": {"name": "db"}}]}]}})
}

fn workload(api_version: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind,
           "metadata": {"name": "app", "namespace": "ns", "generation": 1,
                        "annotations": {"reloader.stakater.com/auto": "true"}},
           "spec": spec})
}

/// The patch that restarts a workload of this kind, which uses one Secret.
async fn restart<K: Restartable + serde::de::DeserializeOwned>(
    (api_version, kind, plural): (&str, &str, &str),
    spec: Value,
    strategy: Strategy,
) -> (Server, Call) {
    let server = Server::default();
    let collection = format!("/apis/{api_version}/namespaces/ns/{plural}");
    let path = format!("{collection}/app");
    let object = server.add(&collection, workload(api_version, kind, &spec));
    let agent = Agent::start(&server, strategy).await;
    agent.change::<K>(&server, &path, object).await;
    let patched = server.call(|call| call.method == Method::PATCH && call.body.get("spec").is_some()).await;
    agent.stop().await;
    let metadata = &patched.body["metadata"];
    assert_eq!((metadata["uid"].as_str(), metadata["resourceVersion"].as_str()), (Some("uid-1"), Some("2")), "{kind}");
    assert!(metadata["annotations"]["rekey.dev/applied"].is_string(), "{kind}");
    assert_eq!(patched.query, "fieldManager=Reloader", "{kind}");
    assert!(!patched.body.to_string().contains("hunter"), "{kind}");
    assert_eq!(server.writes().len(), 2, "a baseline and one restart: {kind}");
    (server, patched)
}

#[tokio::test]
async fn native_kinds_are_patched_by_strategic_merge_with_either_strategy() {
    async fn both<K: Restartable + serde::de::DeserializeOwned>(kind: (&str, &str, &str)) {
        let spec = || json!({"selector": {}, "serviceName": "app", "template": template()});
        let (_, annotated) = restart::<K>(kind, spec(), Strategy::Annotations).await;
        let (_, set) = restart::<K>(kind, spec(), Strategy::Variables).await;
        for patch in [&annotated, &set] {
            assert_eq!(patch.content_type, "application/strategic-merge-patch+json");
        }
        let marker =
            &annotated.body["spec"]["template"]["metadata"]["annotations"]["reloader.stakater.com/last-reloaded-from"];
        let marker: Value = serde_json::from_str(marker.as_str().unwrap()).unwrap();
        assert_eq!((&marker["type"], &marker["containerRefs"]), (&json!("SECRET"), &json!(["main"])));
        let containers = set.body["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        // echo -n password=hunter3 | sha1sum
        let sha = "dbab4103fc0abc3615802fef009b696bba3a1c90";
        assert_eq!(containers, &[json!({"name": "main", "env": [{"name": "STAKATER_DB_SECRET", "value": sha}]})]);
    }
    both::<Deployment>(("apps/v1", "Deployment", "deployments")).await;
    both::<StatefulSet>(("apps/v1", "StatefulSet", "statefulsets")).await;
    both::<DaemonSet>(("apps/v1", "DaemonSet", "daemonsets")).await;
}

#[tokio::test]
async fn a_rollout_loses_nothing_by_a_variable() {
    let kind = ("argoproj.io/v1alpha1", "Rollout", "rollouts");
    let (server, patch) = restart::<Rollout>(kind, json!({"template": template()}), Strategy::Variables).await;
    assert_eq!(patch.content_type, "application/merge-patch+json");
    let rollout = server.get("/apis/argoproj.io/v1alpha1/namespaces/ns/rollouts/app").unwrap();
    let mut expected = template();
    expected["spec"]["containers"][1]["env"] =
        json!([{"name": "STAKATER_DB_SECRET", "value": "dbab4103fc0abc3615802fef009b696bba3a1c90"}]);
    assert_eq!(rollout["spec"]["template"], expected);
}

#[tokio::test]
async fn a_rollout_that_is_restarted_in_place_keeps_its_template() {
    let server = Server::default();
    let mut object = workload("argoproj.io/v1alpha1", "Rollout", &json!({"template": template()}));
    object["metadata"]["annotations"][Rollout::STRATEGY] = json!("restart");
    let collection = "/apis/argoproj.io/v1alpha1/namespaces/ns/rollouts";
    let object = server.add(collection, object);
    let agent = Agent::start(&server, Strategy::Variables).await;
    agent.change::<Rollout>(&server, &format!("{collection}/app"), object).await;
    let patch = server.call(|call| call.method == Method::PATCH && call.body.get("spec").is_some()).await;
    agent.stop().await;
    let at: Timestamp = patch.body["spec"]["restartAt"].as_str().unwrap().parse().unwrap();
    assert!(at > Timestamp::now() - Duration::from_secs(20) && patch.body["spec"].as_object().unwrap().len() == 1);
}

fn cron_job() -> Value {
    let job = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"younger": "field", "template": template()}});
    workload("batch/v1", "CronJob", &json!({"schedule": "@daily", "jobTemplate": job}))
}

#[tokio::test]
async fn a_cron_job_runs_once_for_each_change_and_its_template_stays() {
    let server = Server::default();
    let object = server.add(CRON_JOBS, cron_job());
    let agent = Agent::start(&server, Strategy::Variables).await;
    // The Job is created, and then the agent cannot say so.
    let path = format!("{CRON_JOBS}/app");
    agent.change::<CronJob>(&server, &path, object.clone()).await;
    server.call(|call| call.method == Method::POST && call.path == JOBS).await;
    server.call(|call| call.method == Method::PATCH && call.body["metadata"]["resourceVersion"] == "2").await;
    agent.stop().await;

    let [job] = server.list(JOBS).try_into().expect("one Job");
    assert!(job["metadata"]["name"].as_str().unwrap().starts_with("app-"));
    assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "uid-1");
    assert_eq!(job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    assert_eq!((&job["metadata"]["labels"]["app"], &job["spec"]["younger"]), (&json!("a"), &json!("field")));
    assert_eq!(job["spec"]["template"]["spec"]["containers"][1]["env"][0]["name"], "STAKATER_DB_SECRET");
    let cron_job = server.get(&path).unwrap();
    assert_eq!(cron_job["spec"], object["spec"]);
    assert!(cron_job["metadata"]["annotations"]["rekey.dev/applied"].is_string());
}

#[tokio::test]
async fn a_cron_job_whose_state_cannot_be_recorded_runs_nothing_twice() {
    let server = Server::default();
    let object = server.add(CRON_JOBS, cron_job());
    let path = format!("{CRON_JOBS}/app");
    let agent = Agent::start(&server, Strategy::Annotations).await;
    agent.rollouts.workload_seen(&serde_json::from_value::<CronJob>(object).unwrap());
    agent.rollouts.complete();
    server.call(|call| call.method == Method::PATCH && call.status == StatusCode::OK).await;
    server.refuse(Method::PATCH, &path, StatusCode::INTERNAL_SERVER_ERROR);
    agent.rollouts.resource_seen(&secret(2, "hunter3"));
    server.call(|call| call.method == Method::PATCH && call.status == StatusCode::INTERNAL_SERVER_ERROR).await;
    agent.stop().await;

    // Another agent finds the CronJob as that one left it.
    server.relent();
    let next = Agent::start(&server, Strategy::Annotations).await;
    next.rollouts.resource_seen(&secret(2, "hunter3"));
    let left = server.get(&path).unwrap();
    next.rollouts.workload_seen(&serde_json::from_value::<CronJob>(left).unwrap());
    next.rollouts.complete();
    server.call(|call| call.method == Method::POST && call.status == StatusCode::CONFLICT).await;
    server.call(|call| call.method == Method::PATCH && call.body["metadata"]["resourceVersion"] == "2").await;
    next.stop().await;
    assert_eq!(server.list(JOBS).len(), 1);
}

fn job() -> Value {
    let mut template = template();
    template["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = json!("uid-1");
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-1"}});
    workload("batch/v1", "Job", &json!({"selector": selector, "younger": "field", "template": template}))
}

#[tokio::test]
async fn a_job_is_saved_deleted_and_made_anew() {
    let server = Server::default();
    let object = server.add(JOBS, job());
    let agent = Agent::start(&server, Strategy::Annotations).await;
    let path = format!("{JOBS}/app");
    agent.change::<Job>(&server, &path, object).await;
    // Removing the save is the end of it.
    server.call(|call| call.method == Method::DELETE && call.path.starts_with(SAVES)).await;
    let new = server.get(&path).unwrap();
    // The state of the old one is the baseline of the new one.
    server.call(|call| call.method == Method::PATCH && call.body["metadata"]["uid"] == new["metadata"]["uid"]).await;
    agent.stop().await;

    let writes = server.writes();
    let order: Vec<String> = writes.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    assert_eq!(order[1..4], [format!("POST {SAVES}"), format!("DELETE {path}"), format!("POST {JOBS}")]);
    let deletion = &writes[2].body;
    assert_eq!(deletion["propagationPolicy"], "Background");
    assert_eq!(deletion["preconditions"], json!({"uid": "uid-1", "resourceVersion": "2"}));
    assert_eq!((&new["spec"]["selector"], &new["spec"]["younger"]), (&Value::Null, &json!("field")));
    assert_eq!(new["spec"]["template"]["metadata"]["labels"], json!({"app": "a"}));
    assert!(new["spec"]["template"].to_string().contains("last-reloaded-from"));
    assert_eq!(server.list(JOBS).len(), 1);
    assert_eq!(writes.len(), 6, "one restart: {order:?}");
}

#[tokio::test]
async fn a_job_that_is_lost_between_deletion_and_creation_comes_back_with_the_next_agent() {
    let server = Server::default();
    let object = server.add(JOBS, job());
    let agent = Agent::start(&server, Strategy::Annotations).await;
    server.refuse(Method::POST, JOBS, StatusCode::FORBIDDEN);
    agent.change::<Job>(&server, &format!("{JOBS}/app"), object).await;
    server.call(|call| call.method == Method::POST && call.path == JOBS).await;
    agent.stop().await;
    assert_eq!((server.list(JOBS).len(), server.list(SAVES).len()), (0, 1));

    server.relent();
    let next = Agent::start(&server, Strategy::Annotations).await;
    server.call(|call| call.method == Method::POST && call.path == JOBS && call.status == StatusCode::CREATED).await;
    server.call(|call| call.method == Method::DELETE && call.path.starts_with(SAVES)).await;
    next.stop().await;
    assert_eq!((server.list(JOBS).len(), server.list(SAVES).len()), (1, 0));
}

#[tokio::test]
async fn a_job_whose_creation_is_refused_is_tried_until_it_is_there() {
    let server = Server::default();
    let object = server.add(JOBS, job());
    let agent = Agent::start(&server, Strategy::Annotations).await;
    server.refuse(Method::POST, JOBS, StatusCode::FORBIDDEN);
    agent.change::<Job>(&server, &format!("{JOBS}/app"), object).await;
    server.call(|call| call.method == Method::POST && call.path == JOBS).await;
    agent.rollouts.workload_gone(&WorkloadKey { kind: WorkloadKind::Job, object: ObjectKey::new("ns", "app") });
    server.relent();
    server.call(|call| call.method == Method::POST && call.path == JOBS && call.status == StatusCode::CREATED).await;
    let metrics = agent.rollouts.inner.reports.to.metrics.clone();
    agent.stop().await;
    let counted = metrics.text();
    assert!(counted.contains("rekey_rollouts_total{outcome=\"restarted\"} 1\n"), "it is told in the end: {counted}");
}

#[tokio::test]
async fn a_job_that_may_not_be_deleted_stands_and_leaves_no_save() {
    let server = Server::default();
    let object = server.add(JOBS, job());
    let agent = Agent::start(&server, Strategy::Annotations).await;
    server.refuse(Method::DELETE, JOBS, StatusCode::FORBIDDEN);
    agent.change::<Job>(&server, &format!("{JOBS}/app"), object).await;
    server.call(|call| call.method == Method::DELETE && call.path.starts_with(SAVES)).await;
    agent.stop().await;
    assert_eq!((server.list(JOBS).len(), server.list(SAVES).len()), (1, 0));
}
