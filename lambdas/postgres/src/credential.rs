//! A PostgreSQL credential, read from the JSON that AWS's templates use.
//!
//! `host`, `username` and `password` are needed; `port` (5432), `dbname` (postgres), `ssl` (true), `sslrootcert` (PEM),
//! `sslservername` and `engine` may be left out. Nothing here connects.

use std::fmt;

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Place;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "postgres";
const AURORA: &str = "aurora-postgresql";
/// The port where a secret names none.
pub const PORT: u16 = 5432;
/// Bytes that a name has at most: NAMEDATALEN less one. The server cuts longer ones, and so takes one for another.
pub const LONGEST_NAME: usize = 63;

/// All that a connection needs.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The server and the way there.
    pub place: Place,
    /// Database to connect to.
    pub database: String,
    /// Name of the role that logs in.
    pub user: String,
    /// Its password.
    pub password: Password,
}

/// A password that no `Debug` shows, and that is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password itself, for the login and for its verifier.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Credential {
    /// Reads a credential, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, EngineError> {
        if let Some(engine) = document.text("engine")?
            && ![ENGINE, AURORA].contains(&engine.as_str())
        {
            return Err(EngineError::OtherEngine(ENGINE));
        }
        let database = match document.text("dbname")? {
            Some(name) if !name.is_empty() => no_nul("dbname", "a database's name", name)?.to_string(),
            _ => "postgres".to_owned(),
        };
        let user = no_nul("username", "a role's name", document.required("username")?)?;
        if user.len() > LONGEST_NAME {
            return Err(SecretError::Malformed { field: "username", expected: "63 bytes long at most" }.into());
        }
        Ok(Self {
            place: Place::read(document, PORT)?,
            database,
            user: user.to_string(),
            password: Password(no_nul("password", "text without NUL", document.required("password")?)?),
        })
    }
}

/// PostgreSQL's protocol ends each string with a NUL, so that one inside would cut it short.
fn no_nul(
    field: &'static str,
    expected: &'static str,
    text: Zeroizing<String>,
) -> Result<Zeroizing<String>, SecretError> {
    if text.contains('\0') { Err(SecretError::Malformed { field, expected }) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let credential = read(r#"{"host":"db.example","username":"app","password":"p"}"#).unwrap();
        assert_eq!((credential.place.port, &*credential.database), (5432, "postgres"));
        assert!(!format!("{credential:?}").contains("\"p\""));
    }

    #[test]
    fn fields_that_would_connect_elsewhere_or_break_the_protocol_are_refused() {
        let long = format!(r#"{{"host":"h","username":"{}","password":"p"}}"#, "ü".repeat(32));
        for text in [
            r#"{"username":"u","password":"p"}"#,
            r#"{"host":"h","password":"p"}"#,
            r#"{"host":"h","username":"u","password":""}"#,
            r#"{"host":"/run/postgresql","username":"u","password":"p"}"#,
            r#"{"host":"h","username":"u\u0000x","password":"p"}"#,
            r#"{"host":"h","username":"u","password":"p\u0000x"}"#,
            r#"{"host":"h","username":"u","password":"p","dbname":"d\u0000"}"#,
            r#"{"host":"h","username":"u","password":"p","engine":"mysql"}"#,
            &long,
        ] {
            assert_eq!(read(text).err().unwrap().kind().as_str(), "bad-secret", "{text}");
        }
        assert!(read(r#"{"host":"::1","username":"ü; \"x\"","password":"p","engine":"aurora-postgresql"}"#).is_ok());
    }
}
