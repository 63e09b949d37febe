//! Elections on an API server that knows one Lease, and no watches: a standby then sees a release at its next look.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;

/// Longer than a standby's pause between two looks.
const SOON: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Option<Value>>>);

type Answer = (StatusCode, String);

fn refuse(code: StatusCode, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
                        "reason": reason, "message": "no"});
    (code, status.to_string())
}

async fn read(State(Server(lease)): State<Server>) -> Answer {
    let lease = lease.lock().unwrap().clone();
    lease.map_or_else(|| refuse(StatusCode::NOT_FOUND, "NotFound"), |lease| (StatusCode::OK, lease.to_string()))
}

async fn create(State(Server(lease)): State<Server>, body: axum::body::Bytes) -> Answer {
    let mut lease = lease.lock().unwrap();
    if lease.is_some() {
        return refuse(StatusCode::CONFLICT, "AlreadyExists");
    }
    let mut new: Value = serde_json::from_slice(&body).unwrap();
    new["metadata"]["resourceVersion"] = json!("1");
    (StatusCode::CREATED, lease.insert(new).to_string())
}

async fn replace(State(Server(lease)): State<Server>, body: axum::body::Bytes) -> Answer {
    let mut lease = lease.lock().unwrap();
    let mut new: Value = serde_json::from_slice(&body).unwrap();
    let version = lease.as_ref().unwrap()["metadata"]["resourceVersion"].clone();
    if new["metadata"]["resourceVersion"] != version {
        return refuse(StatusCode::CONFLICT, "Conflict");
    }
    let version: u64 = version.as_str().unwrap().parse().unwrap();
    new["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    (StatusCode::OK, lease.insert(new).to_string())
}

impl Server {
    async fn client(&self) -> kube::Client {
        let path = "/apis/coordination.k8s.io/v1/namespaces/rekey-system/leases";
        let router = axum::Router::new()
            .route(path, post(create))
            .route(&format!("{path}/rekey"), get(read).put(replace))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap()
    }

    fn spec(&self) -> Value {
        self.0.lock().unwrap().as_ref().unwrap()["spec"].clone()
    }
}

struct Instance {
    gate: Gate,
    leadership: Leadership,
    election: Election,
}

async fn instance(server: &Server, name: &str) -> Instance {
    let (gate, leadership) = (Gate::closed(), Leadership::default());
    let leases = Leases::new(server.client().await, "rekey-system", "rekey");
    let election = Election::start(leases, name.to_owned(), gate.clone(), leadership.clone());
    Instance { gate, leadership, election }
}

impl Instance {
    async fn leads(&self) {
        timeout(SOON, self.leadership.leading()).await.expect("it does not lead");
        assert!(self.gate.is_open());
    }
}

#[tokio::test]
async fn the_standby_writes_when_the_leader_has_given_the_lease_back_and_not_before() {
    let server = Server::default();
    let first = instance(&server, "pod-a").await;
    first.leads().await;
    let second = instance(&server, "pod-b").await;
    let mut role = second.leadership.0.subscribe();
    timeout(SOON, role.wait_for(|role| *role != Role::Starting)).await.expect("it does not look").unwrap();
    assert_eq!(second.leadership.line(), "leader: standby, pod-a has the lease");
    assert!(!second.gate.is_open() && !second.leadership.is_leading());

    first.election.release().await;
    assert!(!first.gate.is_open(), "what it forgot to finish is refused");
    second.leads().await;
    assert_eq!(second.leadership.line(), "leader: this instance, pod-b");
    let spec = server.spec();
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("pod-b"), &json!(1)));
}

#[tokio::test]
async fn a_leader_that_finds_the_lease_taken_has_lost_it() {
    let server = Server::default();
    let mut first = instance(&server, "pod-a").await;
    first.leads().await;
    {
        let mut lease = server.0.lock().unwrap();
        let lease = lease.as_mut().unwrap();
        lease["spec"]["holderIdentity"] = json!("pod-b");
        lease["metadata"]["resourceVersion"] = json!("7");
    }
    let lost = timeout(SOON, first.election.lost()).await.expect("it does not notice");
    assert!(matches!(&lost, LeaseLost::Lost(Loss::Taken(other)) if other == "pod-b"), "{lost}");
    assert!(!first.gate.is_open());
    assert_eq!(server.spec()["holderIdentity"], "pod-b", "and leaves it alone");
}

#[tokio::test]
async fn without_an_election_the_only_one_leads_and_never_loses() {
    let leadership = Leadership::default();
    let mut election = Election::unopposed(&leadership);
    assert!(leadership.is_leading());
    assert!(timeout(Duration::from_millis(50), election.lost()).await.is_err());
    election.release().await;
}
