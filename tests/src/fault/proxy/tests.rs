use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::{any, get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::net::TcpListener;

use super::*;
use crate::fault::answer::Answer;
use crate::fault::passed::fullest;

const SOON: Duration = Duration::from_secs(5);

/// A server that counts: `answer 1`, `answer 2`, … to whatever is asked, and a watch that says `line` and then waits.
struct Server {
    url: String,
    asked: Arc<AtomicU32>,
}

async fn server() -> Server {
    let asked = Arc::new(AtomicU32::new(0));
    let count =
        async |State(asked): State<Arc<AtomicU32>>| format!("answer {}", asked.fetch_add(1, Ordering::AcqRel) + 1);
    let watch = async || {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
        tokio::spawn(async move {
            let _ = sender.send(Ok(Bytes::from_static(b"half a "))).await;
            let _ = sender.send(Ok(Bytes::from_static(b"line\n"))).await;
            sender.closed().await;
        });
        let stream = futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        axum::body::Body::from_stream(stream)
    };
    let router = Router::new().route("/watch", get(watch)).fallback(any(count)).with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { url, asked }
}

/// One request on a connection of its own, as the SDK would send it.
async fn ask(proxy: &Proxy, action: &str, body: &str) -> Result<(StatusCode, String)> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let request = Request::post(format!("{}/", proxy.url()))
        .header("X-Amz-Target", format!("secretsmanager.{action}"))
        .body(Full::from(body.to_owned()))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    Ok((status, String::from_utf8(answer.collect().await?.to_bytes().to_vec())?))
}

async fn text(proxy: &Proxy, action: &str, body: &str) -> String {
    ask(proxy, action, body).await.unwrap().1
}

#[tokio::test]
async fn without_faults_everything_passes_and_is_recorded() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    assert_eq!(text(&proxy, "GetSecretValue", r#"{"SecretId":"a"}"#).await, "answer 1");
    let mark = proxy.mark();
    assert_eq!(text(&proxy, "PutSecretValue", r#"{"SecretId":"b"}"#).await, "answer 2");
    let seen = proxy.since(mark);
    assert_eq!(seen.len(), 1);
    let put = &seen[0];
    assert_eq!(
        (put.service.as_str(), put.action.as_str(), put.resource.as_str()),
        ("secretsmanager", "PutSecretValue", "b")
    );
    assert_eq!(put.status, Some(StatusCode::OK));
    assert!(put.answered.unwrap() >= put.arrived);
    assert_eq!(proxy.count(Mark::default(), Passed::is_read), 1);
}

#[tokio::test]
async fn a_fault_takes_what_it_names_by_action_body_and_count_and_ends_when_dropped() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let when = When::action("GetSecretValue").body("\"a\"").times(2);
    let fault = proxy.fault(when, Effect::Answer(Answer::throttled()));
    assert_eq!(text(&proxy, "PutSecretValue", r#"{"SecretId":"a"}"#).await, "answer 1");
    assert_eq!(text(&proxy, "GetSecretValue", r#"{"SecretId":"b"}"#).await, "answer 2");
    for _ in 0..2 {
        let (status, body) = ask(&proxy, "GetSecretValue", r#"{"SecretId":"a"}"#).await.unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("ThrottlingException"), "{body}");
    }
    assert_eq!(text(&proxy, "GetSecretValue", r#"{"SecretId":"a"}"#).await, "answer 3");
    assert_eq!(fault.hits(), 2);
    drop(fault);

    let all = proxy.fault(When::action("secretsmanager"), Effect::Answer(Answer::internal_error()));
    assert_eq!(ask(&proxy, "Any", "").await.unwrap().0, StatusCode::INTERNAL_SERVER_ERROR);
    drop(all);
    assert_eq!(text(&proxy, "Any", "").await, "answer 4");
}

#[tokio::test]
async fn chance_takes_its_share() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let fault = proxy.fault(When::any().chance(0.5), Effect::Answer(Answer::access_denied()));
    for _ in 0..200 {
        text(&proxy, "Any", "").await;
    }
    assert!((60..140).contains(&fault.hits()), "{} of 200", fault.hits());
    assert_eq!(server.asked.load(Ordering::Acquire), 200 - fault.hits());
}

#[tokio::test]
async fn delay_comes_late_and_silence_never() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let begun = Instant::now();
    let delay = proxy.fault(When::any(), Effect::Delay(Duration::from_millis(150)));
    assert_eq!(text(&proxy, "Any", "").await, "answer 1");
    assert!(begun.elapsed() >= Duration::from_millis(150));
    drop(delay);
    let _silence = proxy.fault(When::any(), Effect::Silence);
    let waited = tokio::time::timeout(Duration::from_millis(150), ask(&proxy, "Any", "")).await;
    assert!(waited.is_err(), "it was answered");
    assert_eq!(server.asked.load(Ordering::Acquire), 1);
}

#[tokio::test]
async fn a_cut_request_never_arrives_and_a_cut_answer_was_carried_out() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let cut = proxy.fault(When::any().times(1), Effect::Cut);
    assert!(ask(&proxy, "Any", "").await.is_err());
    assert_eq!((cut.hits(), server.asked.load(Ordering::Acquire)), (1, 0));
    let cut = proxy.fault(When::any().times(1), Effect::CutAnswer);
    assert!(ask(&proxy, "Any", "").await.is_err());
    assert_eq!((cut.hits(), server.asked.load(Ordering::Acquire)), (1, 1));
}

#[tokio::test]
async fn replay_repeats_what_was_answered_before_it_began() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    assert_eq!(text(&proxy, "GetSecretValue", "a").await, "answer 1");
    let replay = proxy.fault(When::action("GetSecretValue"), Effect::Replay);
    assert_eq!(text(&proxy, "GetSecretValue", "a").await, "answer 1");
    assert_eq!(text(&proxy, "GetSecretValue", "b").await, "answer 2", "nothing was known of it");
    assert_eq!(text(&proxy, "GetSecretValue", "b").await, "answer 2");
    drop(replay);
    assert_eq!(text(&proxy, "GetSecretValue", "a").await, "answer 3");
}

#[tokio::test]
async fn a_held_request_says_that_it_came_and_goes_on_when_released() {
    let server = server().await;
    let proxy = Arc::new(Proxy::http(&server.url).unwrap());
    for (effect, carried_out) in [(Effect::Hold, 0), (Effect::HoldAnswer, 2)] {
        let hold = proxy.fault(When::action("Held"), effect);
        let asking = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move { text(&proxy, "Held", "").await }
        });
        hold.arrived(1, SOON).await.unwrap();
        assert_eq!(server.asked.load(Ordering::Acquire), carried_out);
        assert!(!asking.is_finished());
        hold.release();
        assert!(asking.await.unwrap().starts_with("answer"));
        assert!(hold.arrived(2, Duration::from_millis(10)).await.is_err(), "only one came");
    }
}

#[tokio::test]
async fn down_closes_what_is_open_and_refuses_what_comes() {
    let server = server().await;
    let proxy = Arc::new(Proxy::http(&server.url).unwrap());
    let hold = proxy.fault(When::any(), Effect::Hold);
    let asking = tokio::spawn({
        let proxy = Arc::clone(&proxy);
        async move { ask(&proxy, "Any", "").await }
    });
    hold.arrived(1, SOON).await.unwrap();
    let down = proxy.down();
    assert!(asking.await.unwrap().is_err(), "it was under way");
    assert!(ask(&proxy, "Any", "").await.is_err());
    drop(hold);
    drop(down);
    assert_eq!(text(&proxy, "Any", "").await, "answer 1", "a request that was cut while it was held never arrives");
}

#[tokio::test]
async fn a_watch_is_passed_on_at_once_and_ends_with_410_between_two_lines() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let mut body = client.get(format!("{}/watch?watch=true", proxy.url()).parse().unwrap()).await.unwrap().into_body();
    let mut text = String::new();
    while !text.ends_with('\n') {
        let piece = tokio::time::timeout(SOON, body.frame()).await.expect("it is not buffered").unwrap().unwrap();
        text.push_str(std::str::from_utf8(piece.data_ref().unwrap()).unwrap());
    }
    assert_eq!(text, "half a line\n");
    proxy.expire_watches();
    let last = tokio::time::timeout(SOON, body.collect()).await.expect("it ends").unwrap().to_bytes();
    let last: serde_json::Value = serde_json::from_slice(&last).unwrap();
    assert_eq!((&last["type"], &last["object"]["code"]), (&"ERROR".into(), &410.into()));
}

#[tokio::test]
async fn a_watch_ends_when_connections_are_cut() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let body = client.get(format!("{}/watch?watch=1", proxy.url()).parse().unwrap()).await.unwrap().into_body();
    proxy.cut();
    let end = tokio::time::timeout(SOON, body.collect()).await.expect("it ends");
    assert!(end.is_err(), "it ended as if it were complete");
}

#[tokio::test]
async fn a_proxy_of_tls_shows_a_certificate_of_its_own_and_checks_the_servers() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let authority = Authority::new("upstream").unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(authority.server(&[]).unwrap().server_config().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let has_token = String::from_utf8_lossy(&request[..length]).contains("Bearer abc");
            let status = if has_token { "200 OK" } else { "401 Unauthorized" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    let get = async |proxy: &Proxy| {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::trusting(proxy.ca()).unwrap())
            .https_only()
            .enable_http1()
            .build();
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let request = Request::get(format!("{}/api", proxy.url())).header("authorization", "Bearer abc");
        client.request(request.body(Full::default()).unwrap()).await
    };
    let trusted = Proxy::https(&url, authority.pem()).unwrap();
    assert_eq!(get(&trusted).await.unwrap().status(), StatusCode::OK);
    let other = Authority::new("other").unwrap();
    let distrusted = Proxy::https(&url, other.pem()).unwrap();
    assert!(get(&distrusted).await.is_err());
}

#[tokio::test]
async fn what_came_by_can_be_counted_in_time() {
    let server = server().await;
    let proxy = Proxy::http(&server.url).unwrap();
    for _ in 0..3 {
        text(&proxy, "GetSecretValue", "").await;
    }
    let times: Vec<_> = proxy.since(Mark::default()).iter().map(|passed| passed.arrived).collect();
    assert_eq!(fullest(SOON, &times).len(), 3);
}
