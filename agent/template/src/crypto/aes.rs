//! `encryptAES`, `decryptAES`: AES-256-CBC as sprig has it. The key is the password as it is, so only passwords that
//! are keys are safe; and nothing proves that the text was not changed.

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Error;
use crate::functions::Table;
use crate::run::Run;
use crate::value::Text;

const KEY: usize = 32;
const BLOCK: usize = 16;

pub(super) fn add(table: &mut Table) {
    table.add("encryptAES", encrypt);
    table.add("decryptAES", decrypt);
}

/// As many bytes of the password as a key has, or zeros after it.
fn key(password: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    for (byte, given) in key.iter_mut().zip(password) {
        *byte = *given;
    }
    key
}

fn encrypt(run: &Run<'_>, password: Text, plain: Text) -> Result<String, Error> {
    if plain.is_empty() {
        return Ok(String::new());
    }
    run.make(2 * (plain.len() + 2 * BLOCK))?;
    let mut iv = [0; BLOCK];
    run.env().fill(&mut iv);
    let cipher = cbc::Encryptor::<Aes256>::new((&*key(&password)).into(), &iv.into());
    Ok(STANDARD.encode([&iv[..], &cipher.encrypt_padded_vec::<Pkcs7>(&plain)].concat()))
}

fn decrypt(run: &Run<'_>, password: Text, encrypted: Text) -> Result<Text, Error> {
    if encrypted.is_empty() {
        return Ok(Text::default());
    }
    let failed = || Error::Failed("the text was not encrypted with this password by encryptAES".to_owned());
    run.make(encrypted.len())?;
    let dense: Vec<u8> = encrypted.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let bytes = STANDARD.decode(dense).map_err(|_| failed())?;
    let (iv, data) = bytes.split_first_chunk::<BLOCK>().ok_or_else(failed)?;
    let cipher = cbc::Decryptor::<Aes256>::new((&*key(&password)).into(), iv.into());
    let mut plain = Zeroizing::new(cipher.decrypt_padded_vec::<NoPadding>(data).map_err(|_| failed())?);
    // Only the last byte tells how many are no text, as in Go.
    let padding = plain.last().copied().map(usize::from).ok_or_else(failed)?;
    let size = plain.len().checked_sub(padding).ok_or_else(failed)?;
    plain.truncate(size);
    Ok(std::mem::take(&mut *plain).into())
}
