//! Reads a keystore: one private key and its certificates.

use der::Decode;
use der::asn1::OctetStringRef;
use zeroize::Zeroizing;

use super::form::{self, Bag, CertificateBag, Content, EncryptedData, EncryptedKey, Pfx};
use super::password::Password;
use super::{cipher, cost, failed, mac};
use crate::Error;
use crate::crypto::certificate::Certificate;
use crate::crypto::key::PrivateKey;
use crate::run::Run;
use crate::value::Text;

/// Most parts that a keystore may have; two are usual.
const PARTS: usize = 16;

pub(super) struct Keystore {
    pub(super) key: PrivateKey,
    /// In the order of the file; there is at least one.
    pub(super) certificates: Vec<Certificate>,
}

fn malformed(_: der::Error) -> Error {
    failed("pkcs12: malformed keystore")
}

/// Reads a file.
pub(super) fn keystore(run: &Run<'_>, file: &[u8], password: &Text) -> Result<Keystore, Error> {
    let pfx = Pfx::from_der(file).map_err(malformed)?;
    let safe = data(&pfx.safe)?;
    let password = proven(run, &pfx, safe, Password::new(password)?)?;
    let parts = Vec::<Content<'_>>::from_der(safe).map_err(malformed)?;
    if pfx.version != 3 || parts.len() > PARTS {
        return Err(failed("pkcs12: the keystore has a form that is not supported"));
    }
    let (mut key, mut certificates) = (None, Vec::new());
    for part in &parts {
        let content = content(run, part, &password)?;
        for bag in Vec::<Bag<'_>>::from_der(&content).map_err(malformed)? {
            match bag.kind {
                form::CERTIFICATE_BAG => certificates.push(certificate(&bag)?),
                form::KEY_BAG | form::ENCRYPTED_KEY_BAG if key.is_some() => {
                    return Err(failed("pkcs12: the keystore has more than one private key"));
                }
                form::KEY_BAG => key = Some(private(run, &der::Encode::to_der(&bag.value).map_err(malformed)?)?),
                form::ENCRYPTED_KEY_BAG => {
                    let form: EncryptedKey<'_> = bag.value.decode_as().map_err(malformed)?;
                    let bytes = cipher::decrypt(run, form.algorithm, &password, form.data.as_bytes())?;
                    key = Some(private(run, &bytes)?);
                }
                _ => {}
            }
        }
    }
    if certificates.is_empty() {
        return Err(failed("pkcs12: certificate missing"));
    }
    Ok(Keystore { key: key.ok_or_else(|| failed("pkcs12: private key missing"))?, certificates })
}

/// The password in the form that the keystore was closed with.
fn proven(run: &Run<'_>, pfx: &Pfx<'_>, safe: &[u8], password: Password) -> Result<Password, Error> {
    let Some(mac) = &pfx.mac else {
        return if password.is_empty() { Ok(password) } else { Err(failed("pkcs12: no MAC in data")) };
    };
    if mac::fits(run, mac, &password, safe)? {
        return Ok(password);
    }
    if password.is_empty() {
        let password = password.without_end();
        if mac::fits(run, mac, &password, safe)? {
            return Ok(password);
        }
    }
    Err(failed("pkcs12: decryption password incorrect"))
}

/// The bytes of content that is not encrypted.
fn data<'a>(content: &Content<'a>) -> Result<&'a [u8], Error> {
    let value = content.value.filter(|_| content.kind == form::DATA);
    let value = value.ok_or_else(|| failed("pkcs12: only password-protected keystores are supported"))?;
    value.decode_as::<&OctetStringRef>().map(OctetStringRef::as_bytes).map_err(malformed)
}

fn content(run: &Run<'_>, part: &Content<'_>, password: &Password) -> Result<Zeroizing<Vec<u8>>, Error> {
    match part.value {
        Some(value) if part.kind == form::ENCRYPTED => {
            let form = value.decode_as::<EncryptedData<'_>>().map_err(malformed)?.content;
            let bytes = form.data.map(OctetStringRef::as_bytes).unwrap_or_default();
            cipher::decrypt(run, form.algorithm, password, bytes)
        }
        _ => data(part).map(|bytes| Zeroizing::new(bytes.to_vec())),
    }
}

fn certificate(bag: &Bag<'_>) -> Result<Certificate, Error> {
    let form: CertificateBag<'_> = bag.value.decode_as().map_err(malformed)?;
    if form.kind != form::X509 {
        return Err(failed("pkcs12: only X509 certificates are supported in cert bags"));
    }
    Certificate::new(form.certificate.as_bytes())
}

fn private(run: &Run<'_>, bytes: &[u8]) -> Result<PrivateKey, Error> {
    run.steps(cost::RSA_KEY)?;
    PrivateKey::pkcs8(bytes).ok_or_else(|| failed("pkcs12: the private key cannot be parsed"))
}
