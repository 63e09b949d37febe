//! The keys on the real APIs. Errors keep AWS's code and leave its message, which names users and keys, behind.

use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::StatusType;
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use jiff::Timestamp;
use rekey_rotation::aws::reason;
use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::SecretError;

use super::{Keys, Listed, Made, Used};
use crate::credential::AccessKey;

/// What STS answers to a key that it does not know (any more, or yet), that is inactive, or whose secret is wrong.
const REFUSALS: [&str; 3] = ["InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"];

/// What IAM answers if a user has two keys, and if it is asked too often.
const NOT_NOW: [&str; 3] = ["LimitExceeded", "Throttling", "ThrottlingException"];

const CREATE: &str = "iam:CreateAccessKey";

/// IAM as the function's role may use it, and STS as anybody may.
#[derive(Clone, Debug)]
pub struct Iam {
    iam: aws_sdk_iam::Client,
    /// For calls that are signed with the key in question.
    sts: aws_sdk_sts::Config,
}

impl Iam {
    /// The clients, in the function's region.
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { iam: aws_sdk_iam::Client::new(config), sts: aws_sdk_sts::Config::new(config) }
    }
}

impl Keys for Iam {
    async fn owner(&self, key: &AccessKey) -> Result<String, EngineError> {
        let credentials = Credentials::new(&key.id, key.secret.as_str(), None, None, "the secret");
        let config = self.sts.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials));
        let answer = aws_sdk_sts::Client::from_conf(config.build()).get_caller_identity().send().await;
        let answer = answer.map_err(|error| match code(&error) {
            Some(code) if REFUSALS.contains(&code) => EngineError::Auth(code.to_owned()),
            _ => EngineError::Api { operation: "sts:GetCallerIdentity", reason: reason(&error) },
        })?;
        let expected = "whose access key the secret holds; a role's session or the account's root has none to rotate";
        user_name(answer.arn().unwrap_or_default())
            .map(str::to_owned)
            .ok_or_else(|| SecretError::Malformed { field: "username", expected }.into())
    }

    async fn list(&self, user: &str) -> Result<Vec<Listed>, EngineError> {
        let answer = self.iam.list_access_keys().user_name(user).send().await;
        let answer = answer.map_err(|error| failed("iam:ListAccessKeys", &error))?;
        let listed = answer.access_key_metadata.into_iter().filter_map(|key| {
            let active = key.status() == Some(&StatusType::Active);
            let created = key.create_date.as_ref().and_then(timestamp);
            Some(Listed { active, created, id: key.access_key_id? })
        });
        Ok(listed.collect())
    }

    /// Where the SDK repeated a call whose answer got lost, a refusal would say nothing of the first one.
    async fn create(&self, user: &str) -> Result<Made, EngineError> {
        let once = aws_sdk_iam::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = self.iam.create_access_key().user_name(user).customize().config_override(once).send().await;
        let unanswered = |reason| EngineError::Unanswered { operation: CREATE, reason };
        match answer {
            Ok(answer) => answer
                .access_key
                .map(|key| Made::Key(AccessKey { id: key.access_key_id, secret: key.secret_access_key.into() }))
                .ok_or_else(|| unanswered("an answer without a key".to_owned())),
            Err(error) => {
                // What failed at IAM (5xx) may have failed after the key was made.
                let refused = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
                match code(&error) {
                    Some(code) if NOT_NOW.contains(&code) => Ok(Made::NotNow(code.to_owned())),
                    _ if refused || matches!(error, SdkError::ConstructionFailure(_)) => Err(failed(CREATE, &error)),
                    _ => Err(unanswered(reason(&error))),
                }
            }
        }
    }

    async fn deactivate(&self, user: &str, id: &str) -> Result<(), EngineError> {
        let request = self.iam.update_access_key().user_name(user).access_key_id(id).status(StatusType::Inactive);
        done("iam:UpdateAccessKey", request.send().await)
    }

    async fn delete(&self, user: &str, id: &str) -> Result<(), EngineError> {
        done("iam:DeleteAccessKey", self.iam.delete_access_key().user_name(user).access_key_id(id).send().await)
    }

    async fn last_used(&self, id: &str) -> Result<Option<Used>, EngineError> {
        let answer = self.iam.get_access_key_last_used().access_key_id(id).send().await;
        let answer = answer.map_err(|error| failed("iam:GetAccessKeyLastUsed", &error))?;
        // Of a key that was never used AWS says "N/A", and leaves the date out.
        Ok(answer.access_key_last_used.and_then(|used| {
            let at = timestamp(used.last_used_date.as_ref()?)?;
            Some(Used { service: used.service_name, at })
        }))
    }
}

fn timestamp(date: &aws_sdk_iam::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.secs()).ok()
}

/// The name in a user's ARN, which has a path before it.
fn user_name(arn: &str) -> Option<&str> {
    let (_, path_and_name) = arn.split_once(":user/")?;
    path_and_name.rsplit('/').next().filter(|name| !name.is_empty())
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn failed<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> EngineError {
    EngineError::Api { operation, reason: reason(error) }
}

/// A change of a key, which a key that is gone needs no more.
fn done<T, E: ProvideErrorMetadata, R>(
    operation: &'static str,
    answer: Result<T, SdkError<E, R>>,
) -> Result<(), EngineError> {
    match answer {
        Err(error) if code(&error) != Some("NoSuchEntity") => Err(failed(operation, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
