//! `genPrivateKey`, `genCA`, `genSelfSignedCert`, `genSignedCert`, each also with a key that is given, and
//! `buildCustomCert`: sprig's certificates, with the contents that Go's `x509.CreateCertificate` gives them.

mod content;

use std::net::IpAddr;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::{TryCryptoRng, TryRng};
use rsa::RsaPrivateKey;
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::curve::Curve;
use super::key::PrivateKey;
use super::{cost, pem};
use crate::functions::Table;
use crate::run::Run;
use crate::value::{Dict, Object, Of, Text, Value};
use crate::{Env, Error};

pub(super) fn add(table: &mut Table) {
    table.add("genPrivateKey", private_key);
    table.add("buildCustomCert", custom);
    table.add("genCA", |run: &Run<'_>, cn: Text, days: i64| Subject::ca(cn, days).issue(run, None, None));
    table.add("genCAWithKey", |run: &Run<'_>, cn: Text, days: i64, key: Text| {
        Subject::ca(cn, days).issue(run, None, Some(&key))
    });
    table.add("genSelfSignedCert", |run: &Run<'_>, cn: Text, ips: Value, dns: Value, days: i64| {
        Subject::new(cn, &ips, &dns, days)?.issue(run, None, None)
    });
    table.add("genSelfSignedCertWithKey", |run: &Run<'_>, cn: Text, ips: Value, dns: Value, days: i64, key: Text| {
        Subject::new(cn, &ips, &dns, days)?.issue(run, None, Some(&key))
    });
    table.add("genSignedCert", |run: &Run<'_>, cn: Text, ips: Value, dns: Value, days: i64, ca: Value| {
        Subject::new(cn, &ips, &dns, days)?.issue(run, Some(pair(&ca)?), None)
    });
    table.add(
        "genSignedCertWithKey",
        |run: &Run<'_>, cn: Text, ips: Value, dns: Value, days: i64, ca: Value, key: Text| {
            Subject::new(cn, &ips, &dns, days)?.issue(run, Some(pair(&ca)?), Some(&key))
        },
    );
}

fn failed(words: &str) -> Error {
    Error::Failed(words.to_owned())
}

/// A certificate and its key, both as PEM.
struct Pair {
    certificate: Text,
    key: Text,
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", *self.certificate.lossy(), *self.key.lossy())
    }

    fn json(&self) -> Value {
        let member = |name: &str, text: &Text| (name.into(), Value::Text(text.clone()));
        Value::Dict(Dict::new(Of::Any, [member("Cert", &self.certificate), member("Key", &self.key)].into()))
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Error>> {
        let member = match name {
            "Cert" => &self.certificate,
            "Key" => &self.key,
            _ => return None,
        };
        Some(if arguments.is_empty() {
            Ok(Value::Text(member.clone()))
        } else {
            Err(failed("a field of a certificate takes no arguments"))
        })
    }
}

fn pair(value: &Value) -> Result<&Pair, Error> {
    let wrong = || Error::Failed(format!("a certificate is needed where {} is given", value.type_name()));
    value.object().ok_or_else(wrong)
}

/// The run's randomness for those who make RSA keys.
struct Random<'a>(&'a Env);

impl TryRng for Random<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(buffer);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

fn rsa_key(run: &Run<'_>, bits: usize, cost: u64) -> Result<PrivateKey, Error> {
    run.steps(cost)?;
    let key = RsaPrivateKey::new(&mut Random(run.env()), bits).map_err(|_| failed("error generating rsa key"))?;
    Ok(PrivateKey::Rsa(Box::new(key)))
}

fn private_key(run: &Run<'_>, kind: Text) -> Result<Text, Error> {
    let key = match &*kind {
        b"" | b"rsa" => rsa_key(run, 4096, cost::RSA_4096)?,
        b"ecdsa" => loop {
            run.steps(cost::EC_OPERATION)?;
            let mut number = Zeroizing::new([0; 32]);
            run.env().fill(&mut *number);
            // Nearly every number below 2 to the 256th is one.
            if let Some(key) = Curve::P256.private(&*number) {
                break PrivateKey::Ec(key);
            }
        },
        b"ed25519" => {
            let mut seed = Zeroizing::new([0; 32]);
            run.env().fill(&mut *seed);
            PrivateKey::Ed25519(seed)
        }
        b"dsa" => return Err(failed("DSA keys are not supported; use \"rsa\", \"ecdsa\" or \"ed25519\"")),
        _ => return Ok([b"Unknown type ", &*kind].concat().into()),
    };
    Ok(Text::from(key.to_pem()?.as_slice()))
}

/// A certificate and a key that are there, for the functions that sign.
fn custom(run: &Run<'_>, certificate: Text, key: Text) -> Result<Value, Error> {
    let decoded = |text: &Text, problem| STANDARD.decode(&**text).map(Text::from).map_err(|_| failed(problem));
    let certificate = decoded(&certificate, "unable to decode base64 certificate")?;
    let key = decoded(&key, "unable to decode base64 private key")?;
    signer(run, &certificate, &key)?;
    Ok(Value::Object(Rc::new(Pair { certificate, key })))
}

/// The certificate and the key of who signs.
fn signer(run: &Run<'_>, certificate: &[u8], key: &[u8]) -> Result<(Certificate, PrivateKey), Error> {
    let (Some(block), _) = pem::decode(certificate) else { return Err(failed("unable to decode certificate")) };
    run.steps(cost::RSA_KEY)?;
    Ok((Certificate::new(&block.bytes)?, PrivateKey::of_pem(key)?))
}

/// What a certificate is to say.
struct Subject {
    cn: Text,
    addresses: Vec<IpAddr>,
    dns: Vec<Text>,
    days: i64,
    is_ca: bool,
}

/// The texts of a list.
fn texts(value: &Value) -> Result<Vec<Text>, Error> {
    let wrong = || Error::Failed(format!("a list of texts is needed where {} is given", value.type_name()));
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) if list.of() == Of::Any => {
            let text = |item: &Value| if let Value::Text(text) = item { Ok(text.clone()) } else { Err(wrong()) };
            list.iter().map(text).collect()
        }
        _ => Err(wrong()),
    }
}

impl Subject {
    fn ca(cn: Text, days: i64) -> Self {
        Self { cn, addresses: Vec::new(), dns: Vec::new(), days, is_ca: true }
    }

    fn new(cn: Text, addresses: &Value, dns: &Value, days: i64) -> Result<Self, Error> {
        let address = |text: &Text| text.utf8().and_then(|text| text.parse::<IpAddr>().ok());
        let addresses = texts(addresses)?.iter().map(address).collect::<Option<_>>();
        let addresses = addresses.ok_or_else(|| failed("error parsing ip"))?;
        Ok(Self { cn, addresses, dns: texts(dns)?, days, is_ca: false })
    }

    /// Signed by somebody, or by itself; with a key that is given, or one of its own.
    fn issue(&self, run: &Run<'_>, ca: Option<&Pair>, key: Option<&Text>) -> Result<Value, Error> {
        let key = match key {
            Some(key) => {
                run.steps(cost::RSA_KEY)?;
                PrivateKey::of_pem(key)?
            }
            None => rsa_key(run, 2048, cost::RSA_2048)?,
        };
        let issuer = ca.map(|ca| signer(run, &ca.certificate, &ca.key)).transpose()?;
        run.steps(cost::RSA_OPERATION)?;
        let certificate = self.certificate(run.env(), &key, issuer.as_ref())?;
        let certificate = run.text(pem::encode(pem::CERTIFICATE, &certificate).as_slice())?;
        let key = run.text(key.to_pem()?.as_slice())?;
        Ok(Value::Object(Rc::new(Pair { certificate, key })))
    }
}
