//! TLS towards the engines: always verified, chain and host name.
//!
//! Trusted are the system's roots, those of Amazon RDS (`roots/rds.pem`, which RDS, Aurora, DocumentDB and RDS Proxy use)
//! and what the secret's field `sslrootcert` holds; the partitions for China and the US government have roots of RDS of their
//! own, which go there. There is no way to switch verification off; an engine that allows
//! `"ssl": false` then uses no TLS at all, because the secret says so.

mod renamed;

use std::error::Error;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use thiserror::Error;

use self::renamed::Renamed;
use crate::place::Trust;

const RDS: &str = include_str!("../roots/rds.pem");

/// Why no verified connection can be attempted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TlsError {
    /// The PEM text holds no certificate, or one that cannot be read.
    #[error("field \"sslrootcert\" holds no readable PEM certificate")]
    Pem,
    /// The other name is none.
    #[error("field \"sslservername\" holds no host name or IP address")]
    Name,
    /// Neither the system nor the secret names anybody to trust.
    #[error("no trusted certificate authority is known")]
    NoRoots,
    /// rustls refuses to be set up.
    #[error("TLS could not be set up: {0}")]
    Setup(String),
}

/// The client's side of TLS.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that cannot be read are no reason to fail: the others may do.
    roots.add_parsable_certificates(common_roots().iter().cloned());
    for certificate in additional_roots(trust)? {
        roots.add(certificate).map_err(|_| TlsError::Pem)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let setup = |error: &dyn Error| TlsError::Setup(error.to_string());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.build().map_err(|e| setup(&e))?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| setup(&e))?;
    Ok(match &trust.server_name {
        None => builder.with_webpki_verifier(verifier).with_no_client_auth(),
        Some(name) => {
            let name = ServerName::try_from(name.clone()).map_err(|_| TlsError::Name)?;
            let renamed = Arc::new(Renamed::new(verifier, name));
            builder.dangerous().with_custom_certificate_verifier(renamed).with_no_client_auth()
        }
    })
}

/// All certificates that a connection trusts, for the drivers that take no configuration of rustls.
pub fn root_certificates(trust: &Trust) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut roots = common_roots().to_vec();
    roots.extend(additional_roots(trust)?);
    Ok(roots)
}

/// The same for every secret: read once, since the system has some 150 of them.
fn common_roots() -> &'static [CertificateDer<'static>] {
    static ROOTS: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = rustls_native_certs::load_native_certs().certs;
        roots.extend(CertificateDer::pem_slice_iter(RDS.as_bytes()).filter_map(Result::ok));
        roots
    })
}

fn additional_roots(trust: &Trust) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let Some(pem) = &trust.additional_roots else { return Ok(Vec::new()) };
    let added: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| TlsError::Pem)?;
    if added.is_empty() { Err(TlsError::Pem) } else { Ok(added) }
}

/// Why TLS failed, if that is what an error of a driver or one of its causes says: from rustls, whose kinds name no host;
/// the certificate's names are left out.
#[must_use]
pub fn reason(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let rustls = inner.and_then(|e| e.downcast_ref::<rustls::Error>()).or_else(|| current.downcast_ref());
        if let Some(rustls) = rustls {
            return Some(match rustls {
                rustls::Error::InvalidCertificate(why) => certificate_reason(why).to_owned(),
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                    "the server asks for a client's certificate; let it do without".to_owned()
                }
                rustls::Error::AlertReceived(alert) => format!("the server ended it: {alert:?}"),
                rustls::Error::InvalidMessage(_) => "the server does not offer TLS".to_owned(),
                _ => "the handshake failed".to_owned(),
            });
        }
        cause = current.source();
    }
    None
}

fn certificate_reason(why: &CertificateError) -> &'static str {
    use CertificateError as Why;
    match why {
        Why::UnknownIssuer => "the certificate's issuer is not trusted",
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "the certificate is for another host name",
        Why::Expired | Why::ExpiredContext { .. } => "the certificate has expired",
        Why::NotValidYet | Why::NotValidYetContext { .. } => "the certificate is not valid yet",
        _ => "the certificate is not acceptable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_holds_no_certificate_is_refused() {
        for pem in ["", "hunter2", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let trust = Trust { additional_roots: Some(pem.to_owned()), server_name: None };
            assert_eq!(client_config(&trust).unwrap_err(), TlsError::Pem);
        }
    }

    #[test]
    fn every_root_of_rds_is_readable() {
        let all = RDS.matches("BEGIN CERTIFICATE").count();
        let mut store = RootCertStore::empty();
        let readable: Vec<_> = CertificateDer::pem_slice_iter(RDS.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(store.add_parsable_certificates(readable), (all, 0));
        for region in ["us-east-1", "eu-central-1", "ap-south-1"] {
            assert!(RDS.contains(&format!("Amazon RDS {region} Root CA RSA2048 G1")), "{region}");
        }
        assert!(RDS.contains("Amazon Root CA 1"), "RDS Proxy's");
    }

    #[test]
    fn the_cause_is_found_beneath_a_drivers_error() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let outer = std::io::Error::other(inner);
        assert_eq!(reason(&outer).unwrap(), "the certificate's issuer is not trusted");
        assert_eq!(reason(&std::fmt::Error), None);
    }
}
