//! `bcrypt`, `htpasswd`, `derivePassword`: sprig's, with the operator's third argument for `htpasswd`.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use scrypt::Params;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cost;
use crate::Error;
use crate::functions::Table;
use crate::run::Run;
use crate::value::Text;

pub(super) fn add(table: &mut Table) {
    table.add("bcrypt", bcrypt);
    table.add("htpasswd", htpasswd);
    table.add("derivePassword", derive);
}

/// Go's default.
const BCRYPT_COST: u32 = 10;
/// Longest that bcrypt looks at.
const BCRYPT_LONGEST: usize = 72;

/// The hash of a password, with a salt of its own. What is wrong is told in the hash's place, as in sprig.
fn bcrypt(run: &Run<'_>, password: Text) -> Result<String, Error> {
    if password.len() > BCRYPT_LONGEST {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned());
    }
    let mut salt = [0; 16];
    run.env().fill(&mut salt);
    hashed(run, &password, salt)
}

pub(super) fn hashed(run: &Run<'_>, password: &[u8], salt: [u8; 16]) -> Result<String, Error> {
    run.steps(cost::BCRYPT)?;
    let mut key = Zeroizing::new([password, &[0]].concat());
    key.truncate(BCRYPT_LONGEST);
    let hash = bcrypt::bcrypt(BCRYPT_COST, salt, &key);
    let base64 = GeneralPurpose::new(&BCRYPT, NO_PAD);
    // The last byte of the hash is left out, by tradition.
    Ok(format!("$2a${BCRYPT_COST}${}{}", base64.encode(salt), base64.encode(&hash[..23])))
}

/// A line of a password file of Apache's: `sha` makes it weak, anything else is bcrypt.
fn htpasswd(run: &Run<'_>, user: Text, password: Text, algorithm: Text) -> Result<Text, Error> {
    if user.contains(&b':') {
        return Ok([b"invalid username: ", &*user].concat().into());
    }
    let hash = match &*algorithm {
        b"sha" => format!("{{SHA}}{}", STANDARD.encode(Sha1::digest(&*password))),
        _ => bcrypt(run, password)?,
    };
    Ok([&*user, b":", hash.as_bytes()].concat().into())
}

/// Seeds the passwords of the Master Password algorithm.
const SEED: &[u8] = b"com.lyndir.masterpassword";

/// The forms of passwords of a type: which letters stand where.
fn forms(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

/// The letters that a letter of a form stands for.
fn letters(of: u8) -> &'static [u8] {
    match of {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// A password for a site, always the same for the same arguments.
fn derive(run: &Run<'_>, counter: i64, kind: Text, password: Text, user: Text, site: Text) -> Result<Text, Error> {
    let failed = |words: &str| Error::Failed(words.to_owned());
    let counter = u32::try_from(counter).map_err(|_| failed("the counter of derivePassword is out of range"))?;
    let Some(forms) = forms(&kind) else {
        return Ok([b"cannot find password template ", &*kind].concat().into());
    };
    run.steps(cost::SCRYPT)?;
    let length =
        |text: &Text| u32::try_from(text.len()).map(u32::to_be_bytes).map_err(|_| failed("a text is too long"));
    let salt = [SEED, &length(&user)?, &user].concat();
    let parameters = Params::new(15, 8, 2).map_err(|_| failed("scrypt does not take its parameters"))?;
    let mut key = Zeroizing::new([0; 64]);
    scrypt::scrypt(&password, &salt, &parameters, &mut *key).map_err(|_| failed("scrypt does not take its output"))?;
    let message = [SEED, &length(&site)?, &site, &counter.to_be_bytes()].concat();
    let seed = Hmac::<Sha256>::new_from_slice(&*key).map_err(|_| failed("HMAC does not take its key"))?;
    let seed = seed.chain_update(&message).finalize().into_bytes();
    let form = forms[usize::from(seed[0]) % forms.len()];
    let chosen = form.bytes().zip(&seed[1..]).map(|(letter, number)| {
        let letters = letters(letter);
        letters[usize::from(*number) % letters.len()]
    });
    Ok(chosen.collect::<Vec<u8>>().into())
}
