//! What certificates, keys and keystores have in common: algorithms, public keys, and their numbers.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence};
use zeroize::Zeroizing;

use crate::Error;

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub(super) struct Algorithm<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) parameters: Option<AnyRef<'a>>,
}

impl<'a> Algorithm<'a> {
    /// One without parameters.
    pub(super) fn plain(oid: ObjectIdentifier) -> Self {
        Self { oid, parameters: None }
    }

    /// One whose parameters are written as NULL.
    pub(super) fn null(oid: ObjectIdentifier) -> Self {
        Self { oid, parameters: Some(AnyRef::NULL) }
    }

    /// Its parameters as a given type; an error if there are none.
    pub(super) fn parameters<
        T: Decode<'a, Error = der::Error> + der::DecodeValue<'a, Error = der::Error> + der::FixedTag,
    >(
        &self,
    ) -> Result<T, der::Error> {
        self.parameters.ok_or(der::ErrorKind::Failed)?.decode_as()
    }
}

/// `SubjectPublicKeyInfo`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: Algorithm<'a>,
    pub(super) key: BitStringRef<'a>,
}

/// The bytes of a value.
pub(super) fn encode(value: &impl Encode) -> Result<Zeroizing<Vec<u8>>, Error> {
    value.to_der().map(Zeroizing::new).map_err(|_| Error::Failed("a value is too large for ASN.1".to_owned()))
}
