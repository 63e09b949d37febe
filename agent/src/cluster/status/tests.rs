//! Statuses against an API server that knows one ExternalSecret.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;
use crate::gate::Gate;

#[derive(Clone)]
struct Server {
    object: Arc<Mutex<Value>>,
    patches: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    /// It holds the object at version 7, and its spec is not what the agent can parse.
    fn new() -> Self {
        let object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "spec": {"data": "not a list"},
            "metadata": {"name": "db", "namespace": "shop", "uid": "uid-1", "resourceVersion": "7", "generation": 1},
        });
        Self { object: Arc::new(Mutex::new(object)), patches: Arc::default() }
    }

    async fn statuses(&self, gate: Gate) -> Statuses {
        let path = "/apis/external-secrets.io/v1/namespaces/shop/externalsecrets/db";
        let router = axum::Router::new()
            .route(path, get(async |State(server): State<Self>| server.object.lock().unwrap().to_string()))
            .route(&format!("{path}/status"), axum::routing::patch(patch))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap();
        Statuses::new(Writer::new(client, gate))
    }

    fn metadata(&self) -> ObjectMeta {
        serde_json::from_value(self.object.lock().unwrap()["metadata"].clone()).unwrap()
    }

    fn change(&self, field: &str, value: Value) {
        self.object.lock().unwrap()["metadata"][field] = value;
    }

    fn written(&self) -> Vec<Value> {
        self.patches.lock().unwrap().clone()
    }
}

async fn patch(State(server): State<Server>, body: axum::body::Bytes) -> (StatusCode, String) {
    let patch: Value = serde_json::from_slice(&body).unwrap();
    let mut object = server.object.lock().unwrap();
    if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 409,
                            "reason": "Conflict", "message": "the object has been modified"});
        return (StatusCode::CONFLICT, status.to_string());
    }
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    server.patches.lock().unwrap().push(patch);
    (StatusCode::OK, object.to_string())
}

fn status(tokens: &[&str]) -> ExternalSecretStatus {
    let tokens: serde_json::Map<String, Value> = tokens.iter().map(|name| ((*name).to_owned(), json!("v"))).collect();
    serde_json::from_value(json!({"sourceVersions": {"refreshTime": "2026-11-22T20:00:00Z", "tokens": tokens}}))
        .unwrap()
}

#[tokio::test]
async fn a_status_is_written_on_the_version_it_is_about_and_tells_the_next_one() {
    let server = Server::new();
    let statuses = server.statuses(Gate::open()).await;
    let old = status(&["kept", "gone"]);
    let version = statuses.external_secret(&server.metadata(), Some(&old), &status(&["kept"])).await.unwrap();
    assert_eq!(version, "8");
    let [patch] = &server.written()[..] else { panic!("one write") };
    assert_eq!(patch["metadata"], json!({"uid": "uid-1", "resourceVersion": "7"}));
    assert_eq!(patch["status"]["sourceVersions"]["tokens"], json!({"kept": "v", "gone": null}));
}

#[tokio::test]
async fn a_version_that_only_moved_is_written_on_and_an_edit_or_another_object_is_a_conflict() {
    for (changed, field, value, written) in [
        ("a finalizer", "finalizers", json!(["example.org/theirs"]), true),
        ("the spec", "generation", json!(2), false),
        ("a label", "labels", json!({"team": "shop"}), false),
        ("the object", "uid", json!("uid-2"), false),
    ] {
        let server = Server::new();
        let statuses = server.statuses(Gate::open()).await;
        let about = server.metadata();
        server.change("resourceVersion", json!("9"));
        server.change(field, value);
        let outcome = statuses.external_secret(&about, None, &status(&[])).await;
        if written {
            assert_eq!(outcome.unwrap(), "10", "{changed} changed");
        } else {
            assert!(outcome.unwrap_err().is_conflict(), "{changed} changed");
        }
        assert_eq!(server.written().len(), usize::from(written), "{changed} changed");
    }
}

#[tokio::test]
async fn a_standby_writes_no_status() {
    let server = Server::new();
    let statuses = server.statuses(Gate::closed()).await;
    let error = statuses.external_secret(&server.metadata(), None, &status(&[])).await.unwrap_err();
    assert!(error.is_not_leader(), "{error}");
    assert!(server.written().is_empty());
}
