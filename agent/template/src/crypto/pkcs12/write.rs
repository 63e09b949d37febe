//! Writes keystores, as go-pkcs12's `Modern2023` does: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, a MAC of
//! SHA-256, 2048 iterations. OpenSSL 1.1.1 and Java 12 and later read them.

use super::form::{
    self, Attribute, Bag, CertificateBag, Content, Digest, EncryptedContent, EncryptedData, EncryptedKey, MacData,
    Pbes2, Pbkdf2, Pfx,
};
use super::password::Password;
use super::{cipher, failed, kdf, mac};
use crate::Error;
use crate::crypto::asn1::Algorithm;
use crate::crypto::certificate::Certificate;
use crate::crypto::key::PrivateKey;
use crate::run::Run;
use crate::value::Text;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode as _, Encode as _, Tag};
use sha1::{Digest as _, Sha1};

const ITERATIONS: u32 = 2048;
const SALT: usize = 16;
const IV: usize = 16;
const KEY: usize = 32;

/// What the file holds in the open, or certificates; the private key is encrypted before it gets here.
type Bytes = Vec<u8>;

/// A key and its certificates, the first of which is the key's own.
pub(super) fn keystore(
    run: &Run<'_>,
    certs: &[Certificate],
    key: &PrivateKey,
    password: &Text,
) -> Result<Bytes, Error> {
    let password = Password::new(password)?;
    let leaf = certs.first().ok_or_else(|| failed("pkcs12: certificate missing"))?;
    let id = octets(&Sha1::digest(&leaf.raw))?;
    let id = attributes(&[(form::LOCAL_KEY_ID, &id)])?;
    let mut bags = Vec::new();
    for (number, certificate) in certs.iter().enumerate() {
        bags.push(certificate_bag(certificate, (number == 0).then_some(&id))?);
    }
    let certificates = encrypted_content(run, &password, &bags)?;
    let sealed = Sealed::new(run, &password, &key.to_pkcs8()?)?;
    let key = sealed.key()?;
    let key_bag = bag(form::ENCRYPTED_KEY_BAG, &key, Some(&id))?;
    file(run, &password, &[certificates, data_content(&sequence(&[key_bag])?)?])
}

/// Certificates that Java takes for trusted, named by their subjects.
pub(super) fn trust(run: &Run<'_>, certs: &[Certificate], password: &Text) -> Result<Bytes, Error> {
    let password = Password::new(password)?;
    let any_use = form::ANY_USE.to_der().map_err(malformed)?;
    let mut bags = Vec::new();
    for certificate in certs {
        let units: Option<Vec<u16>> =
            certificate.subject_text.chars().map(|letter| u16::try_from(u32::from(letter)).ok()).collect();
        let units = units.ok_or_else(|| failed("a subject contains characters that cannot be encoded in UCS-2"))?;
        let name: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
        let name = wrapped(Tag::BmpString, &name)?;
        let attributes = attributes(&[(form::JAVA_TRUSTS, &any_use), (form::FRIENDLY_NAME, &name)])?;
        bags.push(certificate_bag(certificate, Some(&attributes))?);
    }
    file(run, &password, &[encrypted_content(run, &password, &bags)?])
}

fn malformed(_: der::Error) -> Error {
    failed("pkcs12: the keystore cannot be written")
}

fn encoded(value: &impl der::Encode) -> Result<Bytes, Error> {
    value.to_der().map_err(malformed)
}

fn wrapped(tag: Tag, bytes: &[u8]) -> Result<Bytes, Error> {
    encoded(&AnyRef::new(tag, bytes).map_err(malformed)?)
}

fn octets(bytes: &[u8]) -> Result<Bytes, Error> {
    wrapped(Tag::OctetString, bytes)
}

fn sequence(items: &[Bytes]) -> Result<Bytes, Error> {
    wrapped(Tag::Sequence, &items.concat())
}

fn any(bytes: &[u8]) -> Result<AnyRef<'_>, Error> {
    AnyRef::from_der(bytes).map_err(malformed)
}

fn random(run: &Run<'_>, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    run.env().fill(&mut bytes);
    bytes
}

/// A set of attributes of one value each.
fn attributes(attributes: &[(der::asn1::ObjectIdentifier, &[u8])]) -> Result<Bytes, Error> {
    let mut items = Vec::new();
    for (id, value) in attributes {
        items.push(encoded(&Attribute { id: *id, values: AnyRef::new(Tag::Set, value).map_err(malformed)? })?);
    }
    items.sort();
    wrapped(Tag::Set, &items.concat())
}

fn bag(kind: der::asn1::ObjectIdentifier, value: &[u8], attributes: Option<&Bytes>) -> Result<Bytes, Error> {
    let attributes = attributes.map(|attributes| any(attributes)).transpose()?;
    encoded(&Bag { kind, value: any(value)?, attributes })
}

fn certificate_bag(certificate: &Certificate, attributes: Option<&Bytes>) -> Result<Bytes, Error> {
    let raw = OctetStringRef::new(&certificate.raw).map_err(malformed)?;
    let value = encoded(&CertificateBag { kind: form::X509, certificate: raw })?;
    bag(form::CERTIFICATE_BAG, &value, attributes)
}

fn data_content(bytes: &[u8]) -> Result<Bytes, Error> {
    let value = octets(bytes)?;
    encoded(&Content { kind: form::DATA, value: Some(any(&value)?) })
}

fn encrypted_content(run: &Run<'_>, password: &Password, bags: &[Bytes]) -> Result<Bytes, Error> {
    let value = Sealed::new(run, password, &sequence(bags)?)?.content()?;
    encoded(&Content { kind: form::ENCRYPTED, value: Some(any(&value)?) })
}

/// The file of some contents, with its MAC.
fn file(run: &Run<'_>, password: &Password, contents: &[Bytes]) -> Result<Bytes, Error> {
    let safe = sequence(contents)?;
    let salt = random(run, SALT);
    let mac = |digest| -> Result<MacData<'_>, Error> {
        let digest = Digest {
            algorithm: Algorithm::null(form::SHA256),
            digest: OctetStringRef::new(digest).map_err(malformed)?,
        };
        Ok(MacData { mac: digest, salt: OctetStringRef::new(&salt).map_err(malformed)?, iterations: ITERATIONS })
    };
    let digest = mac::compute(run, &mac(&[])?, password, &safe)?;
    let value = octets(&safe)?;
    let safe = Content { kind: form::DATA, value: Some(any(&value)?) };
    encoded(&Pfx { version: 3, safe, mac: Some(mac(&digest)?) })
}

/// Something encrypted, and how.
struct Sealed {
    parameters: Bytes,
    data: Vec<u8>,
}

impl Sealed {
    fn new(run: &Run<'_>, password: &Password, plain: &[u8]) -> Result<Self, Error> {
        let (salt, iv) = (random(run, SALT), random(run, IV));
        let hash = Some(Algorithm::null(form::HMAC_SHA256));
        let salt = OctetStringRef::new(&salt).map_err(malformed)?;
        let kdf = encoded(&Pbkdf2 { salt, iterations: ITERATIONS, length: None, hash })?;
        let kdf = Algorithm { oid: form::PBKDF2, parameters: Some(any(&kdf)?) };
        let key = kdf::pbkdf2(run, kdf, password, KEY)?;
        let data = cipher::encrypt(&key, &iv, plain)?;
        let iv = octets(&iv)?;
        let cipher = Algorithm { oid: form::AES_256, parameters: Some(any(&iv)?) };
        Ok(Self { parameters: encoded(&Pbes2 { kdf, cipher })?, data })
    }

    fn algorithm(&self) -> Result<Algorithm<'_>, Error> {
        Ok(Algorithm { oid: form::PBES2, parameters: Some(any(&self.parameters)?) })
    }

    fn data(&self) -> Result<&OctetStringRef, Error> {
        OctetStringRef::new(&self.data).map_err(malformed)
    }

    fn key(&self) -> Result<Bytes, Error> {
        encoded(&EncryptedKey { algorithm: self.algorithm()?, data: self.data()? })
    }

    fn content(&self) -> Result<Bytes, Error> {
        let content = EncryptedContent { kind: form::DATA, algorithm: self.algorithm()?, data: Some(self.data()?) };
        encoded(&EncryptedData { version: 0, content })
    }
}
