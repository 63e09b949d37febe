//! What the secret of a cache's user says, in the JSON of AWS's template: `username` and `user_arn`, and `password` from
//! the first rotation on. With a `host` (and `port`, `ssl`, `sslrootcert`, `sslservername`) the user can be logged in as.

use rekey_redis::Credential;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

use crate::user_arn::UserArn;

/// One version of a secret.
pub struct Secret {
    /// The user, as the API knows it.
    pub arn: UserArn,
    /// The user's name, as a log-in gives it.
    pub user: String,
    /// The password; the template allows a first version without one.
    pub password: Option<Zeroizing<String>>,
    /// How to log in; nothing without a `host` or a password.
    pub login: Option<Credential>,
}

impl Secret {
    /// Reads a version, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, SecretError> {
        let password = document.text("password")?.filter(|password| !password.is_empty());
        let host = document.text("host")?.filter(|host| !host.is_empty());
        let login = host.and(password.as_ref()).map(|_| Credential::read_any(document)).transpose()?;
        Ok(Self {
            arn: UserArn::parse(&document.required("user_arn")?)?,
            user: document.required("username")?.to_string(),
            password,
            login,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Secret, SecretError> {
        Secret::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn a_host_makes_a_log_in_possible_once_there_is_a_password() {
        let arn = r#""user_arn":"arn:aws:elasticache:eu-west-1:1:user:u""#;
        let first = read(&format!(r#"{{"username":"app",{arn},"host":"h"}}"#)).unwrap();
        assert!(first.password.is_none() && first.login.is_none());
        let blind = read(&format!(r#"{{"username":"app",{arn},"password":"p"}}"#)).unwrap();
        assert!(blind.password.is_some() && blind.login.is_none());
        let full = read(&format!(r#"{{"username":"app",{arn},"password":"p","host":"h"}}"#)).unwrap();
        assert_eq!(full.login.map(|login| (login.user, login.place.port)), Some(("app".to_owned(), 6379)));
    }

    #[test]
    fn what_the_template_needs_is_needed() {
        for text in [
            r#"{"username":"app"}"#,
            r#"{"user_arn":"arn:aws:elasticache:eu-west-1:1:user:u"}"#,
            r#"{"username":"app","user_arn":"app"}"#,
            r#"{"username":"app","user_arn":"arn:aws:elasticache:eu-west-1:1:user:u","password":"p","host":"/run/x"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
