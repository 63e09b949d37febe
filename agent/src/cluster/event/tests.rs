use axum::http::Method;
use serde_json::Value;

use super::*;
use crate::cluster::testing::{Call, Server};
use crate::gate::Gate;

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/shop/events";

async fn events(server: &Server) -> Events {
    Events::new(Writer::new(server.client().await, Gate::open()), Some("rekey-0".to_owned()))
}

fn about(name: &str) -> ObjectReference {
    ObjectReference {
        kind: Some("Deployment".to_owned()),
        name: Some(name.to_owned()),
        namespace: Some("shop".to_owned()),
        uid: Some(format!("uid-of-{name}")),
        ..ObjectReference::default()
    }
}

fn told(server: &Server) -> Vec<(Value, Value)> {
    server.list(EVENTS).into_iter().map(|event| (event["note"].clone(), event["series"]["count"].clone())).collect()
}

#[tokio::test]
async fn each_note_is_told_and_the_same_again_is_counted() {
    let server = Server::default();
    let events = events(&server).await;
    for note in ["webhook a denied", "exceeded quota", "webhook a denied", "webhook a denied"] {
        events.warning(&about("app"), "ReloadFail", "Reload", note.to_owned()).await;
    }
    events.warning(&about("other"), "ReloadFail", "Reload", "exceeded quota".to_owned()).await;
    let (denied, quota) = (json!("webhook a denied"), json!("exceeded quota"));
    assert_eq!(told(&server), [(denied, json!(3)), (quota.clone(), Value::Null), (quota, Value::Null)]);
    let first = &server.writes()[0].body;
    assert_eq!((&first["type"], &first["reportingInstance"]), (&json!("Warning"), &json!("rekey-0")));
    assert_eq!(first["regarding"]["uid"], "uid-of-app");
}

#[tokio::test]
async fn what_somebody_has_deleted_is_told_anew() {
    let server = Server::default();
    let events = events(&server).await;
    let tell = async || events.normal(&about("app"), "Reloaded", "Reload", "restarted".to_owned()).await;
    tell().await;
    server.remove(EVENTS);
    tell().await;
    tell().await;
    let methods: Vec<Method> = server.writes().iter().map(|call: &Call| call.method.clone()).collect();
    assert_eq!(methods, [Method::POST, Method::PATCH, Method::POST, Method::PATCH]);
    assert_eq!(told(&server), [(json!("restarted"), json!(2))]);
}

#[tokio::test]
async fn what_has_an_identity_is_told_once() {
    let server = Server::default();
    let [one, other] = [events(&server).await, events(&server).await];
    for (events, is_news) in [(&one, true), (&one, false), (&other, false)] {
        let (about, note, identity) = (about("app"), "live".to_owned(), "done-1".to_owned());
        assert_eq!(events.once(&about, Kind::Normal, "Done", "Reload", note, identity).await, is_news);
    }
    assert_eq!(server.list(EVENTS).len(), 1);
}
