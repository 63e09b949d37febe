//! `rsaDecrypt`.

use rsa::Oaep;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::key::PrivateKey;
use super::{cost, pem};
use crate::Error;
use crate::functions::Table;
use crate::run::Run;
use crate::value::Text;

pub(super) fn add(table: &mut Table) {
    table.add("rsaDecrypt", rsa_decrypt);
}

fn rsa_decrypt(run: &Run<'_>, scheme: Text, hash: Text, input: Text, key: Text) -> Result<Text, Error> {
    let failed = |words: &str| Error::Failed(words.to_owned());
    match &*scheme {
        b"None" => return Ok(input),
        b"RSA-OAEP" => {}
        _ => return Err(failed("the decryption scheme is not supported; RSA-OAEP and None are")),
    }
    run.steps(cost::RSA_OPERATION)?;
    let (Some(block), _) = pem::decode(&key) else { return Err(failed("failed to decode PEM block")) };
    let PrivateKey::Rsa(key) = PrivateKey::any(&block.bytes)? else {
        return Err(failed("could not parse RSA private key"));
    };
    let output = match &*hash {
        b"SHA1" => key.decrypt(Oaep::<Sha1>::new(), &input),
        b"SHA512" => key.decrypt(Oaep::<Sha512>::new(), &input),
        _ => key.decrypt(Oaep::<Sha256>::new(), &input),
    };
    output.map(Text::from).map_err(|_| failed("error decrypting data with RSA"))
}
