//! The elliptic curves that keys can have here: P-256, P-384 and P-521. P-224, which Go has too, is not among them.

use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::Signer as _;
use zeroize::Zeroizing;

/// A curve of NIST's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(super) fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        })
    }

    pub(super) fn of(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// The name that JSON Web Keys have for it.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// Bytes of a coordinate, and of a private key.
    pub(super) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Signs with the hash that goes with the curve.
    pub(super) fn signature_algorithm(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.4.3.2",
            Self::P384 => "1.2.840.10045.4.3.3",
            Self::P521 => "1.2.840.10045.4.3.4",
        })
    }

    /// The private key of a number that may have lost its leading zeros or have some more; nothing if it is none.
    pub(super) fn private(self, number: &[u8]) -> Option<EcKey> {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        let mut scalar = Zeroizing::new(vec![0; self.size().checked_sub(digits.len())?]);
        scalar.extend_from_slice(digits);
        let point = match self {
            Self::P256 => p256::SecretKey::from_slice(&scalar).ok()?.public_key().to_sec1_bytes().into_vec(),
            Self::P384 => p384::SecretKey::from_slice(&scalar).ok()?.public_key().to_sec1_bytes().into_vec(),
            Self::P521 => p521::SecretKey::from_slice(&scalar).ok()?.public_key().to_sec1_bytes().into_vec(),
        };
        Some(EcKey { curve: self, scalar, point })
    }

    /// Is it an uncompressed point of the curve?
    pub(super) fn has(self, point: &[u8]) -> bool {
        match self {
            Self::P256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
            Self::P384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
            Self::P521 => p521::PublicKey::from_sec1_bytes(point).is_ok(),
        }
    }
}

/// A private key.
pub(super) struct EcKey {
    pub(super) curve: Curve,
    pub(super) scalar: Zeroizing<Vec<u8>>,
    /// The public key, uncompressed.
    pub(super) point: Vec<u8>,
}

impl EcKey {
    /// The signature in ASN.1; nothing if the key is none.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(match self.curve {
            Curve::P256 => {
                let signature: p256::ecdsa::DerSignature =
                    p256::ecdsa::SigningKey::from_slice(&self.scalar).ok()?.try_sign(message).ok()?;
                signature.as_bytes().to_vec()
            }
            Curve::P384 => {
                let signature: p384::ecdsa::DerSignature =
                    p384::ecdsa::SigningKey::from_slice(&self.scalar).ok()?.try_sign(message).ok()?;
                signature.as_bytes().to_vec()
            }
            Curve::P521 => {
                let signature: p521::ecdsa::DerSignature =
                    p521::ecdsa::SigningKey::from_slice(&self.scalar).ok()?.try_sign(message).ok()?;
                signature.as_bytes().to_vec()
            }
        })
    }
}
