//! Tokens of ServiceAccounts, for AWS. The only file that requests them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use rekey_core::object::ObjectKey;
use rekey_core::value::SecretValue;
use serde::Deserialize;

use super::Writer;
use super::error::{Action, ClusterError};

/// The shortest life that the API server grants (TokenRequestSpec); a token is presented once, at once.
const LIFETIME: i64 = 600;

/// What a token says openly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Who made it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// Who it speaks for.
    #[serde(rename = "sub")]
    pub subject: String,
    /// Whom it is for.
    #[serde(rename = "aud", deserialize_with = "one_or_many")]
    pub audiences: Vec<String>,
}

impl Claims {
    /// Reads a JWT without checking it; whatever is none says nothing.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        let payload = token.split(|byte| *byte == b'.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }
}

/// Requests tokens.
#[derive(Clone)]
pub struct Tokens {
    writer: Writer,
}

impl Tokens {
    /// Requests with this writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// A token of a ServiceAccount for these audiences, of which there has to be one: none would mean the API server.
    pub async fn request(&self, account: &ObjectKey, audiences: &[String]) -> Result<SecretValue, ClusterError> {
        let spec = TokenRequestSpec {
            audiences: audiences.to_vec(),
            expiration_seconds: Some(LIFETIME),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let api: Api<ServiceAccount> = Api::namespaced(self.writer.client(), &account.namespace);
        let parameters = PostParams::default();
        let future = api.create_token_request(&account.name, &parameters, &request);
        let object = format!("token of serviceaccount {account}");
        let answer = self.writer.write(Action::Create, object, future).await?;
        Ok(SecretValue::from(answer.status.map(|status| status.token).unwrap_or_default()))
    }
}

/// The audiences of the agent's own token: what the API server accepts, where that can be told.
#[must_use]
pub fn own_audiences(config: &kube::Config) -> Vec<String> {
    use kube::config::AuthInfo;
    let AuthInfo { token, token_file, .. } = &config.auth_info;
    let file = token_file.as_ref().and_then(|path| std::fs::read(path).ok());
    let token = token.as_ref().map(|token| secrecy::ExposeSecret::expose_secret(token).as_bytes().to_vec());
    file.or(token).map(|token| Claims::of(token.trim_ascii()).audiences).unwrap_or_default()
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Vec<u8> {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)).into_bytes()
    }

    #[test]
    fn claims_are_read_and_nonsense_says_nothing() {
        let read = Claims::of(&token(
            r#"{"iss": "https://issuer", "sub": "system:serviceaccount:a:b", "aud": "x", "exp": 1}"#,
        ));
        let expected = Claims {
            issuer: "https://issuer".to_owned(),
            subject: "system:serviceaccount:a:b".to_owned(),
            audiences: vec!["x".to_owned()],
        };
        assert_eq!(read, expected);
        assert_eq!(Claims::of(&token(r#"{"aud": ["x", "y"]}"#)).audiences, ["x", "y"]);
        for nonsense in [b"".to_vec(), b"a.b.c".to_vec(), b"opaque".to_vec(), token("[]"), token(r#"{"aud": 1}"#)] {
            assert_eq!(Claims::of(&nonsense), Claims::default());
        }
    }
}
