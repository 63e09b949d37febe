//! X.509 certificates: what the functions here want to know of one. Nothing verifies one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::asn1::{AnyRef, BitStringRef, Ia5StringRef, IntRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode as _, Sequence, Tag, Tagged as _};

use super::asn1::{Algorithm, PublicKey};
use super::name;
use super::pem;
use crate::Error;

pub(super) const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
pub(super) const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
pub(super) const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// `Certificate`
#[derive(Sequence)]
pub(super) struct Signed<'a> {
    pub(super) content: Content<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) signature: BitStringRef<'a>,
}

/// `TBSCertificate`
#[derive(Sequence)]
pub(super) struct Content<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "first_version")]
    pub(super) version: u8,
    /// A number.
    pub(super) serial: AnyRef<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) issuer: AnyRef<'a>,
    pub(super) validity: AnyRef<'a>,
    pub(super) subject: AnyRef<'a>,
    pub(super) public_key: PublicKey<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) issuer_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) subject_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension<'a>>>,
}

fn first_version() -> u8 {
    0
}

#[derive(Sequence)]
pub(super) struct Extension<'a> {
    pub(super) id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    pub(super) critical: bool,
    pub(super) value: &'a OctetStringRef,
}

/// `AuthorityKeyIdentifier`; the issuer's name and serial number are not read.
#[derive(Sequence)]
pub(super) struct AuthorityKey<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) key: Option<&'a OctetStringRef>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) issuer: Option<Vec<AnyRef<'a>>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) serial: Option<IntRef<'a>>,
}

/// A certificate and what it says.
pub(super) struct Certificate {
    /// As it was.
    pub(super) raw: Vec<u8>,
    /// The subject, in ASN.1.
    pub(super) subject: Vec<u8>,
    /// The subject as text.
    pub(super) subject_text: String,
    /// The public key, in ASN.1.
    pub(super) public_key: Vec<u8>,
    pub(super) subject_key: Option<Vec<u8>>,
    pub(super) authority_key: Option<Vec<u8>>,
    /// DNS names, IP addresses, mail addresses, URIs.
    pub(super) alternative_names: Vec<String>,
}

impl Certificate {
    pub(super) fn new(raw: &[u8]) -> Result<Self, Error> {
        Self::read(raw).map_err(|_| Error::Failed("malformed certificate".to_owned()))
    }

    fn read(raw: &[u8]) -> Result<Self, der::Error> {
        let content = Signed::from_der(raw)?.content;
        let mut certificate = Self {
            raw: raw.to_vec(),
            subject: content.subject.to_der()?,
            subject_text: name::text(content.subject)?,
            public_key: content.public_key.to_der()?,
            subject_key: None,
            authority_key: None,
            alternative_names: Vec::new(),
        };
        for extension in content.extensions.unwrap_or_default() {
            let value = extension.value.as_bytes();
            match extension.id {
                SUBJECT_KEY => certificate.subject_key = Some(<&OctetStringRef>::from_der(value)?.as_bytes().to_vec()),
                AUTHORITY_KEY => {
                    certificate.authority_key = AuthorityKey::from_der(value)?.key.map(|key| key.as_bytes().to_vec());
                }
                ALTERNATIVE_NAMES => certificate.alternative_names = alternative_names(value)?,
                _ => {}
            }
        }
        Ok(certificate)
    }

    /// Nobody else has signed it, as far as its key identifiers say.
    pub(super) fn is_root(&self) -> bool {
        self.authority_key.is_none() || self.authority_key == self.subject_key
    }

    pub(super) fn to_pem(&self) -> Vec<u8> {
        pem::encode(pem::CERTIFICATE, &self.raw).to_vec()
    }
}

/// All certificates of a PEM text, which has to hold nothing else.
pub(super) fn all(text: &[u8]) -> Result<Vec<Certificate>, Error> {
    pem::blocks(text).map(|block| Certificate::new(&block.bytes)).collect()
}

/// In Go's order.
fn alternative_names(extension: &[u8]) -> Result<Vec<String>, der::Error> {
    let names = Vec::<AnyRef<'_>>::from_der(extension)?;
    let of = |wanted: u32| {
        let number = move |name: &&AnyRef<'_>| match name.tag() {
            Tag::ContextSpecific { number, .. } => number.value() == wanted,
            _ => false,
        };
        names.iter().filter(number).map(|name| name.value())
    };
    let text = |bytes| Ia5StringRef::new(bytes).map(|text| text.as_str().to_owned());
    let dns = of(2).map(text);
    let addresses = of(7).map(|bytes| address(bytes).ok_or_else(|| Tag::OctetString.value_error().into()));
    dns.chain(addresses).chain(of(1).map(text)).chain(of(6).map(text)).collect()
}

/// As Go prints it: an IPv4 address within IPv6 is one of IPv4.
fn address(bytes: &[u8]) -> Option<String> {
    let address = match *bytes {
        [a, b, c, d] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(address.to_canonical().to_string())
}

/// A certificate's public key, in ASN.1.
pub(super) fn public_key(bytes: &[u8]) -> Result<PublicKey<'_>, Error> {
    PublicKey::from_der(bytes).map_err(|_| Error::Failed("malformed public key".to_owned()))
}

/// A value in ASN.1, as part of another.
pub(super) fn part(bytes: &[u8]) -> Result<AnyRef<'_>, Error> {
    AnyRef::from_der(bytes).map_err(|_| Error::Failed("malformed certificate".to_owned()))
}
