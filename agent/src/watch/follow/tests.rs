use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use k8s_openapi::api::core::v1::Secret;
use rekey_core::rollout::workload::Rollout;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use rekey_core::extent::Extent;

use crate::cluster::testing::Server;
use crate::watch::guard::Guarded;
use crate::watch::part;

const KIND: &str = "rollouts";
const COLLECTION: &str = "/apis/argoproj.io/v1alpha1/rollouts";

fn rollout(name: &str) -> serde_json::Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "namespace": "ns"}})
}

fn one<K>(mut parts: Vec<Part<K>>) -> Part<K> {
    assert_eq!(parts.len(), 1);
    parts.remove(0)
}

fn rollouts(client: &kube::Client) -> Part<Guarded<Rollout>> {
    one(part::namespaced(client, &Extent::default(), KIND))
}

fn some(namespaces: &[&str]) -> Extent {
    Extent::default().only(namespaces.iter().map(|name| (*name).to_owned()).collect()).unwrap()
}

/// What was shown, one after the other.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

impl Shown {
    fn handler<K: Resource>(&self) -> impl FnMut(Seen<K>) + use<K> {
        let shown = self.clone();
        move |one| {
            shown.0.lock().unwrap().push(match one {
                Seen::There(there) => format!("there {}", there.name_any()),
                Seen::Gone(key) => format!("gone {key}"),
            });
        }
    }

    async fn ends_with(&self, expected: &str) {
        let there = async {
            while self.0.lock().unwrap().last().is_none_or(|last| last != expected) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), there).await.unwrap_or_else(|_| panic!("{expected}: {:?}", self.0.lock()));
    }
}

#[tokio::test]
async fn a_kind_may_be_absent_come_and_go() {
    let server = Server::default();
    let (lists, shutdown, shown) = (Lists::of(&[KIND]), CancellationToken::new(), Shown::default());
    let until = async |expected: &str| shown.ends_with(expected).await;

    let part = rollouts(&server.client().await);
    let handler = shown.handler();
    let following = tokio::spawn(follow(part, Presence::Uncertain, handler, lists.clone(), shutdown.clone()));
    timeout(Duration::from_secs(20), lists.all_shown()).await.expect("nobody waits for a kind that is absent");
    assert!(shown.0.lock().unwrap().is_empty());

    server.add(COLLECTION, rollout("one"));
    until("there one").await;
    server.remove(COLLECTION);
    until("gone ns/one").await;
    server.add(COLLECTION, rollout("two"));
    until("there two").await;
    shutdown.cancel();
    following.await.unwrap();
}

/// An API server one replica of which does not know the kind yet: the list is answered, the first watch is not found, and
/// later ones show nothing.
async fn forgetful() -> kube::Client {
    let watches = Arc::new(Mutex::new(0));
    let answer = move |query: axum::extract::RawQuery| {
        let watches = Arc::clone(&watches);
        async move {
            if !query.0.is_some_and(|query| query.contains("watch=")) {
                let list = json!({"metadata": {"resourceVersion": "1"}, "items": [rollout("one")]});
                return (StatusCode::OK, list.to_string());
            }
            let first = std::mem::replace(&mut *watches.lock().unwrap(), 1) == 0;
            if !first {
                return std::future::pending().await;
            }
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                                "reason": "NotFound", "message": "no such kind"});
            (StatusCode::NOT_FOUND, status.to_string())
        }
    };
    let router = axum::Router::new().route(COLLECTION, axum::routing::get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap()
}

#[tokio::test]
async fn what_a_passing_absence_hid_is_shown_again() {
    let (lists, shutdown, shown) = (Lists::of(&[KIND]), CancellationToken::new(), Shown::default());
    let part = rollouts(&forgetful().await);
    let following = tokio::spawn(follow(part, Presence::Uncertain, shown.handler(), lists.clone(), shutdown.clone()));
    let all = async {
        while shown.0.lock().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap_or_else(|_| panic!("{:?}", shown.0.lock()));
    assert_eq!(*shown.0.lock().unwrap(), ["there one", "gone ns/one", "there one"]);
    shutdown.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn what_may_be_large_is_listed_in_small_pages() {
    let server = Server::default();
    let shutdown = CancellationToken::new();
    let part = one(part::namespaced::<Secret>(&server.client().await, &Extent::default(), "secrets"));
    let handler = Shown::default().handler();
    let following = tokio::spawn(follow(part, Presence::Certain, handler, Lists::of(&[]), shutdown.clone()));
    let call = server.call(|call| call.path == "/api/v1/secrets").await;
    assert!(call.query.contains("limit=50"), "{}", call.query);
    shutdown.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn each_namespace_is_a_watch_of_its_own_and_listed_after_the_one_before() {
    let server = Server::default();
    for namespace in ["a", "b", "c"] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one", "namespace": namespace}});
        server.add(&format!("/api/v1/namespaces/{namespace}/secrets"), secret);
    }
    server.refuse(Method::GET, "/api/v1/namespaces/a/", StatusCode::FORBIDDEN);
    let parts = part::namespaced::<Secret>(&server.client().await, &some(&["b", "a"]), "secrets");
    let (lists, shutdown, shown) = (Lists::of(&["secrets", "other"]), CancellationToken::new(), Shown::default());
    lists.split("secrets", parts.iter().map(|part| part.awaited.clone()));
    assert_eq!(lists.missing(), ["other", "secrets in a", "secrets in b"]);
    let handler = Mutex::new(shown.handler());
    let handler = move |seen| (handler.lock().unwrap())(seen);
    let following = tokio::spawn(follow_all(parts, Presence::Certain, handler, lists.clone(), shutdown.clone()));
    server.call(|call| call.path == "/api/v1/namespaces/a/secrets").await;
    assert!(shown.0.lock().unwrap().is_empty());
    server.relent();
    timeout(Duration::from_secs(20), lists.kind_shown("secrets")).await.expect("both are listed");
    assert_eq!(lists.missing(), ["other"]);
    shutdown.cancel();
    following.await.unwrap();
    assert!(shown.0.lock().unwrap().len() >= 2, "{:?}", shown.0.lock());
    let looked_at = |path: &str| server.reads().iter().any(|read| read == path);
    assert!(looked_at("/api/v1/namespaces/b/secrets"));
    assert!(!looked_at("/api/v1/secrets") && !looked_at("/api/v1/namespaces/c/secrets"));
}

#[tokio::test]
async fn namespaces_are_watched_one_by_one_where_only_some_may_be_read() {
    let server = Server::default();
    server.add("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}));
    let parts = part::namespaces(&server.client().await, &some(&["a"]), "namespaces");
    let shutdown = CancellationToken::new();
    let following = tokio::spawn(follow_all(parts, Presence::Certain, |_| (), Lists::of(&[]), shutdown.clone()));
    for watches in [false, true] {
        let is_it = |call: &crate::cluster::testing::Call| {
            call.path == "/api/v1/namespaces" && call.query.contains("watch=") == watches
        };
        let call = server.call(is_it).await;
        assert!(call.query.contains("fieldSelector=metadata.name%3Da"), "{}", call.query);
    }
    shutdown.cancel();
    following.await.unwrap();
}
