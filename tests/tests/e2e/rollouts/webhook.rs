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
/// Stakater's, letter for letter.
const BODY: &str = r#"{"webhook":"update successful"}"#;

#[tokio::test]
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
    let url = format!("http://127.0.0.1:{port}/hook");
    let plan = Plan::with_flags(&[("--webhook-url", &url)]);
    let agent = stage().await.agent(NAME, &plan).await.unwrap();

    world.prepare(NAME, NAME).await.unwrap();
    let set = async |value: &str| {
        let data = [("a".to_owned(), value.to_owned())].into();
        world.secret(NAME, "db", &BTreeMap::new(), &data).await.unwrap();
    };
    set("one").await;
    let workload = "{annotations: {reloader.stakater.com/auto: 'true'}, uses: [Secret/db]}";
    let workload: Workload = serde_yaml_ng::from_str(workload).unwrap();
    world.workload(NAME, "app", &workload).await.unwrap();
    // The second request is the fence of the first.
    for value in ["two", "three"] {
        set(value).await;
        let body = tokio::time::timeout(SOON, posted.recv()).await.expect("nothing was posted").unwrap();
        assert_eq!(body, BODY);
    }
    assert!(world.observer.restarts(NAME).is_empty());
    let app = world.observer.look(&format!("Deployment/{NAME}/app"));
    assert!(app["metadata"]["annotations"]["rekey.dev/applied"].is_null(), "{}", app["metadata"]["annotations"]);
    agent.check().unwrap();
    server.abort();
}
