//! What is told of objects that cannot be parsed, against an API server that takes everything.

use axum::extract::State;
use serde_json::json;

use super::*;
use crate::cluster::Writer;
use crate::gate::Gate;

/// What was written: the path without the namespace, and the body.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<(String, Value)>>>);

impl Written {
    async fn teller(&self) -> Teller {
        let router = axum::Router::new().fallback(take).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap();
        let writer = Writer::new(client, Gate::open());
        Teller {
            statuses: Statuses::new(writer.clone()),
            cluster_external_secrets: ClusterExternalSecrets::new(writer.clone()),
            objects: ExternalSecrets::new(writer.clone()),
            events: Events::new(writer, None),
            class: "default".to_owned(),
            cluster_stores: true,
            leadership: Leadership::default(),
        }
    }

    /// What was written since the last call.
    fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn take(State(written): State<Written>, uri: axum::http::Uri, body: axum::body::Bytes) -> String {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let what = uri.path().rsplit('/').take(3).collect::<Vec<_>>();
    written.0.lock().unwrap().push((what.into_iter().rev().collect::<Vec<_>>().join("/"), body.clone()));
    body.to_string()
}

fn invalid(stored: Value) -> Invalid {
    let metadata = serde_json::from_value(stored["metadata"].clone()).unwrap();
    Invalid { metadata, field: "spec.somewhere".to_owned(), problem: "spec.somewhere: is a number".to_owned(), stored }
}

/// Is that a condition that names the field, written once, and an Event that says the same?
fn says_so(written: &[(String, Value)], path: &str, reason: &str) {
    let [(status, body), (event, about)] = written else { panic!("{written:?}") };
    let ready = &body["status"]["conditions"][0];
    assert_eq!((status.as_str(), ready["status"].as_str()), (path, Some("False")));
    assert!(ready["message"].as_str().unwrap().contains("spec.somewhere: is a number; correct that field"), "{ready}");
    assert!(event.ends_with("/events") && about["reason"] == reason && about["note"] == ready["message"], "{about}");
}

#[tokio::test]
async fn each_kind_gets_a_condition_and_an_event_and_keeps_the_rest_of_its_status() {
    let written = Written::default();
    let teller = written.teller().await;
    let metadata = |uid: &str| json!({"name": "one", "namespace": "shop", "uid": uid, "resourceVersion": "7"});
    let secret = Which::ExternalSecret(ObjectKey::new("shop", "one"));
    let status = json!({"refreshTime": "2026-11-23T00:00:00Z", "binding": {"name": "db"}});
    let mut object = invalid(json!({"metadata": metadata("es"), "spec": 1, "status": status}));
    teller.tell(&secret, &object).await.unwrap();
    let calls = written.take();
    says_so(&calls, "externalsecrets/one/status", "UpdateFailed");
    assert_eq!(calls[0].1["status"]["binding"]["name"], "db");
    object.stored["status"] = calls[0].1["status"].clone();
    teller.tell(&secret, &object).await.unwrap();
    assert_eq!(written.take(), [], "it says so already");

    let spec = json!({"provider": {"aws": 1}});
    let store = |uid| json!({"metadata": metadata(uid), "spec": spec, "status": {"capabilities": "ReadWrite"}});
    let key = |namespace: Option<&str>| StoreKey { namespace: namespace.map(str::to_owned), name: "one".to_owned() };
    teller.tell(&Which::Store(key(Some("shop"))), &invalid(store("store"))).await.unwrap();
    let calls = written.take();
    says_so(&calls, "secretstores/one/status", "InvalidProviderConfig");
    assert_eq!(calls[0].1["status"]["capabilities"], "ReadWrite");
    teller.tell(&Which::Store(key(None)), &invalid(store("cluster-store"))).await.unwrap();
    says_so(&written.take(), "clustersecretstores/one/status", "InvalidProviderConfig");

    let status = json!({"provisionedNamespaces": ["a"]});
    let object = invalid(json!({"metadata": metadata("ces"), "spec": 1, "status": status}));
    teller.tell(&Which::ClusterExternalSecret("one".to_owned()), &object).await.unwrap();
    let calls = written.take();
    says_so(&calls, "clusterexternalsecrets/one/status", "Unreadable");
    assert_eq!(calls[0].1["status"]["provisionedNamespaces"], json!(["a"]));
}

#[tokio::test]
async fn of_the_stores_of_others_nothing_is_said() {
    let written = Written::default();
    let teller = written.teller().await;
    let key = StoreKey { namespace: None, name: "one".to_owned() };
    for spec in [
        json!({"provider": {"aws": 1}, "controller": "another"}),
        json!({"provider": {"vault": 1}}),
        json!("not even an object"),
    ] {
        let object = invalid(json!({"metadata": {"name": "one"}, "spec": spec}));
        teller.tell(&Which::Store(key.clone()), &object).await.unwrap();
        assert_eq!(written.take(), []);
    }
}

#[tokio::test]
async fn an_agent_of_some_namespaces_says_nothing_of_cluster_secret_stores() {
    let written = Written::default();
    let teller = Teller { cluster_stores: false, ..written.teller().await };
    let object = invalid(json!({"metadata": {"name": "one", "uid": "u"}, "spec": {"provider": {"aws": 1}}}));
    let key = |namespace: Option<&str>| StoreKey { namespace: namespace.map(str::to_owned), name: "one".to_owned() };
    teller.tell(&Which::Store(key(None)), &object).await.unwrap();
    assert_eq!(written.take(), []);
    teller.tell(&Which::Store(key(Some("shop"))), &object).await.unwrap();
    assert_eq!(written.take().len(), 2);
}

#[tokio::test]
async fn an_external_secret_that_is_deleted_is_let_go_of() {
    let written = Written::default();
    let metadata = json!({
        "name": "one", "namespace": "shop", "deletionTimestamp": "2026-11-23T00:00:00Z",
        "finalizers": [release::FINALIZER, "theirs"],
    });
    let object = invalid(json!({"metadata": metadata, "spec": 1}));
    let which = Which::ExternalSecret(ObjectKey::new("shop", "one"));
    written.teller().await.tell(&which, &object).await.unwrap();
    let calls = written.take();
    assert_eq!(calls[0].1["metadata"]["finalizers"], json!(["theirs"]));
}
