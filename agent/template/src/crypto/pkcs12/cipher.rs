//! What keystores are encrypted with.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{
    BlockCipherDecrypt, BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit, KeyIvInit as _,
};
use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use der::asn1::OctetStringRef;
use des::TdesEde3;
use rc2::Rc2;
use zeroize::Zeroizing;

use super::failed;
use super::form::{self, Pbe1, Pbes2};
use super::kdf::{self, Hash, Use};
use super::password::Password;
use crate::Error;
use crate::crypto::asn1::Algorithm;
use crate::run::Run;

type Secret = Zeroizing<Vec<u8>>;

/// What was encrypted with a password.
pub(super) fn decrypt(
    run: &Run<'_>,
    algorithm: Algorithm<'_>,
    password: &Password,
    data: &[u8],
) -> Result<Secret, Error> {
    run.read(data.len())?;
    match algorithm.oid {
        form::PBES2 => pbes2(run, algorithm, password, data),
        form::TRIPLE_DES => {
            let (key, iv) = pbe1(run, algorithm, password, 24)?;
            cbc(TdesEde3::new_from_slice(&key).ok(), &iv, data)
        }
        form::RC2_128 => {
            let (key, iv) = pbe1(run, algorithm, password, 16)?;
            cbc(Some(Rc2::new_with_eff_key_len(&key, 128)), &iv, data)
        }
        form::RC2_40 => {
            let (key, iv) = pbe1(run, algorithm, password, 5)?;
            cbc(Some(Rc2::new_with_eff_key_len(&key, 40)), &iv, data)
        }
        _ => Err(failed("pkcs12: the keystore's encryption is not supported")),
    }
}

/// Encrypts with AES-256.
pub(super) fn encrypt(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    let cipher = Encryptor::<Aes256>::new_from_slices(key, iv).map_err(|_| undecryptable())?;
    Ok(cipher.encrypt_padded_vec::<Pkcs7>(data))
}

fn undecryptable() -> Error {
    failed("pkcs12: the keystore cannot be decrypted")
}

fn malformed(_: der::Error) -> Error {
    failed("pkcs12: malformed keystore")
}

/// Key and initialization vector of PKCS#12's own encryption.
fn pbe1(run: &Run<'_>, algorithm: Algorithm<'_>, password: &Password, size: usize) -> Result<(Secret, Secret), Error> {
    let form: Pbe1<'_> = algorithm.parameters().map_err(malformed)?;
    let salt = (form.salt.as_bytes(), form.iterations);
    let key = kdf::pkcs12(run, Hash::Sha1, salt, password, (Use::Encryption, size))?;
    Ok((key, kdf::pkcs12(run, Hash::Sha1, salt, password, (Use::Iv, 8))?))
}

fn pbes2(run: &Run<'_>, algorithm: Algorithm<'_>, password: &Password, data: &[u8]) -> Result<Secret, Error> {
    let form: Pbes2<'_> = algorithm.parameters().map_err(malformed)?;
    let iv = form.cipher.parameters::<&OctetStringRef>().map_err(malformed)?.as_bytes();
    let key = |size| kdf::pbkdf2(run, form.kdf, password, size);
    match form.cipher.oid {
        form::AES_128 => cbc(Aes128::new_from_slice(&key(16)?).ok(), iv, data),
        form::AES_192 => cbc(Aes192::new_from_slice(&key(24)?).ok(), iv, data),
        form::AES_256 => cbc(Aes256::new_from_slice(&key(32)?).ok(), iv, data),
        _ => Err(failed("pkcs12: the keystore's encryption is not supported")),
    }
}

fn cbc<C: BlockCipherDecrypt>(cipher: Option<C>, iv: &[u8], data: &[u8]) -> Result<Secret, Error> {
    let cipher = cipher.and_then(|cipher| Decryptor::inner_iv_slice_init(cipher, iv).ok()).ok_or_else(undecryptable)?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).map(Zeroizing::new).map_err(|_| undecryptable())
}
