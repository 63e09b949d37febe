//! The parts of a keystore in ASN.1.

use der::Sequence;
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};

use crate::crypto::asn1::Algorithm;

const fn oid(numbers: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(numbers)
}

pub(super) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
pub(super) const ENCRYPTED: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
pub(super) const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
pub(super) const ENCRYPTED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
pub(super) const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
pub(super) const X509: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");
pub(super) const FRIENDLY_NAME: ObjectIdentifier = oid("1.2.840.113549.1.9.20");
pub(super) const LOCAL_KEY_ID: ObjectIdentifier = oid("1.2.840.113549.1.9.21");
pub(super) const JAVA_TRUSTS: ObjectIdentifier = oid("2.16.840.1.113894.746875.1.1");
pub(super) const ANY_USE: ObjectIdentifier = oid("2.5.29.37.0");

pub(super) const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
pub(super) const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
pub(super) const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
pub(super) const PBMAC1: ObjectIdentifier = oid("1.2.840.113549.1.5.14");
pub(super) const HMAC_SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");
pub(super) const HMAC_SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
pub(super) const HMAC_SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");

pub(super) const TRIPLE_DES: ObjectIdentifier = oid("1.2.840.113549.1.12.1.3");
pub(super) const RC2_128: ObjectIdentifier = oid("1.2.840.113549.1.12.1.5");
pub(super) const RC2_40: ObjectIdentifier = oid("1.2.840.113549.1.12.1.6");
pub(super) const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
pub(super) const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
pub(super) const AES_128: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
pub(super) const AES_192: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.22");
pub(super) const AES_256: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");

/// `PFX`
#[derive(Sequence)]
pub(super) struct Pfx<'a> {
    pub(super) version: u8,
    pub(super) safe: Content<'a>,
    pub(super) mac: Option<MacData<'a>>,
}

/// `ContentInfo`
#[derive(Sequence)]
pub(super) struct Content<'a> {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) value: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
pub(super) struct MacData<'a> {
    pub(super) mac: Digest<'a>,
    pub(super) salt: &'a OctetStringRef,
    #[asn1(default = "once")]
    pub(super) iterations: u32,
}

fn once() -> u32 {
    1
}

/// `DigestInfo`
#[derive(Sequence)]
pub(super) struct Digest<'a> {
    pub(super) algorithm: Algorithm<'a>,
    pub(super) digest: &'a OctetStringRef,
}

/// `EncryptedData`
#[derive(Sequence)]
pub(super) struct EncryptedData<'a> {
    pub(super) version: u8,
    pub(super) content: EncryptedContent<'a>,
}

#[derive(Sequence)]
pub(super) struct EncryptedContent<'a> {
    pub(super) kind: ObjectIdentifier,
    pub(super) algorithm: Algorithm<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) data: Option<&'a OctetStringRef>,
}

/// `EncryptedPrivateKeyInfo`
#[derive(Sequence)]
pub(super) struct EncryptedKey<'a> {
    pub(super) algorithm: Algorithm<'a>,
    pub(super) data: &'a OctetStringRef,
}

/// `SafeBag`
#[derive(Sequence)]
pub(super) struct Bag<'a> {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) value: AnyRef<'a>,
    /// A set of [`Attribute`]s.
    pub(super) attributes: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
pub(super) struct Attribute<'a> {
    pub(super) id: ObjectIdentifier,
    /// A set.
    pub(super) values: AnyRef<'a>,
}

/// `CertBag`
#[derive(Sequence)]
pub(super) struct CertificateBag<'a> {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) certificate: &'a OctetStringRef,
}

/// `pkcs-12PbeParams`
#[derive(Sequence)]
pub(super) struct Pbe1<'a> {
    pub(super) salt: &'a OctetStringRef,
    pub(super) iterations: u32,
}

/// `PBES2-params`
#[derive(Sequence)]
pub(super) struct Pbes2<'a> {
    pub(super) kdf: Algorithm<'a>,
    pub(super) cipher: Algorithm<'a>,
}

/// `PBMAC1-params`
#[derive(Sequence)]
pub(super) struct Pbmac1<'a> {
    pub(super) kdf: Algorithm<'a>,
    pub(super) mac: Algorithm<'a>,
}

/// `PBKDF2-params`
#[derive(Sequence)]
pub(super) struct Pbkdf2<'a> {
    pub(super) salt: &'a OctetStringRef,
    pub(super) iterations: u32,
    pub(super) length: Option<u16>,
    pub(super) hash: Option<Algorithm<'a>>,
}
