//! `genPrivateKey`, `genCA`, `genSelfSignedCert`, `genSignedCert`, each also with a key that is given, and
//! `buildCustomCert`: sprig's certificates, with the contents that Go's `x509.CreateCertificate` gives them.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Ia5StringRef, OctetStringRef, UintRef, UtcTime};
use der::{Encode as _, Tag, TagNumber};
use rand::{TryCryptoRng, TryRng};
use rsa::RsaPrivateKey;
use sha2::{Digest as _, Sha256};

use super::certificate::{self, AuthorityKey, Certificate, Content, Extension, Signed};
use super::curve::Curve;
use super::key::PrivateKey;
use super::{cost, name, pem};
use crate::functions::Table;
use crate::run::Run;
use crate::value::{Object, Of, Text, Value};
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
pub(super) struct Pair {
    pub(super) certificate: Text,
    pub(super) key: Text,
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", *self.certificate.lossy(), *self.key.lossy())
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
            let mut number = zeroize::Zeroizing::new([0; 32]);
            run.env().fill(&mut *number);
            // Nearly every number below 2 to the 256th is one.
            if let Some(key) = Curve::P256.private(&*number) {
                break PrivateKey::Ec(key);
            }
        },
        b"ed25519" => {
            let mut seed = zeroize::Zeroizing::new([0; 32]);
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

    fn certificate(
        &self,
        env: &Env,
        key: &PrivateKey,
        issuer: Option<&(Certificate, PrivateKey)>,
    ) -> Result<Vec<u8>, Error> {
        let subject = name::common(self.cn.utf8().ok_or_else(|| failed("the common name is not UTF-8"))?);
        let subject = subject.map_err(invalid)?;
        let public = key.public()?;
        let (issuer_name, authority, signer) = match issuer {
            None => (&subject, None, key),
            Some((certificate, signer)) if signer.public()? == certificate.public_key => {
                let other = certificate.subject != subject;
                let authority = certificate.subject_key.as_deref().filter(|id| other && !id.is_empty());
                (&certificate.subject, authority, signer)
            }
            Some(_) => return Err(failed("provided PrivateKey doesn't match parent's PublicKey")),
        };
        let mut number = [0; 16];
        env.fill(&mut number);
        let serial = UintRef::new(&number).and_then(|number| number.to_der()).map_err(invalid)?;
        let validity = self.validity(env)?;
        let extensions = self.extensions(&public, authority, subject.len() == 2)?;
        let algorithm = signer.signature_algorithm();
        let content = Content {
            version: 2,
            serial: certificate::part(&serial)?,
            algorithm,
            issuer: certificate::part(issuer_name)?,
            validity: certificate::part(&validity)?,
            subject: certificate::part(&subject)?,
            public_key: certificate::public_key(&public)?,
            issuer_id: None,
            subject_id: None,
            extensions: Some(extensions.iter().map(Made::form).collect::<Result<_, _>>()?),
        };
        let signature = signer.sign(&content.to_der().map_err(invalid)?)?;
        let signature = BitStringRef::from_bytes(&signature).map_err(invalid)?;
        Signed { content, algorithm, signature }.to_der().map_err(invalid)
    }

    /// From now on for so many days.
    fn validity(&self, env: &Env) -> Result<Vec<u8>, Error> {
        let start = env.now().as_second();
        let end = self.days.checked_mul(24 * 60 * 60).and_then(|time| start.checked_add(time));
        let times = [time(start)?, time(end.unwrap_or(i64::MAX))?].concat();
        AnyRef::new(Tag::Sequence, &times).and_then(|validity| validity.to_der()).map_err(invalid)
    }

    fn extensions(&self, public: &[u8], authority: Option<&[u8]>, unnamed: bool) -> Result<Vec<Made>, Error> {
        let sequence = |content: &[u8]| AnyRef::new(Tag::Sequence, content).and_then(|it| it.to_der()).map_err(invalid);
        // Bits: signatures and key encipherment, and certificates.
        let usage = if self.is_ca { BitStringRef::new(2, &[0xa4]) } else { BitStringRef::new(5, &[0xa0]) };
        let mut extensions = vec![
            Made::new("2.5.29.15", true, usage.and_then(|usage| usage.to_der()).map_err(invalid)?),
            // Of servers and of clients.
            Made::new(
                "2.5.29.37",
                false,
                vec![
                    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
                    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
                ]
                .to_der()
                .map_err(invalid)?,
            ),
            Made::new("2.5.29.19", true, sequence(if self.is_ca { &[1, 1, 0xff] } else { &[] })?),
        ];
        if self.is_ca {
            let key = certificate::public_key(public)?.key;
            let id = &Sha256::digest(key.raw_bytes())[..20];
            let id = OctetStringRef::new(id).map_err(invalid)?;
            extensions.push(Made {
                id: certificate::SUBJECT_KEY,
                critical: false,
                value: (&id).to_der().map_err(invalid)?,
            });
        }
        if let Some(id) = authority {
            let key = Some(OctetStringRef::new(id).map_err(invalid)?);
            let value = AuthorityKey { key, issuer: None, serial: None }.to_der().map_err(invalid)?;
            extensions.push(Made { id: certificate::AUTHORITY_KEY, critical: false, value });
        }
        if !self.dns.is_empty() || !self.addresses.is_empty() {
            let value = sequence(&self.alternative_names().map_err(invalid)?)?;
            extensions.push(Made { id: certificate::ALTERNATIVE_NAMES, critical: unnamed, value });
        }
        Ok(extensions)
    }

    fn alternative_names(&self) -> Result<Vec<u8>, der::Error> {
        let mut names = Vec::new();
        let mut add = |number: u8, bytes: &[u8]| -> Result<(), der::Error> {
            let tag = Tag::ContextSpecific { constructed: false, number: TagNumber(number.into()) };
            names.extend(AnyRef::new(tag, bytes)?.to_der()?);
            Ok(())
        };
        for name in &self.dns {
            add(2, Ia5StringRef::new(&**name)?.as_bytes())?;
        }
        for address in &self.addresses {
            match address.to_canonical() {
                IpAddr::V4(address) => add(7, &address.octets())?,
                IpAddr::V6(address) => add(7, &address.octets())?,
            }
        }
        Ok(names)
    }
}

/// An extension of a certificate to be.
struct Made {
    id: ObjectIdentifier,
    critical: bool,
    value: Vec<u8>,
}

impl Made {
    fn new(id: &str, critical: bool, value: Vec<u8>) -> Self {
        Self { id: ObjectIdentifier::new_unwrap(id), critical, value }
    }

    fn form(&self) -> Result<Extension<'_>, Error> {
        let value = OctetStringRef::new(&self.value).map_err(invalid)?;
        Ok(Extension { id: self.id, critical: self.critical, value })
    }
}

fn invalid(_: der::Error) -> Error {
    failed(
        "the certificate cannot hold what it is to say: names have to be ASCII, and it has to end before the year 10000",
    )
}

/// A second since 1970, in the form that certificates have for its year.
fn time(second: i64) -> Result<Vec<u8>, Error> {
    let second =
        u64::try_from(second).map(Duration::from_secs).map_err(|_| failed("the certificate would end before 1970"))?;
    let short = UtcTime::from_unix_duration(second).and_then(|time| time.to_der());
    short.or_else(|_| GeneralizedTime::from_unix_duration(second)?.to_der()).map_err(invalid)
}
