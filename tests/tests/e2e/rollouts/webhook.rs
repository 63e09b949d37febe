//! --webhook-url: a request for each change, in the place of restarts.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use rekey_tests::net::free_port;
use tokio::sync::mpsc;

use super::SOON;
use super::agents::Plan;
use super::stage::stage;
use super::workload::Workload;

const NAME: &str = "webhook";
/// A namespace that the agent does not serve.
const OTHER: &str = "webhook-other";
/// Stakater's, letter for letter.
const BODY: &str = r#"{"webhook":"update successful"}"#;

#[tokio::test]
#[ignore = "changes in namespaces that are not chosen are posted too"]
async fn a_change_is_posted_to_the_webhook_and_restarts_nothing() {
    let world = stage().await.world().await;
    let (send, mut posted) = mpsc::unbounded_channel();
    let port = free_port().unwrap();
    let router = Router::new().route(
        "/hook",
        post(async move |body: Bytes| {
            let _ = send.send(String::from_utf8_lossy(&body).into_owned());
        }),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    // All there before the agent: what it sees first is no change.
    world.prepare(NAME, NAME).await.unwrap();
    world.prepare(OTHER, "nobody").await.unwrap();
    let set = async |namespace: &str, value: &str| {
        let data = [("a".to_owned(), value.to_owned())].into();
        world.secret(namespace, "db", &BTreeMap::new(), &data).await.unwrap();
    };
    set(OTHER, "one").await;
    set(NAME, "one").await;
    let workload = "{annotations: {reloader.stakater.com/auto: 'true'}, uses: [Secret/db]}";
    let workload: Workload = serde_yaml_ng::from_str(workload).unwrap();
    world.workload(NAME, "app", &workload).await.unwrap();
    let url = format!("http://127.0.0.1:{port}/hook");
    let plan = Plan::with_flags(&[("--webhook-url", &url)]);
    let agent = stage().await.agent(NAME, &plan).await.unwrap();

    // Each request is the fence of what came before it.
    for value in ["two", "three"] {
        set(OTHER, value).await;
        set(NAME, value).await;
        let body = tokio::time::timeout(SOON, posted.recv()).await.expect("nothing was posted").unwrap();
        assert_eq!(body, BODY);
    }
    assert!(posted.try_recv().is_err(), "more was posted than has changed");
    assert!(world.observer.restarts(NAME).is_empty());
    let app = world.observer.look(&format!("Deployment/{NAME}/app"));
    assert!(app["metadata"]["annotations"]["rekey.dev/applied"].is_null(), "{}", app["metadata"]["annotations"]);
    agent.check().unwrap();
    server.abort();
}
