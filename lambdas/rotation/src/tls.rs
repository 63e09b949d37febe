//! TLS towards the engines: always verified, chain and host name.
//!
//! Trusted are the system's roots and, in addition, what the secret's field `sslrootcert` holds. There is no way to
//! switch verification off; an engine that allows `"ssl": false` then uses no TLS at all, because the secret says so.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Why no verified connection can be attempted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TlsError {
    /// The PEM text holds no certificate, or one that cannot be read.
    #[error("field \"sslrootcert\" holds no readable PEM certificate")]
    Pem,
    /// Neither the system nor the secret names anybody to trust.
    #[error("no trusted certificate authority is known")]
    NoRoots,
    /// rustls refuses to be set up.
    #[error("TLS could not be set up: {0}")]
    Setup(String),
}

/// The client's side of TLS, with these PEM certificates trusted beside the system's.
pub fn client_config(additional_roots: Option<&str>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that cannot be read are no reason to fail: the others may do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = additional_roots {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(|_| TlsError::Pem)?).map_err(|_| TlsError::Pem)?;
            added += 1;
        }
        if added == 0 {
            return Err(TlsError::Pem);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Setup(e.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_holds_no_certificate_is_refused() {
        for pem in ["", "hunter2", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(client_config(Some(pem)).unwrap_err(), TlsError::Pem);
        }
    }
}
