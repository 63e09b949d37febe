//! Keys from passwords.

use hmac::Hmac;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::form::{self, Pbkdf2};
use super::password::Password;
use super::{cost, failed};
use crate::Error;
use crate::crypto::asn1::Algorithm;
use crate::run::Run;

/// A hash that keystores name.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// What a key of RFC 7292 is for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Encryption = 1,
    Iv = 2,
    Mac = 3,
}

impl Hash {
    /// Bytes of its output.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn of_hmac(algorithm: Option<Algorithm<'_>>) -> Result<Self, Error> {
        match algorithm.map(|algorithm| algorithm.oid) {
            None | Some(form::HMAC_SHA1) => Ok(Self::Sha1),
            Some(form::HMAC_SHA256) => Ok(Self::Sha256),
            Some(form::HMAC_SHA512) => Ok(Self::Sha512),
            Some(_) => Err(failed("pkcs12: the hash of the keystore is not supported")),
        }
    }

    /// The code that proves that a message was not changed.
    pub(super) fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        fn of<M: hmac::Mac + hmac::KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
            // A key of any length will do.
            let mac = <M as hmac::KeyInit>::new_from_slice(key);
            mac.map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec()).unwrap_or_default()
        }
        match self {
            Self::Sha1 => of::<Hmac<Sha1>>(key, message),
            Self::Sha256 => of::<Hmac<Sha256>>(key, message),
            Self::Sha512 => of::<Hmac<Sha512>>(key, message),
        }
    }
}

/// The hash that an HMAC names.
pub(super) fn hash_of_hmac(algorithm: Algorithm<'_>) -> Result<Hash, Error> {
    Hash::of_hmac(Some(algorithm))
}

/// PBKDF2 (RFC 8018).
pub(super) fn pbkdf2(
    run: &Run<'_>,
    kdf: Algorithm<'_>,
    password: &Password,
    size: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if kdf.oid != form::PBKDF2 {
        return Err(failed("pkcs12: the key derivation of the keystore is not supported"));
    }
    let form: Pbkdf2<'_> = kdf.parameters().map_err(|_| failed("pkcs12: malformed keystore"))?;
    let hash = Hash::of_hmac(form.hash)?;
    run.steps(cost::iterations(form.iterations, size.div_ceil(hash.size())))?;
    let mut key = Zeroizing::new(vec![0; size]);
    let (salt, password) = (form.salt.as_bytes(), password.utf8());
    match hash {
        Hash::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, form.iterations, &mut key),
        Hash::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, form.iterations, &mut key),
        Hash::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, form.iterations, &mut key),
    }
    Ok(key)
}

/// The key derivation of RFC 7292, appendix B.2.
pub(super) fn pkcs12(
    run: &Run<'_>,
    hash: Hash,
    (salt, iterations): (&[u8], u32),
    password: &Password,
    (purpose, size): (Use, usize),
) -> Result<Zeroizing<Vec<u8>>, Error> {
    run.steps(cost::iterations(iterations, size.div_ceil(hash.size())))?;
    let password = password.wide();
    Ok(match hash {
        Hash::Sha1 => derive::<Sha1>(64, salt, iterations, password, purpose as u8, size),
        Hash::Sha256 => derive::<Sha256>(64, salt, iterations, password, purpose as u8, size),
        Hash::Sha512 => derive::<Sha512>(128, salt, iterations, password, purpose as u8, size),
    })
}

/// `block` is the size of the hash's blocks.
fn derive<D: Digest>(
    block: usize,
    salt: &[u8],
    iterations: u32,
    password: &[u8],
    purpose: u8,
    size: usize,
) -> Zeroizing<Vec<u8>> {
    let filled =
        |part: &[u8]| part.iter().copied().cycle().take(part.len().div_ceil(block) * block).collect::<Vec<_>>();
    let mut input = Zeroizing::new([filled(salt), filled(password)].concat());
    let diversifier = vec![purpose; block];
    let mut key = Zeroizing::new(Vec::with_capacity(size + <D as Digest>::output_size()));
    while key.len() < size {
        let mut digest = D::new_with_prefix(&diversifier).chain_update(&*input).finalize();
        for _ in 1..iterations {
            digest = D::digest(&digest);
        }
        key.extend_from_slice(&digest);
        // Each block of the input grows by the digest, repeated, and one.
        for part in input.chunks_exact_mut(block) {
            let mut carry = 1;
            for (byte, add) in part.iter_mut().rev().zip((0..block).rev().map(|at| digest[at % digest.len()])) {
                let sum = u16::from(*byte) + u16::from(add) + carry;
                [*byte, _] = sum.to_le_bytes();
                carry = sum >> 8;
            }
        }
    }
    key.truncate(size);
    key
}
