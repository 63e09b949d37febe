//! Against an API server that knows one verb: the creation of an Event, once for each name.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::post;
use jiff::Timestamp;
use rekey_core::ledger::Applied;
use rekey_core::object::ObjectKey;
use rekey_core::resource::ExternalSecret;
use rekey_core::rollout::follow::{Started, Told};
use rekey_core::rollout::resource::ResourceName;
use rekey_core::rollout::workload::WorkloadKind;
use rekey_core::store::Rules;
use rekey_core::wanted::Token;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::alert::Alerts;
use crate::cluster::Writer;
use crate::cluster::event::Events;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::post::{Address, Posts};
use crate::state::StateOptions;

#[derive(Clone, Default)]
struct Server {
    names: Arc<Mutex<BTreeSet<String>>>,
    /// Events that were created, and bodies of alerts.
    events: Arc<watch::Sender<Vec<Value>>>,
    alerts: Arc<watch::Sender<Vec<Value>>>,
}

async fn event(Shared(server): Shared<Server>, body: String) -> (StatusCode, String) {
    let event: Value = serde_json::from_str(&body).unwrap();
    let name = event["metadata"]["name"].as_str().unwrap().to_owned();
    if !server.names.lock().unwrap().insert(name) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 409,
                            "reason": "AlreadyExists", "message": "there is one"});
        return (StatusCode::CONFLICT, status.to_string());
    }
    server.events.send_modify(|events| events.push(event));
    (StatusCode::CREATED, body)
}

async fn alert(Shared(server): Shared<Server>, body: String) {
    server.alerts.send_modify(|alerts| alerts.push(serde_json::from_str(&body).unwrap()));
}

async fn got(channel: &watch::Sender<Vec<Value>>, count: usize) -> Vec<Value> {
    let mut values = channel.subscribe();
    let enough = values.wait_for(|values| values.len() >= count);
    tokio::time::timeout(Duration::from_secs(20), enough).await.expect("too few").unwrap().clone()
}

impl Server {
    async fn reports(&self) -> Reports {
        let path = "/apis/events.k8s.io/v1/namespaces/shop/events";
        let router = axum::Router::new().route(path, post(event)).route("/hook", post(alert)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap();

        let metrics = Metrics::default();
        let hook = Address::parse(&format!("{address}/hook")).unwrap();
        let posts = Posts::new("alert", hook, None, metrics.clone());
        tokio::spawn({
            let posts = posts.clone();
            async move { posts.run(&CancellationToken::new()).await }
        });
        let alerts = Alerts { posts, info: Some("prod".to_owned()), text_alone: false };
        let events = Events::new(Writer::new(client, Gate::open()), None);
        Reports::new(Audience { events: Some(events), alerts: Some(alerts), metrics }, Some(state()))
    }
}

/// An ExternalSecret `settings` that has put version 7 into the Secret `db`.
fn state() -> State {
    let state = State::new(StateOptions {
        stores: Rules { class: "default".to_owned(), ..Rules::default() },
        companion: false,
        all_follow_events: false,
        heartbeat_period: Duration::from_mins(10),
    });
    let object: ExternalSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "settings", "namespace": "shop", "uid": "es", "generation": 1},
        "spec": {"secretStoreRef": {"name": "aws"}, "target": {"name": "db"},
                 "data": [{"secretKey": "v", "remoteRef": {"key": "app/db"}}]},
    }))
    .unwrap();
    let _ = state.object_seen(object, Timestamp::now());
    set_version(&state, "7");
    state
}

fn set_version(state: &State, version: &str) {
    let token = Token::from_stored(version);
    let tokens = [("SecretsManager/eu-west-1/app/db#AWSCURRENT".to_owned(), token)].into();
    state.with_object(&ObjectKey::new("shop", "settings"), |object| object.applied = Applied::Tokens(tokens));
}

fn key(kind: WorkloadKind) -> WorkloadKey {
    WorkloadKey { kind, object: ObjectKey::new("shop", "api") }
}

fn news(told: Told) -> News {
    let since = Timestamp::from_second(1_800_000_000).unwrap();
    let resources = vec![ResourceName::secret("db"), ResourceName::config_map("colours")];
    let started = Started { since, generation: 4, resources };
    News { workload: key(WorkloadKind::Deployment), uid: "u".to_owned(), started, told }
}

fn live() -> Told {
    Told::Live { took: Some(Duration::from_millis(2300)) }
}

#[tokio::test]
async fn what_is_live_is_told_once_on_the_workload_on_the_external_secret_and_in_an_alert() {
    let server = Server::default();
    let reports = server.reports().await;
    reports.told(news(live()));
    let events = got(&server.events, 2).await;
    let about = |event: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["regarding"]["kind"]), text(&event["reason"]), text(&event["note"]))
    };
    assert_eq!(
        about(&events[0]),
        (
            "Deployment".to_owned(),
            "RolloutDone".to_owned(),
            "every pod has the new data of Secret db, ConfigMap colours, 2.3 s after the change".to_owned()
        )
    );
    assert_eq!(
        about(&events[1]),
        (
            "ExternalSecret".to_owned(),
            "ValueLive".to_owned(),
            "the value is live in Deployment api, 2.3 s after Secret db changed".to_owned()
        )
    );
    let mut alert = got(&server.alerts, 1).await.remove(0);
    assert!(alert["at"].take().is_string());
    assert_eq!(
        alert,
        json!({
            "text": "prod: Deployment shop/api: every pod has the new data of Secret db, ConfigMap colours, 2.3 s after the change",
            "result": "live",
            "workload": {"kind": "Deployment", "namespace": "shop", "name": "api"},
            "changed": [
                {"kind": "Secret", "name": "db",
                 "sources": [{"source": "SecretsManager/eu-west-1/app/db#AWSCURRENT", "token": "7"}]},
                {"kind": "ConfigMap", "name": "colours", "sources": []},
            ],
            "seconds": 2.3,
            "at": null,
        })
    );
    // Another process, which cannot know.
    reports.to.tell(&news(live()), &[]).await;
    // It is stuck another time.
    let again = Started { since: Timestamp::from_second(1_800_000_100).unwrap(), ..news(live()).started };
    reports.to.tell(&News { started: again, ..news(Told::Stuck("late".to_owned())) }, &[]).await;
    let alerts = got(&server.alerts, 2).await;
    assert_eq!((alerts.len(), &alerts[1]["result"]), (2, &json!("stuck")));
    assert!(alerts[1]["text"].as_str().unwrap().ends_with(" is stuck: late"));
    let counted = reports.to.metrics.text();
    for line in [
        "rekey_rollouts_total{outcome=\"live\"} 1\n",
        "rekey_rollouts_total{outcome=\"stuck\"} 1\n",
        "rekey_propagation_seconds_count{stage=\"live\"} 1\n",
    ] {
        assert!(counted.contains(line), "{line}\n{counted}");
    }
}

#[tokio::test]
async fn a_restart_is_told_once_whoever_says_so_and_before_its_end() {
    let server = Server::default();
    let reports = server.reports().await;
    // The answer to the write, its record on the workload, and then the end of it.
    for told in [Told::Restarted, Told::Restarted, live()] {
        reports.told(news(told));
    }
    reports.finish().await;
    let alerts = got(&server.alerts, 2).await;
    let results: Vec<&Value> = alerts.iter().map(|alert| &alert["result"]).collect();
    assert_eq!(results, ["restarted", "live"]);
    let text = "prod: Deployment shop/api: restarted: the data of Secret db, ConfigMap colours changed";
    assert_eq!((&alerts[0]["text"], &alerts[0]["changed"][0]["sources"][0]["token"]), (&json!(text), &json!("7")));
    let reasons: Vec<Value> = server.events.borrow().iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["Reloaded", "RolloutDone", "ValueLive"]);
    let counted = reports.to.metrics.text();
    assert!(counted.contains("rekey_rollouts_total{outcome=\"restarted\"} 1\n"), "{counted}");
}

#[tokio::test]
async fn the_version_that_a_rollout_carries_is_that_of_its_beginning() {
    let state = state();
    let origins = Origins::new(Some(state.clone()));
    let (key, resources) = (key(WorkloadKind::Deployment), [ResourceName::secret("db"), ResourceName::secret("other")]);
    let [first, second] = [1, 2].map(|second| Timestamp::from_second(second).unwrap());
    let version = |all: &origin::All| all.iter().map(|origin| origin.sources[0].1.clone()).collect::<Vec<_>>();
    assert_eq!(version(&origins.begin(&key, &resources, first)), ["7"]);
    set_version(&state, "8");
    assert_eq!(version(&origins.of(&key, &resources, first)), ["7"]);
    // The next rollout, and the end of the one before, which came late.
    origins.begin(&key, &resources, second);
    set_version(&state, "9");
    origins.ended(&key, first);
    assert_eq!(version(&origins.of(&key, &resources, second)), ["8"]);
    origins.ended(&key, second);
    assert_eq!(version(&origins.of(&key, &resources, second)), ["9"], "nobody remembers");
}

#[tokio::test]
async fn a_superseded_rollout_is_counted_and_not_told() {
    let server = Server::default();
    let reports = server.reports().await;
    reports.to.tell(&news(Told::Superseded), &[]).await;
    assert!(server.events.borrow().is_empty() && reports.to.alerts.unwrap().posts.waiting() == 0);
    assert!(reports.to.metrics.text().contains("rekey_rollouts_total{outcome=\"superseded\"} 1\n"));
}
