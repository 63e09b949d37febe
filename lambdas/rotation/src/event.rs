//! What Secrets Manager sends to a rotation function.
//!
//! The type is our own because `aws_lambda_events` knows no `RotationToken`, which `PutSecretValue` needs when the
//! secret is in another account, and which must not appear in any log.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::step::Step;

/// The payload of one invocation.
#[derive(Debug, Deserialize)]
pub struct RotationEvent {
    /// The step as sent; see [`RotationEvent::step`]. It stays text here so that an unknown step ends with an audit
    /// line and a sentence instead of a deserialisation error of the runtime.
    #[serde(rename = "Step")]
    pub requested: String,
    /// ARN of the secret.
    #[serde(rename = "SecretId")]
    pub secret_id: String,
    /// Id of the version this rotation makes: the same for all steps and all retries of one rotation.
    #[serde(rename = "ClientRequestToken")]
    pub version_id: String,
    /// Proof that the write belongs to this rotation; AWS asks for it when the function works across accounts.
    #[serde(rename = "RotationToken", default)]
    pub rotation_token: Option<RotationToken>,
}

impl RotationEvent {
    /// The requested step, or nothing if this function does not know it.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        Step::parse(&self.requested)
    }

    /// The step's name for logs: the wire spelling of a known step, otherwise what was sent, cut to 40 characters.
    #[must_use]
    pub fn step_name(&self) -> String {
        self.step().map_or_else(|| self.requested.chars().take(40).collect(), |step| step.as_str().to_owned())
    }
}

/// A token that AWS declares sensitive: it has no readable `Debug` and is wiped when dropped.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct RotationToken(Zeroizing<String>);

impl RotationToken {
    /// The token, for the one call that takes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for RotationToken {
    fn from(token: String) -> Self {
        Self(Zeroizing::new(token))
    }
}

impl fmt::Debug for RotationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"Step":"setSecret","SecretId":"arn:aws:secretsmanager:us-east-1:000000000000:secret:db-a1b2c3",
        "ClientRequestToken":"11111111-2222-3333-4444-555555555555","RotationToken":"the-token-that-nobody-may-see"}"#;

    #[test]
    fn every_field_is_read_and_the_token_is_not_shown() {
        let event: RotationEvent = serde_json::from_str(EVENT).unwrap();
        assert_eq!(event.step(), Some(Step::Set));
        assert_eq!(event.version_id, "11111111-2222-3333-4444-555555555555");
        assert_eq!(event.rotation_token.as_ref().unwrap().expose(), "the-token-that-nobody-may-see");
        assert!(!format!("{event:?}").contains("nobody"));
    }

    #[test]
    fn the_rotation_token_is_optional_and_an_unknown_step_is_kept_by_name() {
        let event: RotationEvent =
            serde_json::from_str(r#"{"Step":"dropSecret","SecretId":"s","ClientRequestToken":"t","New":1}"#).unwrap();
        assert!(event.rotation_token.is_none());
        assert_eq!(event.step(), None);
        assert_eq!(event.step_name(), "dropSecret");
    }
}
