//! Listeners in the server's place: who cannot show the right certificate learns nothing.

use std::sync::Arc;
use std::time::Duration;

use rekey_rotation::testing::invoke;
use rekey_tests::tls::{Authority, Identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::bench::Secret;

/// Rotates against a listener with that certificate, or without TLS, and returns the error and what was sent to it
/// besides the request for TLS and the handshake.
async fn meet(identity: Option<Identity>, ca: &str, name: &str) -> (String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let value = serde_json::json!({
        "engine": "postgres", "host": "127.0.0.1", "port": port, "username": "app", "password": "hunter2", "sslrootcert": ca,
        "sslservername": name,
    });
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        // Ended by the test; until then every connection is taken, a second try in clear above all.
        while let Ok(Ok((mut stream, _))) = timeout(Duration::from_secs(1), listener.accept()).await {
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request[4..], 80_877_103_u32.to_be_bytes(), "it asks for TLS first");
            match &identity {
                None => {
                    stream.write_all(b"N").await.unwrap();
                    drop(stream.read_to_end(&mut heard).await);
                }
                Some(identity) => {
                    stream.write_all(b"S").await.unwrap();
                    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config().unwrap()));
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        drop(stream.read_to_end(&mut heard).await);
                    }
                }
            }
        }
        heard
    });
    let machine = Secret { value, master: None, tag: None }.machine();
    invoke(&machine, "createSecret").await.unwrap().result.unwrap();
    let error = invoke(&machine, "setSecret").await.unwrap().result.unwrap_err();
    assert_eq!(error.kind().as_str(), "tls", "{error}");
    (error.to_string(), server.await.unwrap())
}

#[tokio::test]
async fn b8_a_refused_tls_connection_is_not_retried_in_plaintext() {
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let rows = [
        (None, "localhost", "does not offer TLS"),
        (Some(theirs.server(&[]).unwrap()), "localhost", "issuer is not trusted"),
        (Some(ours.expired_server().unwrap()), "localhost", "expired"),
        (Some(ours.server(&[]).unwrap()), "elsewhere.example", "another host name"),
    ];
    for (identity, name, reason) in rows {
        let (error, heard) = meet(identity, ours.pem(), name).await;
        assert!(error.contains(reason) && error.contains("sslrootcert"), "{error}");
        assert_eq!(heard, b"", "neither user nor password was sent: {reason}");
    }
}
