//! `jwkPublicKeyPem`, `jwkPrivateKeyPem`: JSON Web Keys as PEM. RSA, P-256, P-384, P-521, Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ring::signature::KeyPair as _;
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::curve::Curve;
use super::key::{self, PrivateKey};
use super::{cost, pem};
use crate::Error;
use crate::functions::Table;
use crate::run::Run;
use crate::value::Text;

/// Bytes of the longest JWK. Those of certificates have some thousands.
const LONGEST: usize = 64 * 1024;

pub(super) fn add(table: &mut Table) {
    table.add("jwkPublicKeyPem", public_pem);
    table.add("jwkPrivateKeyPem", private_pem);
}

fn failed(words: &str) -> Error {
    Error::Failed(words.to_owned())
}

fn public_pem(run: &Run<'_>, json: Text) -> Result<Vec<u8>, Error> {
    let jwk = Jwk::new(&json)?;
    if jwk.0.contains_key("d") {
        return Err(failed("the JWK is a private key; a public key is needed"));
    }
    let key = match jwk.kind() {
        "RSA" => {
            run.steps(cost::RSA_KEY)?;
            let key = RsaPublicKey::new(jwk.number("n")?, jwk.number("e")?);
            key::rsa_public(&key.map_err(|_| failed("the JWK is no valid RSA key"))?)
        }
        "EC" => {
            run.steps(cost::EC_OPERATION)?;
            let (curve, point) = jwk.point()?;
            key::ec_public(curve, &point)
        }
        "OKP" => key::ed25519_public(&jwk.ed25519_point()?),
        _ => Err(unsupported()),
    };
    Ok(pem::encode(pem::PUBLIC_KEY, &key?).to_vec())
}

fn private_pem(run: &Run<'_>, json: Text) -> Result<Vec<u8>, Error> {
    let jwk = Jwk::new(&json)?;
    if !jwk.0.contains_key("d") {
        return Err(failed("the JWK is a public key; a private key is needed"));
    }
    let key = match jwk.kind() {
        "RSA" => {
            run.steps(cost::RSA_KEY)?;
            let primes = vec![jwk.number("p")?, jwk.number("q")?];
            let key = RsaPrivateKey::from_components(jwk.number("n")?, jwk.number("e")?, jwk.number("d")?, primes);
            PrivateKey::Rsa(Box::new(key.map_err(|_| failed("the JWK is no valid RSA key"))?))
        }
        "EC" => {
            run.steps(cost::EC_OPERATION)?;
            let (curve, point) = jwk.point()?;
            let key = curve.private(&jwk.bytes("d")?).filter(|key| key.point == point);
            PrivateKey::Ec(key.ok_or_else(|| failed("the JWK is no valid EC key"))?)
        }
        "OKP" => {
            let invalid = || failed("the JWK is no valid Ed25519 key");
            let seed = Zeroizing::new(<[u8; 32]>::try_from(jwk.bytes("d")?.as_slice()).map_err(|_| invalid())?);
            if key::ed25519(&seed)?.public_key().as_ref() != jwk.ed25519_point()?.as_slice() {
                return Err(invalid());
            }
            PrivateKey::Ed25519(seed)
        }
        _ => return Err(unsupported()),
    };
    Ok(pem::encode(pem::PRIVATE_KEY, &key.to_pkcs8()?).to_vec())
}

fn unsupported() -> Error {
    failed("the JWK has a type or curve that is not supported; RSA, P-256, P-384, P-521 and Ed25519 are")
}

/// A JSON Web Key.
struct Jwk(Map<String, Value>);

impl Jwk {
    fn new(json: &[u8]) -> Result<Self, Error> {
        if json.len() > LONGEST {
            return Err(failed("the JWK is too long"));
        }
        serde_json::from_slice(json).map(Self).map_err(|_| failed("the JWK is no JSON object"))
    }

    fn kind(&self) -> &str {
        self.text("kty").unwrap_or_default()
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }

    /// Base64 of any kind, as Go's `jwx` guesses it.
    fn bytes(&self, member: &'static str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let text = self.text(member).ok_or_else(|| Error::Failed(format!("the JWK has no {member:?}")))?;
        let engine = if text.contains(['+', '/']) { STANDARD_NO_PAD } else { URL_SAFE_NO_PAD };
        let bytes = engine.decode(text.trim_end_matches('='));
        bytes.map(Zeroizing::new).map_err(|_| Error::Failed(format!("{member:?} of the JWK is not base64")))
    }

    fn number(&self, member: &'static str) -> Result<BoxedUint, Error> {
        let bytes = self.bytes(member)?;
        if bytes.len() > key::RSA_BYTES {
            return Err(failed("the JWK has a number that is too large"));
        }
        let bits = u32::try_from(bytes.len().saturating_mul(8)).unwrap_or(u32::MAX);
        BoxedUint::from_be_slice(&bytes, bits).map_err(|_| failed("the JWK has a number that is too large"))
    }

    fn point(&self) -> Result<(Curve, Vec<u8>), Error> {
        let curve = self.text("crv").and_then(Curve::named).ok_or_else(unsupported)?;
        let mut point = vec![4];
        for member in ["x", "y"] {
            let bytes = self.bytes(member)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let digits = &bytes[zeros..];
            let missing = curve.size().checked_sub(digits.len()).ok_or_else(|| failed("the JWK is no valid EC key"))?;
            point.extend(std::iter::repeat_n(0, missing));
            point.extend_from_slice(digits);
        }
        if curve.has(&point) { Ok((curve, point)) } else { Err(failed("the JWK is no valid EC key")) }
    }

    fn ed25519_point(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.text("crv") == Some("Ed25519") { self.bytes("x") } else { Err(unsupported()) }
    }
}

impl Drop for Jwk {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}
