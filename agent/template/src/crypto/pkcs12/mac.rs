//! The code that proves that a keystore is whole and that the password is its own.

use super::failed;
use super::form::{self, MacData, Pbmac1};
use super::kdf::{self, Hash, Use};
use super::password::Password;
use crate::Error;
use crate::run::Run;

/// Shortest and longest key of PBMAC1 (RFC 9579 wants 20 at least, and no hash is longer than 64).
const KEY: std::ops::RangeInclusive<u16> = 20..=64;

/// The code of a message.
pub(super) fn compute(run: &Run<'_>, mac: &MacData<'_>, password: &Password, message: &[u8]) -> Result<Vec<u8>, Error> {
    let hash = match mac.mac.algorithm.oid {
        form::SHA1 => Hash::Sha1,
        form::SHA256 => Hash::Sha256,
        form::SHA512 => Hash::Sha512,
        form::PBMAC1 => return pbmac1(run, mac, password, message),
        _ => return Err(failed("pkcs12: the keystore's MAC is not supported")),
    };
    let salt = (mac.salt.as_bytes(), mac.iterations);
    let key = kdf::pkcs12(run, hash, salt, password, (Use::Mac, hash.size()))?;
    Ok(hash.hmac(&key, message))
}

/// Is it the code of this message?
pub(super) fn fits(run: &Run<'_>, mac: &MacData<'_>, password: &Password, message: &[u8]) -> Result<bool, Error> {
    // Whoever could measure this comparison has the file and the time to try passwords on it.
    Ok(compute(run, mac, password, message)? == mac.mac.digest.as_bytes())
}

fn pbmac1(run: &Run<'_>, mac: &MacData<'_>, password: &Password, message: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = || failed("pkcs12: malformed keystore");
    let form: Pbmac1<'_> = mac.mac.algorithm.parameters().map_err(|_| malformed())?;
    let hash = kdf::hash_of_hmac(form.mac)?;
    let length = form.kdf.parameters::<form::Pbkdf2<'_>>().map_err(|_| malformed())?.length;
    let length = length.filter(|length| KEY.contains(length)).ok_or_else(malformed)?;
    let key = kdf::pbkdf2(run, form.kdf, password, length.into())?;
    Ok(hash.hmac(&key, message))
}
