//! Servers with a certificate: what is made of it, and what they get to see inside the encryption.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority of that name, as PEM, and the configuration of a server with a certificate of it for that host.
fn authority(authority: &str, host: &str, expired: bool) -> (String, ServerConfig) {
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, authority);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);

    let mut server = CertificateParams::new([host.to_owned()]).unwrap();
    if expired {
        server.not_before = rcgen::date_time_ymd(2020, 1, 1);
        server.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let chain = vec![server.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    (pem, config.with_single_cert(chain, key).unwrap())
}

/// What such a server sees inside the encryption of all connections, and what the client makes of it.
async fn meet(config: ServerConfig, trusted: &str) -> (EngineError, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(stream).await else { continue };
            let mut some = [0; 512];
            let length = tls.read(&mut some).await.unwrap_or_default();
            into.lock().unwrap().extend_from_slice(&some[..length]);
        }
    });
    let more = format!(r#","sslrootcert":"{}""#, trusted.replace('\n', "\\n"));
    let error = Driver.open(&credential(port, &more)).await.err().expect("no such server can be logged in to");
    server.abort();
    let seen = seen.lock().unwrap().clone();
    (error, seen)
}

#[tokio::test]
async fn a_foreign_an_expired_and_another_host_s_certificate_are_told_apart_and_end_it_before_the_first_word() {
    let (foreign, _) = authority("foreign", "127.0.0.1", false);
    for (host, expired, trusted, reason) in [
        ("127.0.0.1", false, Some(foreign), "the certificate's issuer is not trusted"),
        ("127.0.0.1", true, None, "the certificate has expired"),
        ("db.example", false, None, "the certificate is for another host name"),
    ] {
        let (own, config) = authority("own", host, expired);
        let (error, seen) = meet(config, &trusted.unwrap_or(own)).await;
        assert_eq!(error, EngineError::Tls(reason.to_owned()));
        assert_eq!(seen, b"", "{reason}");
    }
}

#[tokio::test]
async fn a_certificate_of_the_secret_s_authority_is_trusted() {
    let (own, config) = authority("own", "127.0.0.1", false);
    let (error, seen) = meet(config, &own).await;
    assert_eq!(error.kind().as_str(), "unreachable", "it is no MongoDB: {error}");
    assert!(!mentions_nobody(&seen), "the driver's own hello");
}
