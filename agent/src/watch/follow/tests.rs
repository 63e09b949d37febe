use std::sync::{Arc, Mutex};

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

#[tokio::test]
async fn a_kind_may_be_absent_come_and_go() {
    let server = Server::default();
    let (lists, shutdown) = (Lists::of(&[KIND]), CancellationToken::new());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let handler = {
        let seen = Arc::clone(&seen);
        move |one: Seen<Guarded<Rollout>>| {
            seen.lock().unwrap().push(match one {
                Seen::There(there) => format!("there {}", there.name_any()),
                Seen::Gone(key) => format!("gone {key}"),
            });
        }
    };
    let until = async |expected: &str| {
        let there = async {
            while seen.lock().unwrap().last().is_none_or(|last| last != expected) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), there).await.unwrap_or_else(|_| panic!("{expected}: {:?}", seen.lock()));
    };

    let api: Api<Guarded<Rollout>> = Api::all(server.client().await);
    let following = tokio::spawn(follow(api, KIND, Presence::Uncertain, handler, lists.clone(), shutdown.clone()));
    timeout(Duration::from_secs(20), lists.all_shown()).await.expect("nobody waits for a kind that is absent");
    assert!(seen.lock().unwrap().is_empty());

    server.add(COLLECTION, rollout("one"));
    until("there one").await;
    server.remove(COLLECTION);
    until("gone ns/one").await;
    server.add(COLLECTION, rollout("two"));
    until("there two").await;
    shutdown.cancel();
    following.await.unwrap();
}
