//! What a certificate says, and its signature: what Go's `x509.CreateCertificate` makes of sprig's template.

use std::net::IpAddr;
use std::time::Duration;

use der::asn1::{
    AnyRef, BitStringRef, GeneralizedTime, Ia5StringRef, ObjectIdentifier, OctetStringRef, UintRef, UtcTime,
};
use der::{Encode as _, Tag, TagNumber};
use sha2::{Digest as _, Sha256};

use super::{Subject, failed};
use crate::crypto::certificate::{self, AuthorityKey, Certificate, Content, Extension, Signed};
use crate::crypto::key::PrivateKey;
use crate::crypto::name;
use crate::{Env, Error};

/// What keys of certificates may be used for.
const SERVERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

impl Subject {
    /// The certificate of a key, signed by it or by the issuer.
    pub(super) fn certificate(
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
            Made::new("2.5.29.37", false, vec![SERVERS, CLIENTS].to_der().map_err(invalid)?),
            Made::new("2.5.29.19", true, sequence(if self.is_ca { &[1, 1, 0xff] } else { &[] })?),
        ];
        if self.is_ca {
            let key = certificate::public_key(public)?.key;
            let id = &Sha256::digest(key.raw_bytes())[..20];
            let id = OctetStringRef::new(id).map_err(invalid)?;
            let value = (&id).to_der().map_err(invalid)?;
            extensions.push(Made { id: certificate::SUBJECT_KEY, critical: false, value });
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
