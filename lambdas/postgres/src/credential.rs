//! A PostgreSQL credential, read from the JSON that AWS's templates use.
//!
//! `host`, `username` and `password` are needed; `port` (5432), `dbname` (postgres), `ssl` (true), `sslrootcert` (PEM)
//! and `engine` may be left out. Nothing here connects.

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Place;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "postgres";
const AURORA: &str = "aurora-postgresql";

/// All that a connection needs.
pub struct Credential {
    /// Where the server is.
    pub place: Place,
    /// Database to connect to.
    pub database: String,
    /// Name of the role that logs in.
    pub user: String,
    /// Its password.
    pub password: Zeroizing<String>,
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
            Some(name) if !name.is_empty() => plain(document, "dbname", "a database's name")?,
            _ => "postgres".to_owned(),
        };
        Ok(Self {
            place: Place::read(document, 5432)?,
            database,
            user: plain(document, "username", "a role's name")?,
            password: no_nul("password", "text without NUL", document.required("password")?)?,
        })
    }
}

fn plain(document: &SecretDocument, field: &'static str, expected: &'static str) -> Result<String, EngineError> {
    no_nul(field, expected, document.required(field)?).map(|text| text.to_string())
}

/// PostgreSQL's protocol ends each string with a NUL, so that one inside would cut it short.
fn no_nul(
    field: &'static str,
    expected: &'static str,
    text: Zeroizing<String>,
) -> Result<Zeroizing<String>, EngineError> {
    if text.contains('\0') { Err(SecretError::Malformed { field, expected }.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn what_is_left_out_has_safe_defaults() {
        let credential = read(r#"{"host":"db.example","username":"app","password":"p"}"#).unwrap();
        assert_eq!((credential.place.port, &*credential.database), (5432, "postgres"));
    }

    #[test]
    fn fields_that_would_connect_elsewhere_or_break_the_protocol_are_refused() {
        for text in [
            r#"{"username":"u","password":"p"}"#,
            r#"{"host":"h","password":"p"}"#,
            r#"{"host":"h","username":"u","password":""}"#,
            r#"{"host":"/run/postgresql","username":"u","password":"p"}"#,
            r#"{"host":"a,b","username":"u","password":"p"}"#,
            r#"{"host":"h","username":"u\u0000x","password":"p"}"#,
            r#"{"host":"h","username":"u","password":"p\u0000x"}"#,
            r#"{"host":"h","username":"u","password":"p","port":70000}"#,
            r#"{"host":"h","username":"u","password":"p","engine":"mysql"}"#,
        ] {
            assert_eq!(read(text).err().unwrap().kind().as_str(), "bad-secret", "{text}");
        }
        assert!(read(r#"{"host":"::1","username":"ü; \"x\"","password":"p","engine":"aurora-postgresql"}"#).is_ok());
    }
}
