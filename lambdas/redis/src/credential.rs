//! A Redis credential, read from the secret's JSON.
//!
//! `host` and `password` are needed; `username` (default), `port` (6379), `ssl` (true), `sslrootcert` (PEM),
//! `sslservername` and `engine` may be left out. Nothing here connects.

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Place;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "redis";
const VALKEY: &str = "valkey";
/// The user of whoever names none.
pub const DEFAULT_USER: &str = "default";
/// The port where a secret names none.
pub const DEFAULT_PORT: u16 = 6379;
/// What Redis reads of a client that has not logged in yet (`unauthenticated bulk length`, since 6.2.6).
const LONGEST_PASSWORD: usize = 16_384;

/// All that a log-in needs.
pub struct Credential {
    /// Where the server is and how it is talked to.
    pub place: Place,
    /// Name of the user.
    pub user: String,
    /// Its password, of any characters.
    pub password: Zeroizing<String>,
}

impl Credential {
    /// Reads a credential of this engine, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, EngineError> {
        if let Some(engine) = document.text("engine")?
            && ![ENGINE, VALKEY].contains(&engine.as_str())
        {
            return Err(EngineError::OtherEngine(ENGINE));
        }
        Ok(Self::read_any(document)?)
    }

    /// Reads a credential whatever the field `engine` says.
    pub fn read_any(document: &SecretDocument) -> Result<Self, SecretError> {
        let user = match document.text("username")? {
            Some(user) if !user.is_empty() => user.to_string(),
            _ => DEFAULT_USER.to_owned(),
        };
        // The server's own rule (ACLStringHasSpaces).
        if user.contains(|c: char| c.is_ascii_whitespace() || c == '\0' || c == '\u{b}') {
            return Err(SecretError::Malformed { field: "username", expected: "a user's name, without white space" });
        }
        let password = document.required("password")?;
        if password.len() > LONGEST_PASSWORD {
            let expected = "at most 16384 bytes, which is what Redis reads before a log-in";
            return Err(SecretError::Malformed { field: "password", expected });
        }
        Ok(Self { place: Place::read(document, DEFAULT_PORT)?, user, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn what_is_left_out_has_the_servers_defaults() {
        let credential = read(r#"{"host":"cache.example","password":"p"}"#).unwrap();
        assert_eq!((credential.place.port, &*credential.user), (6379, "default"));
    }

    #[test]
    fn any_password_will_do_but_not_any_name() {
        let odd = r#"{"host":"h","username":"o'br;ien\"ü🔑","password":"p w\u0000;'\"🔑","engine":"valkey"}"#;
        let credential = read(odd).unwrap();
        assert_eq!((&*credential.user, &**credential.password), ("o'br;ien\"ü🔑", "p w\0;'\"🔑"));
        for text in [
            r#"{"username":"u","password":"p"}"#,
            r#"{"host":"h","username":"u"}"#,
            r#"{"host":"h","username":"u","password":""}"#,
            r#"{"host":"h","username":"a b","password":"p"}"#,
            r#"{"host":"h","username":"a\u0000","password":"p"}"#,
            r#"{"host":"h","username":["a"],"password":"p"}"#,
            r#"{"host":"h","username":"u","password":"p","engine":"postgres"}"#,
            &format!(r#"{{"host":"h","username":"u","password":"{}"}}"#, "p".repeat(16_385)),
        ] {
            assert_eq!(read(text).err().unwrap().kind().as_str(), "bad-secret", "{text}");
        }
        assert!(read(&format!(r#"{{"host":"h","password":"{}"}}"#, "p".repeat(16_384))).is_ok());
    }
}
