//! A MySQL credential, read from the JSON that AWS's templates use.
//!
//! `host`, `username` and `password` are needed; `port` (3306), `dbname` (none), `ssl` (true), `sslrootcert` (PEM),
//! `sslservername` and `engine` may be left out. Nothing here connects.

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Place;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "mysql";
/// MariaDB's.
pub const MARIADB: &str = "mariadb";
const AURORA: &str = "aurora-mysql";
/// The port where a secret names none.
pub const PORT: u16 = 3306;

/// All that a connection needs.
pub struct Credential {
    /// Where the server is.
    pub place: Place,
    /// Database to connect to. Accounts belong to none, but an application's user may be good for one only.
    pub database: Option<String>,
    /// Name of the user that logs in.
    pub user: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl Credential {
    /// Reads a credential, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, EngineError> {
        if let Some(engine) = document.text("engine")?
            && ![ENGINE, AURORA, MARIADB].contains(&engine.as_str())
        {
            return Err(EngineError::OtherEngine(ENGINE));
        }
        let user = document.required("username")?;
        // The servers keep names in three bytes a character and would read a question mark, another user's name.
        if user.chars().any(|character| character == '\0' || character > '\u{FFFF}') {
            return Err(malformed("username", "a user's name, without NUL and characters beyond U+FFFF").into());
        }
        let password = document.required("password")?;
        // The protocol ends some strings with a NUL, so that one inside would cut them short.
        if password.contains('\0') {
            return Err(malformed("password", "text without NUL").into());
        }
        let database = document.text("dbname")?.filter(|name| !name.is_empty());
        if database.as_ref().is_some_and(|name| name.contains('\0')) {
            return Err(malformed("dbname", "a database's name").into());
        }
        Ok(Self {
            place: Place::read(document, PORT)?,
            database: database.map(|name| name.to_string()),
            user: user.to_string(),
            password,
        })
    }

    /// The same without a database, for a master: whatever its secret says, it works on accounts.
    #[must_use]
    pub fn without_database(self) -> Self {
        Self { database: None, ..self }
    }
}

fn malformed(field: &'static str, expected: &'static str) -> SecretError {
    SecretError::Malformed { field, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn the_templates_engines_are_understood_and_others_refused() {
        let engine = |name: &str| read(&format!(r#"{{"engine":"{name}","host":"h","username":"u","password":"p"}}"#));
        for name in ["mysql", "aurora-mysql", "mariadb"] {
            assert_eq!(engine(name).unwrap().place.port, 3306);
        }
        assert_eq!(engine("postgres").err(), Some(EngineError::OtherEngine("mysql")));
    }

    #[test]
    fn fields_that_would_name_another_user_or_break_the_protocol_are_refused() {
        for text in [
            r#"{"username":"u","password":"p"}"#,
            r#"{"host":"h","password":"p"}"#,
            r#"{"host":"h","username":"u","password":""}"#,
            r#"{"host":"h","username":"u\u0000x","password":"p"}"#,
            r#"{"host":"h","username":"u😀","password":"p"}"#,
            r#"{"host":"h","username":"u","password":"p\u0000x"}"#,
            r#"{"host":"h","username":"u","password":"p","dbname":"d\u0000"}"#,
            r#"{"host":"/run/mysqld.sock","username":"u","password":"p"}"#,
        ] {
            assert_eq!(read(text).err().unwrap().kind().as_str(), "bad-secret", "{text}");
        }
        let odd = read(r#"{"host":"h","username":"ü'; \"x\"","password":"p'\\;😀","dbname":""}"#).unwrap();
        assert_eq!((odd.password.as_str(), odd.database), ("p'\\;😀", None));
    }
}
