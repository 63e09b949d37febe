//! An access key, read from the JSON of its secret.
//!
//! There is no template of AWS's whose field names would be the ones; these pairs are what tools around write and
//! read. `username` or `UserName` may say whose key it is; `engine`, if there, is `iam`. Nothing here speaks to AWS.

use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::{SecretDocument, SecretError};
use zeroize::Zeroizing;

/// The engine's name in the field `engine`.
pub const ENGINE: &str = "iam";

/// The fields that hold a key: its id, its secret.
pub type Pair = (&'static str, &'static str);

/// The pairs that are known, the first one where a sentence needs an example.
const PAIRS: [Pair; 7] = [
    // The shared credentials file and AWS's environment variables.
    ("aws_access_key_id", "aws_secret_access_key"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    // What CreateAccessKey answers, and what the SDKs make of it.
    ("AccessKeyId", "SecretAccessKey"),
    ("accessKeyId", "secretAccessKey"),
    ("access_key_id", "secret_access_key"),
    // Terraform's provider; the examples of External Secrets Operator.
    ("access_key", "secret_key"),
    ("access-key", "secret-access-key"),
];
const USERS: [&str; 2] = ["username", "UserName"];

/// An access key. It has no `Debug`: the secret half must not be printed, and the other half is nobody's business.
#[derive(Clone)]
pub struct AccessKey {
    /// Its public half.
    pub id: String,
    /// Its secret half.
    pub secret: Zeroizing<String>,
}

/// What the secret says.
pub struct Credential {
    /// The key.
    pub key: AccessKey,
    /// Where it stands.
    pub fields: Pair,
    /// Whose key it is, if the secret says so.
    pub user: Option<String>,
}

impl Credential {
    /// Reads a credential, or says which field is not right.
    pub fn read(document: &SecretDocument) -> Result<Self, EngineError> {
        if document.text("engine")?.is_some_and(|engine| *engine != *ENGINE) {
            return Err(EngineError::OtherEngine(ENGINE));
        }
        let mut found = None;
        for fields in PAIRS {
            if document.text(fields.0)?.is_none() {
                continue;
            }
            // Only one of them would be rotated, and the others would go on naming a key that ends.
            if found.replace(fields).is_some() {
                return Err(
                    SecretError::Malformed { field: fields.0, expected: "the only field with a key's id" }.into()
                );
            }
        }
        let fields = found.unwrap_or(PAIRS[0]);
        let id = document.required(fields.0)?;
        if !(16..=128).contains(&id.len()) || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let expected = "the id of an access key (16 to 128 letters, digits or \"_\")";
            return Err(SecretError::Malformed { field: fields.0, expected }.into());
        }
        let mut user = None;
        for field in USERS {
            user = user.or(document.text(field)?.filter(|name| !name.is_empty()));
        }
        Ok(Self {
            key: AccessKey { id: id.to_string(), secret: document.required(fields.1)? },
            fields,
            user: user.map(|name| name.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, EngineError> {
        Credential::read(&SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap())
    }

    #[test]
    fn every_common_pair_of_names_is_understood() {
        for fields in PAIRS {
            let text = format!(r#"{{"{}":"AKIAIOSFODNN7EXAMPLE","{}":"s","note":"n"}}"#, fields.0, fields.1);
            let credential = read(&text).unwrap();
            assert_eq!(credential.fields, fields);
            assert_eq!((&*credential.key.id, &**credential.key.secret), ("AKIAIOSFODNN7EXAMPLE", "s"));
            assert_eq!(credential.user, None);
        }
        for field in USERS {
            let text = format!(r#"{{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"s","{field}":"app"}}"#);
            assert_eq!(read(&text).unwrap().user.as_deref(), Some("app"));
        }
    }

    #[test]
    fn what_is_no_access_key_is_refused_and_not_repeated() {
        let key = "AKIAIOSFODNN7EXAMPLE";
        for (text, sentence) in [
            ("{}".to_owned(), "secret has no field \"aws_access_key_id\""),
            (format!(r#"{{"AccessKeyId":"{key}"}}"#), "secret has no field \"SecretAccessKey\""),
            (format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":""}}"#), "secret has no field \"SecretAccessKey\""),
            (r#"{"AccessKeyId":"hunter2","SecretAccessKey":"s"}"#.to_owned(), "secret's field \"AccessKeyId\""),
            (format!(r#"{{"AccessKeyId":"{key}\u0000","SecretAccessKey":"s"}}"#), "secret's field \"AccessKeyId\""),
            (format!(r#"{{"AccessKeyId":"{key}; 😀'","SecretAccessKey":"s"}}"#), "secret's field \"AccessKeyId\""),
            (format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":1}}"#), "secret's field \"SecretAccessKey\""),
            (
                format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"s","accessKeyId":"{key}"}}"#),
                "secret's field \"accessKeyId\" must be the only field with a key's id",
            ),
            (
                format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"s","engine":"mysql"}}"#),
                "secret's field \"engine\" names another engine; this function rotates \"iam\"",
            ),
        ] {
            let error = read(&text).err().expect(&text);
            assert_eq!(error.kind().as_str(), "bad-secret", "{text}");
            assert!(error.to_string().starts_with(sentence), "{error}");
            assert!(!error.to_string().contains("hunter2") && !error.to_string().contains(key), "{error}");
        }
    }
}
