use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use k8s_openapi::api::core::v1::Secret;
use rekey_core::rollout::workload::Rollout;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::cluster::testing::Server;
use crate::watch::guard::Guarded;

const KIND: &str = "rollouts";
const COLLECTION: &str = "/apis/argoproj.io/v1alpha1/rollouts";

fn rollout(name: &str) -> serde_json::Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "namespace": "ns"}})
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

    let api: Api<Guarded<Rollout>> = Api::all(server.client().await);
    let handler = shown.handler();
    let following = tokio::spawn(follow(api, KIND, Presence::Uncertain, handler, lists.clone(), shutdown.clone()));
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
    let api: Api<Guarded<Rollout>> = Api::all(forgetful().await);
    let following =
        tokio::spawn(follow(api, KIND, Presence::Uncertain, shown.handler(), lists.clone(), shutdown.clone()));
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
    let api: Api<Secret> = Api::all(server.client().await);
    let handler = Shown::default().handler();
    let following = tokio::spawn(follow(api, "secrets", Presence::Certain, handler, Lists::of(&[]), shutdown.clone()));
    let call = server.call(|call| call.path == "/api/v1/secrets").await;
    assert!(call.query.contains("limit=50"), "{}", call.query);
    shutdown.cancel();
    following.await.unwrap();
}
