//! Whatever is wrong has a kind and a sentence, and the working credential keeps working.

use rekey_tests::redis::Certificate;
use rekey_tests::tls::Authority;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A change to a value that used to work.
type Spoil = fn(&mut Value);

#[tokio::test]
async fn a_secret_that_is_not_right_changes_nothing() {
    let redis = Redis::shared().await.unwrap();
    let rows: [(&str, Spoil, &str, &str); 12] = [
        ("wrong password", |value| value["password"] = "wrong".into(), "auth", "WRONGPASS"),
        ("no such user", |value| value["username"] = "nobody".into(), "auth", "WRONGPASS"),
        ("quotes in the name", |value| value["username"] = "a'b\"; ACL".into(), "bad-secret", "white space"),
        ("NUL in the name", |value| value["username"] = "a\0b".into(), "bad-secret", "white space"),
        ("no password", |value| value["password"] = Value::Null, "bad-secret", "\"password\""),
        ("no host", |value| value["host"] = Value::Null, "bad-secret", "\"host\""),
        ("other engine", |value| value["engine"] = "mysql".into(), "bad-secret", "\"redis\""),
        ("longest value", |value| value["password"] = "x".repeat(65_000).into(), "bad-secret", "16384"),
        ("closed port", |value| value["port"] = 1.into(), "unreachable", "no connection"),
        ("foreign CA", |value| value["sslrootcert"] = Value::Null, "tls", "issuer is not trusted"),
        ("other name", |value| value["sslservername"] = "cache.example".into(), "tls", "another host name"),
        ("no CA at all", |value| value["sslrootcert"] = "nonsense".into(), "tls", "PEM"),
    ];
    for (what, spoil, kind, text) in rows {
        let (name, password) = user(redis, ITSELF).await;
        let mut value = redis.secret(&name, &password);
        spoil(&mut value);
        let machine = machine(&value);
        let failed = failure(&machine).await;
        assert!(failed.0 == kind && failed.1.contains(text), "{what}: {failed:?}");
        for leak in [&name, &password, "127.0.0.1"] {
            assert!(!failed.1.contains(leak), "{what}: {failed:?}");
        }
        is_as_it_was(redis, &name, &password).await;
        assert_eq!(machine.vault.state().labels["AWSCURRENT"], "v1", "{what}");
    }
}

#[tokio::test]
async fn text_that_is_no_document_is_refused() {
    for text in ["", "hunter2", "[]", "{\"password\":\"a\",\"password\":\"b\"}"] {
        let (kind, sentence) = failure(&machine_of(text, "")).await;
        assert_eq!(kind, "bad-secret", "{sentence}");
        assert!(!sentence.contains("hunter2"));
    }
}

#[tokio::test]
async fn a_user_that_must_not_be_changed_is_left_alone() {
    let redis = Redis::shared().await.unwrap();
    let rows: [(&[&str], &str, &str); 3] = [
        (&["+acl|getuser", "+acl|setuser", "nopass"], "refused", "nopass"),
        (&["off"], "auth", "the user is off"),
        (&["+acl|getuser"], "privilege", "+acl|setuser"),
    ];
    for (rules, kind, text) in rows {
        let (name, password) = user(redis, rules).await;
        let before: redis::Value = redis.command(&["ACL", "GETUSER", &name]).await.unwrap();
        let failed = failure(&machine(&redis.secret(&name, &password))).await;
        assert!(failed.0 == kind && failed.1.contains(text), "{rules:?}: {failed:?}");
        let after: redis::Value = redis.command(&["ACL", "GETUSER", &name]).await.unwrap();
        assert_eq!(before, after, "{rules:?}");
    }
}

#[tokio::test]
async fn a_master_that_cannot_help_is_named_as_the_cause() {
    let redis = Redis::shared().await.unwrap();
    let (weak, weak_password) = user(redis, &["+@all", "-@admin"]).await;
    let other_host = |mut value: Value| {
        value["host"] = "localhost".into();
        value
    };
    for (master, kind) in [
        (redis.secret(&weak, &weak_password), "privilege"),
        (redis.secret(ADMIN, "wrong"), "auth"),
        (other_host(redis.secret(ADMIN, redis.admin_password())), "bad-secret"),
    ] {
        let (name, password) = user(redis, &[]).await;
        let failed = failure(&with_master(&redis.secret(&name, &password), &master)).await;
        assert!(failed.0 == kind && failed.1.starts_with("master"), "{failed:?}");
        is_as_it_was(redis, &name, &password).await;
    }
    // Nor does a good one act for a user whose password the secret does not know.
    let (name, password) = user(redis, &[]).await;
    let good = redis.secret(ADMIN, redis.admin_password());
    let failed = failure(&with_master(&redis.secret(&name, "wrong"), &good)).await;
    assert_eq!(failed.0, "auth");
    is_as_it_was(redis, &name, &password).await;
}

#[tokio::test]
async fn servers_of_the_wrong_kind_are_told_apart() {
    let usual = Options::default;
    let primary = Redis::shared().await.unwrap().port();
    for (options, kind, text) in [
        (Options { replica_of: Some(primary), ..usual() }, "unreachable", "replica"),
        (Options { certificate: Certificate::Expired, ..usual() }, "tls", "expired"),
    ] {
        let redis = Redis::start(&options).await.unwrap();
        let failed = failure(&machine(&redis.secret(ADMIN, redis.admin_password()))).await;
        assert!(failed.0 == kind && failed.1.contains(text), "{options:?}: {failed:?}");
    }
    // In TLS 1.3 the refusal comes after the client's handshake: at times the end of the connection overtakes it.
    let redis = Redis::start(&Options { asks_for_client_certificate: true, ..usual() }).await.unwrap();
    let failed = failure(&machine(&redis.secret(ADMIN, redis.admin_password()))).await;
    assert!(["tls", "unreachable"].contains(&failed.0), "{failed:?}");
}

/// b8: a log-in that TLS refuses is not tried again in plaintext, with whatever server.
#[tokio::test]
async fn b8_a_server_without_tls_or_with_a_wrong_certificate_receives_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let value = json!({
        "host": "127.0.0.1", "port": listener.local_addr().unwrap().port(), "username": "app", "password": "hunter2",
    });
    let machine = machine(&value);

    let plain = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 5];
        stream.read_exact(&mut seen).await.unwrap();
        // What Redis says to a hello that it cannot read.
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"-ERR Protocol error\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        [&seen[..], &rest].concat()
    };
    let (failed, seen) = tokio::join!(failure(&machine), plain);
    assert_eq!(failed.0, "tls", "{failed:?}");
    assert!(failed.1.contains("does not offer TLS"), "{failed:?}");
    assert_eq!(seen[0], 22, "a handshake's record");
    let text = String::from_utf8_lossy(&seen);
    assert!(!text.contains("hunter2") && !text.contains("AUTH") && !text.contains("app"));

    let foreign = Authority::new("somebody else").unwrap().server(&[]).unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(foreign.server_config().unwrap()));
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.err().map(|error| error.to_string())
    };
    let (failed, refused) = tokio::join!(failure(&machine), server);
    assert_eq!(failed.0, "tls", "{failed:?}");
    assert!(refused.is_some_and(|alert| alert.contains("UnknownCA")), "the handshake never ended");
}

async fn is_as_it_was(redis: &Redis, name: &str, password: &str) {
    assert!(redis.accepts(name, password).await.unwrap());
    let fields: std::collections::HashMap<String, redis::Value> =
        redis.command(&["ACL", "GETUSER", name]).await.unwrap();
    let hashes: Vec<String> = redis::from_redis_value(fields["passwords"].clone()).unwrap();
    assert_eq!(hashes.len(), 1);
}
