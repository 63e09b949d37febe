//! The loop against an API server that knows one verb: PATCH of a Deployment.

mod kinds;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::patch;
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::gate::Gate;

/// The Deployments, and the names of those that a webhook refuses.
#[derive(Clone, Default)]
struct Server {
    objects: Arc<Mutex<HashMap<String, Value>>>,
    patched: Arc<watch::Sender<Vec<(String, Value)>>>,
}

impl Server {
    async fn client(&self) -> kube::Client {
        let path = "/apis/apps/v1/namespaces/ns/deployments/{name}";
        let router = axum::Router::new().route(path, patch(apply)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap()
    }

    fn add(&self, name: &str) -> Deployment {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1", "generation": 1,
                         "creationTimestamp": "2026-11-22T20:00:00Z",
                         "annotations": {"reloader.stakater.com/auto": "true"}},
            "spec": {"replicas": 0, "selector": {}, "template": {"spec": {"containers": [
                {"name": "main", "envFrom": [{"secretRef": {"name": "db"}}]}]}}},
        });
        self.objects.lock().unwrap().insert(name.to_owned(), object.clone());
        serde_json::from_value(object).unwrap()
    }

    /// Waits until this many patches were applied.
    async fn patches(&self, count: usize) -> Vec<(String, Value)> {
        let mut applied = self.patched.subscribe();
        let enough = applied.wait_for(|patches| patches.len() >= count);
        timeout(Duration::from_secs(20), enough).await.expect("too few patches").unwrap().clone()
    }
}

async fn apply(
    State(server): State<Server>,
    Path(name): Path<String>,
    body: axum::body::Bytes,
) -> (StatusCode, String) {
    let refuse = |code: StatusCode| {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
                            "reason": "Refused", "message": "no"});
        (code, status.to_string())
    };
    let patch: Value = serde_json::from_slice(&body).unwrap();
    let mut objects = server.objects.lock().unwrap();
    let object = objects.get_mut(&name).unwrap();
    if name == "broken" {
        return refuse(StatusCode::FORBIDDEN);
    }
    if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
        return refuse(StatusCode::CONFLICT);
    }
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["annotations"]["rekey.dev/applied"] =
        patch["metadata"]["annotations"]["rekey.dev/applied"].clone();
    if let Some(template) = patch.pointer("/spec/template/metadata") {
        object["spec"]["template"]["metadata"] = template.clone();
        object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
    }
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    let answer = object.to_string();
    drop(objects);
    server.patched.send_modify(|patches| patches.push((name, patch)));
    (StatusCode::OK, answer)
}

fn secret(version: u32, password: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            namespace: Some("ns".to_owned()),
            name: Some("db".to_owned()),
            resource_version: Some(version.to_string()),
            ..ObjectMeta::default()
        },
        data: Some([("password".to_owned(), ByteString(password.as_bytes().to_vec()))].into()),
        ..Secret::default()
    }
}

async fn rollouts(server: &Server) -> Rollouts {
    let key = HashKey::new(&[7; 32]).unwrap();
    Rollouts::new(Writer::new(server.client().await, Gate::open()), key, RolloutOptions::default())
}

#[tokio::test]
async fn a_change_reaches_the_template_and_a_broken_workload_holds_up_nobody() {
    let server = Server::default();
    let rollouts = rollouts(&server).await;
    for name in ["broken", "one", "two"] {
        rollouts.workload_seen(&server.add(name));
    }
    rollouts.resource_seen(&secret(1, "hunter2"));
    rollouts.complete();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(rollouts.clone().run(shutdown.clone()));

    let baselines = server.patches(2).await;
    assert!(baselines.iter().all(|(_, patch)| patch.get("spec").is_none()));
    rollouts.resource_seen(&secret(2, "hunter3"));
    let all = server.patches(4).await;
    for (name, patch) in &all[2..] {
        assert!(["one", "two"].contains(&name.as_str()), "{name}");
        let text = patch.to_string();
        assert!(text.contains("last-reloaded-from") && text.contains("rekey.dev/applied"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
    shutdown.cancel();
    timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    let counted = rollouts.inner.reports.to.metrics.text();
    for line in [
        "rekey_rollouts_total{outcome=\"baseline\"} 2\n",
        "rekey_rollouts_total{outcome=\"restarted\"} 2\n",
        "rekey_propagation_seconds_count{stage=\"rollout\"} 2\n",
        // The one that is refused.
        "rekey_rollouts_total{outcome=\"failed\"} ",
    ] {
        assert!(counted.contains(line), "{line}\n{counted}");
    }
}

#[tokio::test]
async fn a_baseline_is_on_record_before_it_returns_and_does_not_wait_for_the_broken() {
    let server = Server::default();
    let rollouts = rollouts(&server).await;
    rollouts.resource_seen(&secret(1, "hunter2"));
    let target = ObjectKey::new("ns", "db");
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(rollouts.clone().run(shutdown.clone()));

    let waiting = tokio::spawn({
        let (rollouts, target) = (rollouts.clone(), target.clone());
        async move { rollouts.baseline(&target).await }
    });
    rollouts.workload_seen(&server.add("one"));
    rollouts.workload_seen(&server.add("broken"));
    rollouts.complete();
    waiting.await.unwrap().unwrap();
    assert_eq!(server.patched.borrow().len(), 1);

    rollouts.baseline(&ObjectKey::new("ns", "unused")).await.unwrap();
    shutdown.cancel();
    running.await.unwrap();
}
