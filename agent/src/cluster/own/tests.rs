use std::collections::HashMap;
use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;

/// What an API server answers, by resource and name, and how often it was asked.
#[derive(Clone, Default)]
struct Server {
    objects: Arc<Mutex<HashMap<String, Value>>>,
    asked: Arc<Mutex<usize>>,
}

impl Server {
    fn add(&self, resource: &str, name: &str, owner: &Value) {
        let object = json!({"metadata": {"name": name, "namespace": "rekey", "ownerReferences": owner}});
        self.objects.lock().unwrap().insert(format!("{resource}/{name}"), object);
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    async fn own(&self, pod: Option<&str>) -> OwnDeployment {
        let answer = |State(server): State<Self>, Path((resource, name)): Path<(String, String)>| async move {
            *server.asked.lock().unwrap() += 1;
            let found = server.objects.lock().unwrap().get(&format!("{resource}/{name}")).cloned();
            let missing =
                json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": ""});
            let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            (status, found.unwrap_or(missing).to_string())
        };
        let router = axum::Router::new()
            .route("/api/v1/namespaces/rekey/{resource}/{name}", get(answer))
            .route("/apis/apps/v1/namespaces/rekey/{resource}/{name}", get(answer))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap();
        OwnDeployment::new(client, "rekey".to_owned(), pod.map(ToOwned::to_owned))
    }
}

fn owner(kind: &str, name: &str, controller: bool) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("{name}-uid"), "controller": controller})
}

#[tokio::test]
async fn the_deployment_is_found_through_the_replica_set_and_asked_for_once() {
    let server = Server::default();
    let own = server.own(Some("agent-1-x")).await;
    assert_eq!(own.get().await, None, "the pod is not there yet");
    server.add("pods", "agent-1-x", &json!([owner("Other", "o", false), owner("ReplicaSet", "agent-1", true)]));
    server.add("replicasets", "agent-1", &json!([owner("Deployment", "agent", true)]));
    let asked = server.asked();
    for _ in 0..2 {
        let found = own.get().await.expect("a Deployment");
        assert_eq!(
            (found.kind.as_deref(), found.namespace.as_deref(), found.name.as_deref(), found.uid.as_deref()),
            (Some("Deployment"), Some("rekey"), Some("agent"), Some("agent-uid"))
        );
    }
    assert_eq!(server.asked(), asked + 2);
}

#[tokio::test]
async fn a_pod_of_its_own_or_no_pod_has_no_deployment_and_is_not_looked_for_again() {
    let server = Server::default();
    server.add("pods", "alone", &json!([owner("ReplicaSet", "not-its-controller", false)]));
    let own = server.own(Some("alone")).await;
    assert_eq!((own.get().await, own.get().await), (None, None));
    assert_eq!(server.asked(), 1);
    assert_eq!(server.own(None).await.get().await, None);
    assert_eq!(server.asked(), 1);
}
