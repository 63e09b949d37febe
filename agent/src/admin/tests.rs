use std::time::Duration;

use rekey_core::identity::{Account, Region, Service};
use rekey_core::pipe::PipeId;
use rekey_core::store::Rules;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::leader::Election;
use crate::state::StateOptions;
use crate::watch::KINDS;

fn admin() -> Admin {
    let state = State::new(StateOptions {
        stores: Rules { class: "default".to_owned(), ..Rules::default() },
        companion: false,
        all_follow_events: false,
        heartbeat_period: Duration::from_mins(10),
    });
    Admin {
        metrics: Metrics::default(),
        state,
        lists: Lists::of(&KINDS),
        leadership: Leadership::default(),
        work: Arc::default(),
        eso_metrics: true,
        reloader_metrics: None,
    }
}

fn complete() -> Admin {
    let admin = admin();
    for kind in KINDS {
        admin.lists.shown(&kind.into());
    }
    admin
}

fn leading() -> Admin {
    let admin = complete();
    let _alone = Election::unopposed(&admin.leadership);
    admin
}

/// The answer to a GET: status line and headers in lower case, and the body.
async fn get(admin: &Admin, path: &str, header: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = admin.clone().router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn it_is_not_ready_while_watches_are_missing_and_names_them() {
    let admin = admin();
    for kind in
        KINDS.into_iter().filter(|kind| !["secrets", "configmaps", "deployments", "statefulsets"].contains(kind))
    {
        admin.lists.shown(&kind.into());
    }
    let (head, body) = get(&admin, "/readyz", "").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, "index: incomplete; not listed yet: configmaps, deployments, secrets, statefulsets\n");
    let (head, body) = get(&admin, "/healthz", "").await;
    assert!(head.starts_with("http/1.1 200") && body == "ok\n", "{head}");
}

#[tokio::test]
async fn it_names_the_hash_key_while_that_is_waited_for() {
    let admin = Admin { lists: Lists::of(&[HASH_KEY, "secrets"]), ..admin() };
    let (head, body) = get(&admin, "/readyz", "").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(body.starts_with("hash key: waiting for secret rekey-hash-key"), "{body}");
    admin.lists.shown(&HASH_KEY.into());
    let (_, body) = get(&admin, "/readyz", "").await;
    assert_eq!(body, "index: incomplete; not listed yet: secrets\n");
}

#[tokio::test]
async fn once_complete_it_is_ready_whatever_the_pipes_say() {
    let admin = leading();
    let (head, body) = get(&admin, "/readyz", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(
        body,
        "index: complete, 0 ExternalSecrets\n\
         leader: this instance, without election\n\
         pipe: unproven, no heartbeat has arrived yet; polling at each refreshInterval\n\
         worker: 0 ExternalSecrets wait for their turn or their retry\n"
    );
    let pipe = |service| PipeId {
        account: Account::parse("111122223333").unwrap(),
        region: Region::parse("eu-west-1").unwrap(),
        service,
    };
    let ago = |seconds| Timestamp::now() - Duration::from_secs(seconds);
    admin.state.with_pipes(|pipes| {
        pipes.heartbeat(pipe(Service::SecretsManager), ago(60), Timestamp::now());
        pipes.heartbeat(pipe(Service::ParameterStore), ago(3600), Timestamp::now());
    });
    let (head, body) = get(&admin, "/readyz", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for line in [
        "pipe 111122223333 eu-west-1 SecretsManager: proven; last heartbeat 6",
        "pipe 111122223333 eu-west-1 ParameterStore: unproven, the last heartbeat is too old; last heartbeat 360",
    ] {
        assert!(body.lines().any(|found| found.starts_with(line)), "{line}\n{body}");
    }
}

#[tokio::test]
async fn an_instance_that_does_not_lead_is_ready_and_says_nothing_of_pipes() {
    let (head, body) = get(&complete(), "/readyz", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "index: complete, 0 ExternalSecrets\nleader: not known yet\n");
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let admin = leading();
    for (accept, content_type, end) in [
        ("", "content-type: text/plain; version=0.0.4; charset=utf-8", "\n"),
        (
            "accept: application/openmetrics-text\r\n",
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
    ] {
        let (head, body) = get(&admin, "/metrics", accept).await;
        assert!(head.contains(content_type), "{head}");
        assert!(body.contains("rekey_leader 1\n") && body.ends_with(end), "{body}");
        assert_eq!(body.ends_with("# EOF\n"), end == "# EOF\n");
    }
}
