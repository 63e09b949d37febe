//! Against a server on 127.0.0.1 that answers as it is told.

use std::collections::VecDeque;
use std::sync::Mutex as Lock;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::watch;

use super::*;

/// What it answers next, and what it was sent.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Lock<VecDeque<u16>>>,
    bodies: Arc<watch::Sender<Vec<String>>>,
}

async fn take(State(server): State<Server>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(headers["content-type"], "application/json");
    server.bodies.send_modify(|bodies| bodies.push(body));
    let answer = server.answers.lock().unwrap().pop_front().unwrap_or(204);
    StatusCode::from_u16(answer).unwrap()
}

impl Server {
    async fn start(&self) -> Address {
        let router = Router::new().route("/hook", post(take)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Address::parse(&format!("http://{address}/hook")).unwrap()
    }

    async fn got(&self, count: usize) -> Vec<String> {
        let mut bodies = self.bodies.subscribe();
        let enough = bodies.wait_for(|bodies| bodies.len() >= count);
        timeout(Duration::from_secs(20), enough).await.expect("too few").unwrap().clone()
    }
}

fn posts(address: Address, metrics: &Metrics) -> (Posts, CancellationToken, tokio::task::JoinHandle<()>) {
    let posts = Posts::new("alert", address, None, metrics.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (posts, stop) = (posts.clone(), stop.clone());
        async move { posts.run(&stop).await }
    });
    (posts, stop, running)
}

fn count(metrics: &Metrics, outcome: &str) -> u64 {
    let name = format!("rekey_posts_total{{what=\"alert\",outcome=\"{outcome}\"}} ");
    metrics.text().lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn what_the_other_side_cannot_take_now_is_posted_again_in_its_order() {
    let (server, metrics) = (Server::default(), Metrics::default());
    server.answers.lock().unwrap().extend([503, 429]);
    let (posts, stop, running) = posts(server.start().await, &metrics);
    posts.post("one".to_owned());
    posts.post("two".to_owned());
    assert_eq!(server.got(4).await, ["one", "one", "one", "two"]);
    stop.cancel();
    running.await.unwrap();
    assert_eq!((count(&metrics, "sent"), count(&metrics, "dropped")), (2, 0));
}

#[tokio::test]
async fn what_it_refuses_is_posted_once_and_a_redirect_is_a_refusal() {
    let (server, metrics) = (Server::default(), Metrics::default());
    server.answers.lock().unwrap().extend([403, 302]);
    let (posts, stop, running) = posts(server.start().await, &metrics);
    for body in ["one", "two", "three"] {
        posts.post(body.to_owned());
    }
    assert_eq!(server.got(3).await, ["one", "two", "three"]);
    stop.cancel();
    running.await.unwrap();
    assert_eq!((count(&metrics, "refused"), count(&metrics, "sent")), (2, 1));
}

#[tokio::test]
async fn a_dead_side_holds_up_nobody_and_what_is_too_much_is_counted() {
    let metrics = Metrics::default();
    // Nobody listens on the port of a socket that was closed.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (posts, stop, running) = posts(Address::parse(&format!("http://{closed}/")).unwrap(), &metrics);
    for number in 0..WAITING + 10 {
        posts.post(number.to_string());
    }
    let lost = count(&metrics, "dropped");
    assert!((9..=10).contains(&lost), "{lost}");
    stop.cancel();
    timeout(LAST * 2, running).await.expect("it ends in time").unwrap();
    assert_eq!(count(&metrics, "dropped"), WAITING as u64 + 10);
}

#[tokio::test]
async fn what_is_too_old_is_not_tried_any_more() {
    let (server, metrics) = (Server::default(), Metrics::default());
    let (posts, stop, running) = posts(server.start().await, &metrics);
    let until = Instant::now();
    posts.sender.try_send(Waiting { body: "old".to_owned(), until }).unwrap_or_else(|_| panic!("there is room"));
    posts.post("new".to_owned());
    assert_eq!(server.got(1).await, ["new"]);
    stop.cancel();
    running.await.unwrap();
    assert_eq!((count(&metrics, "sent"), count(&metrics, "dropped")), (1, 1));
}

#[tokio::test]
async fn what_waits_when_the_agent_ends_is_tried_once_more() {
    let (server, metrics) = (Server::default(), Metrics::default());
    let posts = Posts::new("alert", server.start().await, None, metrics.clone());
    posts.post("last".to_owned());
    let stop = CancellationToken::new();
    stop.cancel();
    posts.run(&stop).await;
    assert_eq!(server.got(1).await, ["last"]);
    assert_eq!(count(&metrics, "sent"), 1);
}
