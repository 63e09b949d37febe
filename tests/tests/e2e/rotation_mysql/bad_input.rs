//! Whatever is wrong has a kind and a sentence, and the working credential keeps working.

use rekey_tests::tls::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A change to a value that used to work.
type Spoil = fn(&mut Value);

#[tokio::test]
async fn a_secret_that_is_not_right_changes_nothing() {
    let mariadb = MariaDb::shared().await.unwrap();
    let rows: [(&str, Spoil, &str, &str); 16] = [
        ("wrong password", |value| value["password"] = "wrong".into(), "auth", "error 1045"),
        ("no such user", |value| value["username"] = "nobody".into(), "auth", "error 1045"),
        ("quotes", |value| value["username"] = "a'b\"; DROP USER admin; --".into(), "auth", "error 1045"),
        ("NUL in the name", |value| value["username"] = "a\0b".into(), "bad-secret", "NUL"),
        ("four bytes in the name", |value| value["username"] = "a🔑".into(), "bad-secret", "U+FFFF"),
        ("NUL in the password", |value| value["password"] = "a\0b".into(), "bad-secret", "NUL"),
        ("no password", |value| value["password"] = Value::Null, "bad-secret", "\"password\""),
        ("no host", |value| value["host"] = Value::Null, "bad-secret", "\"host\""),
        ("other engine", |value| value["engine"] = "postgres".into(), "bad-secret", "another engine"),
        ("longest value", |value| value["password"] = "x".repeat(65_000).into(), "auth", "error 1045"),
        ("no such database", |value| value["dbname"] = "nowhere".into(), "privilege", "error 1044"),
        ("closed port", |value| value["port"] = 1.into(), "unreachable", "no connection"),
        ("foreign CA", |value| value["sslrootcert"] = Value::Null, "tls", "issuer is not trusted"),
        ("other name", |value| value["sslservername"] = "db.example".into(), "tls", "another host name"),
        ("no CA at all", |value| value["sslrootcert"] = "nonsense".into(), "tls", "PEM"),
        ("nonsense for ssl", |value| value["ssl"] = "flase".into(), "bad-secret", "true or false"),
    ];
    for (what, spoil, kind, text) in rows {
        let (name, password) = user(mariadb, "%").await;
        let mut value = document(mariadb, &name, &password);
        spoil(&mut value);
        let machine = machine(&value);
        let failed = failure(&machine).await;
        assert!(failed.0 == kind && failed.1.contains(text), "{what}: {failed:?}");
        for leak in [name.as_str(), password.as_str(), "127.0.0.1"] {
            assert!(!failed.1.contains(leak), "{what}: {failed:?}");
        }
        assert!(mariadb.accepts(&name, &password).await.unwrap(), "{what}");
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
async fn an_account_that_is_shut_is_named_and_other_credentials_are_not_tried() {
    let mariadb = MariaDb::shared().await.unwrap();
    for (state, text) in [("ACCOUNT LOCK", "error 4151"), ("PASSWORD EXPIRE", "has expired")] {
        let (name, password) = user(mariadb, "%").await;
        mariadb.run(&[format!("ALTER USER {name} {state}")]).await.unwrap();
        let machine = machine(&document(mariadb, &name, &password));
        let (kind, sentence) = failure(&machine).await;
        assert!(kind == "auth" && sentence.contains(text), "{sentence}");
        // The same password again, which is all that an expired one asks for.
        let again = format!("SET PASSWORD FOR {name} = PASSWORD('{password}')");
        mariadb.run(&[format!("ALTER USER {name} ACCOUNT UNLOCK"), again]).await.unwrap();
        assert!(mariadb.accepts(&name, &password).await.unwrap());
        assert!(!mariadb.statements().unwrap().contains(&format!("Access denied for user '{name}'")), "{state}");
    }
}

#[tokio::test]
async fn a_master_that_cannot_help_is_named_as_the_cause() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (weak, weak_password) = user(mariadb, "%").await;
    let (reader, reader_password) = user(mariadb, "%").await;
    mariadb.run(&[format!("GRANT SELECT ON mysql.* TO {reader}")]).await.unwrap();
    let mut elsewhere = master(mariadb);
    elsewhere["host"] = "localhost".into();
    let mut wrong = master(mariadb);
    wrong["password"] = "wrong".into();
    let rows = [
        (document(mariadb, &weak, &weak_password), "privilege", "error 1142"),
        (document(mariadb, &reader, &reader_password), "privilege", "CREATE USER"),
        (wrong, "auth", "error 1045"),
        (elsewhere, "bad-secret", "host"),
    ];
    for strategy in ["master", "alternating"] {
        for (master, kind, text) in &rows {
            let (name, password) = user(mariadb, "%").await;
            let value = document(mariadb, &name, &password);
            let machine = with_master(&value, master, Some(strategy));
            let (before, sentence) = preflight(&machine).await.unwrap_err();
            assert!(before == *kind && sentence.contains(text), "{strategy}: {sentence}");
            let (after, sentence) = failure(&machine).await;
            assert!(after == *kind && sentence.starts_with("master: "), "{strategy}: {sentence}");
            assert!(mariadb.accepts(&name, &password).await.unwrap());
            assert!(
                mariadb.ask(&format!("SELECT 1 FROM mysql.user WHERE User = '{name}_clone'")).await.unwrap().is_empty()
            );
        }
    }
}

#[tokio::test]
async fn a_replica_a_full_server_and_one_whose_certificate_has_expired_are_told_apart() {
    let mariadb =
        MariaDb::start(&Options { options: vec!["--max-connections=10"], ..Options::default() }).await.unwrap();
    let (name, password) = user(&mariadb, "%").await;
    let value = document(&mariadb, &name, &password);
    mariadb.run(&["SET GLOBAL read_only = 1"]).await.unwrap();
    for machine in [machine(&value), with_master(&value, &master(&mariadb), None)] {
        assert_eq!(preflight(&machine).await.unwrap_err().0, "unreachable");
        let (kind, sentence) = failure(&machine).await;
        assert!(kind == "unreachable" && sentence.contains("name the primary"), "{sentence}");
    }
    mariadb.run(&["SET GLOBAL read_only = 0"]).await.unwrap();
    // One more than the limit is let in, for an administrator.
    let mut full = Vec::new();
    for _ in 0..11 {
        full.extend(mariadb.admin().await.ok());
    }
    let (kind, sentence) = failure(&machine(&value)).await;
    assert!(kind == "unreachable" && sentence.contains("error 1040"), "{sentence}");
    drop(full);

    let expired = MariaDb::start(&Options { expired: true, ..Options::default() }).await.unwrap();
    let (kind, sentence) = failure(&machine(&document(&expired, ADMIN, expired.admin_password()))).await;
    assert!(kind == "tls" && sentence.contains("has expired"), "{sentence}");
    assert!(!expired.statements().unwrap().contains(ADMIN), "the log-in did not begin");
}

#[tokio::test]
async fn plaintext_is_used_where_the_secret_says_so_and_nowhere_else() {
    let mariadb = MariaDb::start(&Options { plain: true, ..Options::default() }).await.unwrap();
    let (name, password) = user(&mariadb, "%").await;
    let mut value = document(&mariadb, &name, &password);
    value["sslrootcert"] = Value::Null;
    let (kind, sentence) = failure(&machine(&value)).await;
    assert!(kind == "tls" && sentence.contains("does not offer TLS"), "{sentence}");
    assert!(!mariadb.statements().unwrap().contains(&format!("Connect\t{name}")), "the log-in did not begin");
    value["ssl"] = false.into();
    assert!(rotate(&machine(&value), 1).await);
}

#[tokio::test]
async fn two_passwords_are_refused_by_a_server_that_calls_itself_mysql_and_is_none() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "%").await;
    let mut value = document(mariadb, &name, &password);
    value["engine"] = "mysql".into();
    let machine = machine(&value);
    machine.vault.state().tags.insert(STRATEGY_TAG.to_owned(), "dual".to_owned());
    assert_eq!(preflight(&machine).await.unwrap_err().0, "refused");
    let (kind, sentence) = failure(&machine).await;
    assert!(kind == "refused" && sentence.contains("8.0.14"), "{sentence}");
    assert!(mariadb.accepts(&name, &password).await.unwrap());
}

/// A server that greets as MariaDB does and then shows a certificate for another name gets to see a request for TLS, a
/// hello and an alert, and nothing that is inside the encryption.
#[tokio::test]
async fn a_server_with_a_certificate_for_another_name_gets_no_authentication_packet() {
    let authority = Authority::new("rekey-foreign").unwrap();
    let identity = authority.server(&[]).unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(identity.server_config().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Protocol 10, capabilities with SSL, mysql_native_password.
        let mut greeting = b"\x0A10.11.6-MariaDB\0\x01\0\0\0saltsalt\0\x00\x8A\x2D\x02\0\x08\0\x15".to_vec();
        greeting.extend([0; 10]);
        greeting.extend(b"saltsaltsalt\0mysql_native_password\0");
        let length = u8::try_from(greeting.len()).unwrap();
        stream.write_all(&[&[length, 0, 0, 0], greeting.as_slice()].concat()).await.unwrap();
        let mut request = [0; 36];
        stream.read_exact(&mut request).await.unwrap();
        let mut inside = Vec::new();
        if let Ok(mut tls) = acceptor.accept(stream).await {
            let _ = tls.read_to_end(&mut inside).await;
        }
        (request, inside)
    });
    let value = json!({
        "host": "127.0.0.1", "port": port, "username": "hidden", "password": "hunter2", "sslrootcert": authority.pem(),
        "sslservername": "db.example",
    });
    let (kind, sentence) = failure(&machine(&value)).await;
    assert!(kind == "tls" && sentence.contains("another host name"), "{sentence}");
    let (request, inside) = server.await.unwrap();
    assert!(!request.windows(6).any(|window| window == b"hidden"));
    assert_eq!(inside, b"");
}
