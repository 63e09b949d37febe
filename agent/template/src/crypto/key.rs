//! Private keys, in the forms that Go's `crypto/x509` reads and writes.
//!
//! RSA (two primes, 1024 to 8192 bits), the curves of [`super::curve`], Ed25519. Not DSA, which is used no more.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Sequence};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs1v15::Pkcs1v15Sign;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::asn1::{self, Algorithm, PublicKey};
use super::curve::{Curve, EcKey};
use super::pem;
use crate::Error;

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// Bytes of the largest RSA modulus. Larger numbers would take long before they are refused.
pub(super) const RSA_BYTES: usize = 1024;
/// An RSA key holds nine numbers, of which some are half as long.
const RSA_KEY_BYTES: usize = 6 * RSA_BYTES;

pub(super) enum PrivateKey {
    Rsa(Box<RsaPrivateKey>),
    Ec(EcKey),
    Ed25519(Zeroizing<[u8; 32]>),
}

/// `OneAsymmetricKey`; attributes and a public key after these are not read.
#[derive(Sequence)]
struct Pkcs8<'a> {
    version: u8,
    algorithm: Algorithm<'a>,
    key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<der::asn1::SetOfVec<AnyRef<'a>>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    public: Option<BitStringRef<'a>>,
}

/// `ECPrivateKey`
#[derive(Sequence)]
struct Sec1<'a> {
    version: u8,
    key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    curve: Option<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public: Option<BitStringRef<'a>>,
}

fn failed(words: &str) -> Error {
    Error::Failed(words.to_owned())
}

impl PrivateKey {
    /// Whatever form the bytes have. (ESO's `parsePrivateKey`)
    pub(super) fn any(bytes: &[u8]) -> Result<Self, Error> {
        let key = Self::pkcs1(bytes).or_else(|| Self::pkcs8(bytes)).or_else(|| Self::sec1(bytes, None));
        key.ok_or_else(|| failed("unable to parse private key type"))
    }

    /// The first block of a PEM text, in the form that its kind names. (sprig's `parsePrivateKeyPEM`)
    pub(super) fn of_pem(text: &[u8]) -> Result<Self, Error> {
        let (Some(block), _) = pem::decode(text) else { return Err(failed("no PEM data in the private key")) };
        let key = match block.kind.as_slice() {
            pem::PRIVATE_KEY => Self::pkcs8(&block.bytes),
            b"RSA PRIVATE KEY" => Self::pkcs1(&block.bytes),
            b"EC PRIVATE KEY" => Self::sec1(&block.bytes, None),
            b"DSA PRIVATE KEY" => return Err(failed("DSA keys are not supported; use an RSA, ECDSA or Ed25519 key")),
            kind if kind.ends_with(b" PRIVATE KEY") => return Err(failed("invalid private key type")),
            _ => return Err(failed("no private key data in the PEM block")),
        };
        key.ok_or_else(|| failed("the private key cannot be parsed"))
    }

    /// PKCS#8
    pub(super) fn pkcs8(bytes: &[u8]) -> Option<Self> {
        let form = Pkcs8::from_der(bytes).ok()?;
        match form.algorithm.oid {
            asn1::RSA => Self::pkcs1(form.key.as_bytes()),
            asn1::EC => {
                let curve = form.algorithm.parameters().ok();
                Self::sec1(form.key.as_bytes(), curve)
            }
            asn1::ED25519 if form.algorithm.parameters.is_none() => {
                let seed = <&OctetStringRef>::from_der(form.key.as_bytes()).ok()?;
                Some(Self::Ed25519(Zeroizing::new(seed.as_bytes().try_into().ok()?)))
            }
            _ => None,
        }
    }

    fn pkcs1(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > RSA_KEY_BYTES {
            return None;
        }
        RsaPrivateKey::from_pkcs1_der(bytes).ok().map(Box::new).map(Self::Rsa)
    }

    fn sec1(bytes: &[u8], curve: Option<ObjectIdentifier>) -> Option<Self> {
        let form = Sec1::from_der(bytes).ok()?;
        let curve = Curve::of(curve.or(form.curve)?)?;
        curve.private(form.key.as_bytes()).map(Self::Ec)
    }

    /// In PKCS#8.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let curve;
        let (algorithm, key) = match self {
            Self::Rsa(key) => (Algorithm::null(asn1::RSA), rsa_bytes(key)?),
            Self::Ec(key) => {
                curve = key.curve.oid();
                let algorithm = Algorithm { oid: asn1::EC, parameters: Some(AnyRef::from(&curve)) };
                (algorithm, ec_bytes(key, None)?)
            }
            Self::Ed25519(seed) => (Algorithm::plain(asn1::ED25519), asn1::encode(&octets(&**seed)?)?),
        };
        asn1::encode(&Pkcs8 { version: 0, algorithm, key: octets(&key)?, attributes: None, public: None })
    }

    /// As the PEM block that sprig makes of it.
    pub(super) fn to_pem(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(match self {
            Self::Rsa(key) => pem::encode(b"RSA PRIVATE KEY", &rsa_bytes(key)?),
            Self::Ec(key) => pem::encode(b"EC PRIVATE KEY", &ec_bytes(key, Some(key.curve.oid()))?),
            Self::Ed25519(_) => pem::encode(pem::PRIVATE_KEY, &self.to_pkcs8()?),
        })
    }

    /// The public key as certificates hold it.
    pub(super) fn public(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Rsa(key) => rsa_public(&key.to_public_key()),
            Self::Ec(key) => ec_public(key.curve, &key.point),
            Self::Ed25519(seed) => ed25519_public(ed25519(seed)?.public_key().as_ref()),
        }
    }

    /// Which algorithm [`Self::sign`] signs with.
    pub(super) fn signature_algorithm(&self) -> Algorithm<'static> {
        match self {
            Self::Rsa(_) => Algorithm::null(SHA256_WITH_RSA),
            Self::Ec(key) => Algorithm::plain(key.curve.signature_algorithm()),
            Self::Ed25519(_) => Algorithm::plain(asn1::ED25519),
        }
    }

    /// A signature as certificates hold it.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = match self {
            Self::Rsa(key) => key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).ok(),
            Self::Ec(key) => key.sign(message),
            Self::Ed25519(seed) => Some(ed25519(seed)?.sign(message).as_ref().to_vec()),
        };
        signature.ok_or_else(|| failed("the private key cannot sign"))
    }
}

/// The public key of an RSA modulus and exponent.
pub(super) fn rsa_public(key: &rsa::RsaPublicKey) -> Result<Vec<u8>, Error> {
    let bytes = key.to_pkcs1_der().map_err(|_| failed("the RSA key is not valid"))?;
    public(Algorithm::null(asn1::RSA), bytes.as_bytes())
}

/// The public key of a point.
pub(super) fn ec_public(curve: Curve, point: &[u8]) -> Result<Vec<u8>, Error> {
    let oid = curve.oid();
    public(Algorithm { oid: asn1::EC, parameters: Some(AnyRef::from(&oid)) }, point)
}

/// The public key of 32 bytes.
pub(super) fn ed25519_public(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    public(Algorithm::plain(asn1::ED25519), bytes)
}

/// The key pair of a seed.
pub(super) fn ed25519(seed: &[u8; 32]) -> Result<Ed25519KeyPair, Error> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| failed("the Ed25519 key is not valid"))
}

fn public(algorithm: Algorithm<'_>, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let key = BitStringRef::from_bytes(bytes).map_err(|_| failed("the public key is too large"))?;
    asn1::encode(&PublicKey { algorithm, key }).map(|bytes| bytes.to_vec())
}

fn rsa_bytes(key: &RsaPrivateKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    key.to_pkcs1_der().map(|document| document.to_bytes()).map_err(|_| failed("the RSA key is not valid"))
}

fn ec_bytes(key: &EcKey, curve: Option<ObjectIdentifier>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let public = BitStringRef::from_bytes(&key.point).ok();
    asn1::encode(&Sec1 { version: 1, key: octets(&key.scalar)?, curve, public })
}

fn octets(bytes: &[u8]) -> Result<&OctetStringRef, Error> {
    OctetStringRef::new(bytes).map_err(|_| failed("the private key is too large"))
}
