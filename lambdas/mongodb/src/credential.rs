//! A MongoDB credential, read from the JSON that AWS's templates use.
//!
//! `host`, `username` and `password` are needed; `port` (27017), `dbname` (admin: the database that the user is defined
//! in), `ssl` (true), `sslrootcert` (PEM) and `engine` may be left out. Nothing here connects.

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::{Place, Tls};
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "mongo";
/// The port where a secret names none.
pub const PORT: u16 = 27017;
/// What else writes itself into that field: people, and the tools around DocumentDB.
const OTHER_NAMES: [&str; 3] = ["mongodb", "docdb", "documentdb"];

/// All that a connection needs.
#[derive(Clone)]
pub struct Credential {
    /// Where the server is. It has to be the primary; DocumentDB's cluster endpoint always is.
    pub place: Place,
    /// The database that the user is defined in, which is where it authenticates.
    pub database: String,
    /// The user.
    pub user: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl Credential {
    /// Reads a credential, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, EngineError> {
        if let Some(engine) = document.text("engine")?
            && *engine != *ENGINE
            && !OTHER_NAMES.contains(&engine.as_str())
        {
            return Err(EngineError::OtherEngine(ENGINE));
        }
        let place = Place::read(document, PORT)?;
        // The driver has no such setting, and a name that is not checked is no name.
        if let Tls::Verified(trust) = &place.tls
            && trust.server_name.is_some()
        {
            let expected = "left out: the certificate has to be for the name in \"host\"";
            return Err(SecretError::Malformed { field: "sslservername", expected }.into());
        }
        let database = document.text("dbname")?.filter(|name| !name.is_empty());
        let database = database.map_or_else(|| "admin".to_owned(), |name| name.to_string());
        // The characters that MongoDB allows in no name; "$external" has no passwords to rotate.
        if database.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            let expected = "the database that the user is defined in";
            return Err(SecretError::Malformed { field: "dbname", expected }.into());
        }
        let text = |field| {
            let text = document.required(field)?;
            let refused = SecretError::Malformed { field, expected: "text without NUL" };
            if text.contains('\0') { Err(refused) } else { Ok(text) }
        };
        Ok(Self { place, database, user: text("username")?.to_string(), password: text("password")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn what_is_left_out_has_safe_defaults() {
        let credential = read(r#"{"host":"db.example","username":"ü'; {\"$gt\"","password":"p\"é😀"}"#).unwrap();
        assert_eq!((credential.place.port, &*credential.database), (27017, "admin"));
        assert_eq!(credential.place.tls, Tls::Verified(rekey_rotation::place::Trust::default()));
        assert_eq!((&*credential.user, &**credential.password), ("ü'; {\"$gt\"", "p\"é😀"));
        for engine in ["mongo", "mongodb", "docdb"] {
            assert!(read(&format!(r#"{{"host":"h","username":"u","password":"p","engine":"{engine}"}}"#)).is_ok());
        }
    }

    #[test]
    fn fields_that_would_connect_elsewhere_or_mean_something_else_are_refused() {
        for text in [
            r#"{"username":"u","password":"p"}"#,
            r#"{"host":"h","password":"p"}"#,
            r#"{"host":"h","username":"u","password":""}"#,
            r#"{"host":"a,b","username":"u","password":"p"}"#,
            r#"{"host":"h","username":"u\u0000x","password":"p"}"#,
            r#"{"host":"h","username":"u","password":"p\u0000x"}"#,
            r#"{"host":"h","username":"u","password":"p","dbname":"$external"}"#,
            r#"{"host":"h","username":"u","password":"p","dbname":"a.b"}"#,
            r#"{"host":"h","username":"u","password":"p","sslservername":"db"}"#,
            r#"{"host":"h","username":"u","password":"p","ssl":"flase"}"#,
            r#"{"host":"h","username":"u","password":"p","engine":"mysql"}"#,
        ] {
            assert_eq!(read(text).err().expect(text).kind().as_str(), "bad-secret", "{text}");
        }
    }
}
