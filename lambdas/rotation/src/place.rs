//! Where a service is and how the way there is protected: the fields `host`, `port`, `ssl`, `sslrootcert` and
//! `sslservername` that all engines with a network protocol of their own share. Nothing here connects.

use crate::secret::{SecretDocument, SecretError};

/// A server and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Host name or IP address, never a socket's path or a list.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is encrypted and verified.
    pub tls: Tls,
}

/// How a connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Verified, chain and name.
    Verified(Trust),
    /// Not at all, because the secret says `"ssl": false`.
    Off,
}

/// Whom a verified connection trusts, beside the system's roots and those of Amazon RDS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The field `sslrootcert`: PEM certificates that are trusted, too.
    pub additional_roots: Option<String>,
    /// The field `sslservername`: the name that the server's certificate is for, where it is not `host` (an alias in
    /// DNS, a proxy).
    pub server_name: Option<String>,
}

impl Place {
    /// Reads the fields, or says which one is not right. Whatever `ssl` says other than false means TLS: AWS's templates
    /// fall back to plaintext, Rekey never does.
    pub fn read(document: &SecretDocument, default_port: u16) -> Result<Self, SecretError> {
        let host = document.required("host")?;
        if !is_name_or_address(&host) {
            return Err(SecretError::Malformed { field: "host", expected: "one host name or IP address" });
        }
        let tls = if document.flag("ssl")? == Some(false) {
            Tls::Off
        } else {
            let text = |field| -> Result<Option<String>, SecretError> {
                Ok(document.text(field)?.filter(|text| !text.is_empty()).map(|text| text.to_string()))
            };
            let server_name = text("sslservername")?;
            if server_name.as_deref().is_some_and(|name| !is_name_or_address(name)) {
                return Err(SecretError::Malformed { field: "sslservername", expected: "one host name or IP address" });
            }
            Tls::Verified(Trust { additional_roots: text("sslrootcert")?, server_name })
        };
        Ok(Self { host: host.to_string(), port: document.port("port")?.unwrap_or(default_port), tls })
    }
}

/// Drivers take a path for a Unix socket and a comma for a second host; whatever is neither name nor address is refused.
fn is_name_or_address(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn read(text: &str) -> Result<Place, SecretError> {
        Place::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap(), 5432)
    }

    #[test]
    fn what_is_left_out_has_safe_defaults() {
        let place = read(r#"{"host":"db.example"}"#).unwrap();
        assert_eq!((&*place.host, place.port, place.tls), ("db.example", 5432, Tls::Verified(Trust::default())));
    }

    #[test]
    fn plaintext_takes_an_explicit_false() {
        let ssl = |value: &str| read(&format!(r#"{{"host":"h","ssl":{value}}}"#)).map(|place| place.tls);
        assert_eq!(ssl("false").unwrap(), Tls::Off);
        assert_eq!(ssl("\"false\"").unwrap(), Tls::Off);
        for encrypted in ["true", "\"true\"", "null"] {
            assert_eq!(ssl(encrypted).unwrap(), Tls::Verified(Trust::default()));
        }
        for nonsense in ["0", "\"\"", "\"no\"", "[]"] {
            assert!(ssl(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_place_that_is_no_host_is_refused() {
        for text in [
            "{}",
            r#"{"host":"/run/postgresql"}"#,
            r#"{"host":"a,b"}"#,
            r#"{"host":"h\u0000"}"#,
            r#"{"host":"h","port":70000}"#,
            r#"{"host":"h","sslservername":"a b"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let place = read(r#"{"host":"::1","port":"6432","sslrootcert":"pem","sslservername":"db"}"#).unwrap();
        let trust = Trust { additional_roots: Some("pem".to_owned()), server_name: Some("db".to_owned()) };
        assert_eq!(place, Place { host: "::1".to_owned(), port: 6432, tls: Tls::Verified(trust) });
    }
}
