//! Keystores in PKCS#12 (RFC 7292), as Go's `software.sslmate.com/src/go-pkcs12` reads and writes them for External
//! Secrets Operator: `pkcs12key`, `pkcs12cert`, `pemToPkcs12`, `fullPemToPkcs12`, `pemTruststoreToPKCS12`, and each
//! with a password.
//!
//! Reads what is encrypted with AES, triple DES and RC2; writes AES-256, as OpenSSL 3 and Java 20 do.

mod cipher;
mod form;
mod kdf;
mod mac;
mod password;
mod read;
mod write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::certificate::{self, Certificate};
use super::key::PrivateKey;
use super::{chain, cost, pem};
use crate::Error;
use crate::functions::Table;
use crate::run::Run;
use crate::value::Text;

pub(super) fn add(table: &mut Table) {
    table.add("pkcs12key", |run: &Run<'_>, input: Text| key(run, Text::default(), input));
    table.add("pkcs12keyPass", key);
    table.add("pkcs12cert", |run: &Run<'_>, input: Text| certificates(run, Text::default(), input));
    table.add("pkcs12certPass", certificates);
    table.add("pemToPkcs12", |run: &Run<'_>, cert: Text, key: Text| one(run, cert, key, Text::default()));
    table.add("pemToPkcs12Pass", one);
    table.add("fullPemToPkcs12", |run: &Run<'_>, certs: Text, key: Text| full(run, certs, key, Text::default()));
    table.add("fullPemToPkcs12Pass", full);
    table.add("pemTruststoreToPKCS12", |run: &Run<'_>, certs: Text| trusted(run, certs, Text::default()));
    table.add("pemTruststoreToPKCS12Pass", trusted);
}

fn failed(words: &str) -> Error {
    Error::Failed(words.to_owned())
}

/// The private key of a keystore.
fn key(run: &Run<'_>, password: Text, input: Text) -> Result<Vec<u8>, Error> {
    let key = read::keystore(run, &input, &password)?.key;
    Ok(pem::encode(pem::PRIVATE_KEY, &key.to_pkcs8()?).to_vec())
}

/// The certificates of a keystore, the leaf first where the chain can be told.
fn certificates(run: &Run<'_>, password: Text, input: Text) -> Result<Vec<u8>, Error> {
    let certificates = read::keystore(run, &input, &password)?.certificates;
    let chain = chain::ordered(run, &certificates).unwrap_or_else(|_| certificates.iter().collect());
    Ok(chain.into_iter().flat_map(Certificate::to_pem).collect())
}

/// A keystore of the first certificate of a text.
fn one(run: &Run<'_>, cert: Text, key: Text, password: Text) -> Result<String, Error> {
    let (Some(block), _) = pem::decode(&cert) else { return Err(failed("no PEM data in the certificate")) };
    keystore(run, &[Certificate::new(&block.bytes)?], &key, &password)
}

/// A keystore of all certificates of a text.
fn full(run: &Run<'_>, certs: Text, key: Text, password: Text) -> Result<String, Error> {
    keystore(run, &all(&certs)?, &key, &password)
}

/// A keystore of certificates that Java trusts.
fn trusted(run: &Run<'_>, certs: Text, password: Text) -> Result<String, Error> {
    let certificates = if certs.is_empty() { Vec::new() } else { all(&certs)? };
    write::trust(run, &certificates, &password).map(|bytes| STANDARD.encode(bytes))
}

fn keystore(run: &Run<'_>, certs: &[Certificate], key: &[u8], password: &Text) -> Result<String, Error> {
    let (Some(block), _) = pem::decode(key) else { return Err(failed("no PEM data in the private key")) };
    run.steps(cost::RSA_KEY)?;
    let key = PrivateKey::any(&block.bytes)?;
    write::keystore(run, certs, &key, password).map(|bytes| STANDARD.encode(bytes))
}

/// Certificates with nothing after them.
fn all(text: &[u8]) -> Result<Vec<Certificate>, Error> {
    let mut rest = text;
    while !rest.is_empty() {
        let (Some(_), after) = pem::decode(rest) else { return Err(failed("something that is no PEM block follows")) };
        rest = after;
    }
    let certificates = certificate::all(text)?;
    if text.is_empty() { Err(failed("no PEM data in the certificates")) } else { Ok(certificates) }
}
