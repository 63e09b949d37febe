//! What servers get to see that do not prove who they are.

mod certificates;

use rekey_rotation::secret::SecretDocument;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn credential(port: u16, more: &str) -> Credential {
    let text = format!(r#"{{"host":"127.0.0.1","port":{port},"username":"app","password":"hunter2"{more}}}"#);
    Credential::read(&SecretDocument::parse(text.into()).unwrap()).unwrap()
}

/// What a server that answers the first bytes with these gets to see in all connections, and what the client makes of it.
async fn meet(answer: &'static [u8], more: &str) -> (EngineError, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let mut seen = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 512];
            let length = stream.read(&mut first).await.unwrap();
            seen.extend_from_slice(&first[..length]);
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            stream.read_to_end(&mut seen).await.unwrap_or_default();
            if seen.is_empty() {
                continue;
            }
            return seen;
        }
    };
    let credential = credential(port, more);
    let (error, seen) = tokio::join!(Driver.open(&credential), server);
    (error.err().expect("no such server can be logged in to"), seen)
}

fn mentions_nobody(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen);
    !text.contains("app") && !text.contains("sasl") && !text.contains("hello") && !text.contains("isMaster")
}

#[tokio::test]
async fn b8_a_refused_tls_connection_is_not_retried_in_plaintext() {
    for answer in [&b""[..], b"nonsense instead of a certificate", b"\x15\x03\x03\x00\x02\x02\x28"] {
        let (error, seen) = meet(answer, "").await;
        assert_eq!(error.kind().as_str(), "tls", "{error}");
        assert_eq!(seen[0], 0x16, "a handshake");
        assert!(mentions_nobody(&seen), "only the hello, and perhaps an alert");
    }
}

#[tokio::test]
async fn plaintext_takes_an_explicit_false() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = [0; 512];
            let length = stream.read(&mut seen).await.unwrap();
            if length > 0 {
                return seen[..length].to_vec();
            }
        }
    };
    let credential = credential(port, r#","ssl":false"#);
    tokio::select! {
        seen = server => assert!(!mentions_nobody(&seen), "the driver's own hello"),
        opened = Driver.open(&credential) => assert!(opened.is_err()),
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_the_error_names_no_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Driver.open(&credential(port, "")).await.err().unwrap();
    assert_eq!(error, EngineError::Unreachable("no connection".to_owned()));
    assert!(!error.to_string().contains("127.0.0.1"));
}

#[tokio::test]
async fn the_driver_trusts_the_same_certificates_in_a_file_that_goes_with_the_session() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let trust = rekey_rotation::place::Trust::default();
    let file = RootsFile::write(&trust).unwrap();
    let written: Vec<_> = CertificateDer::pem_file_iter(&file.path).unwrap().map(Result::unwrap).collect();
    assert_eq!(written, tls::root_certificates(&trust).unwrap());
    let path = file.path.clone();
    drop(file);
    assert!(!path.exists());
}

#[test]
fn the_driver_goes_to_the_named_host_alone_and_repeats_nothing() {
    let options = options(&credential(27018, ""), None);
    assert_eq!(
        (options.direct_connection, options.retry_reads, options.retry_writes),
        (Some(true), Some(false), Some(false))
    );
    assert_eq!(options.hosts.len(), 1);
    assert_eq!(options.credential.unwrap().source.as_deref(), Some("admin"));
}

#[test]
fn a_user_is_read_with_its_roles_and_restrictions() {
    let roles = vec![Bson::Document(doc! { "role": "readWrite", "db": "shop" })];
    let restrictions = vec![Bson::Document(doc! { "clientSource": ["10.0.0.0/8"] })];
    let user = doc! { "user": "app", "db": "shop", "roles": roles.clone(), "authenticationRestrictions": restrictions.clone() };
    assert_eq!(read(&user), Grants { roles: roles.clone(), restrictions });
    assert_eq!(read(&doc! { "roles": roles.clone() }), Grants { roles, restrictions: Vec::new() });
}
