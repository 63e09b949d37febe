//! The calls behind a beat.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_ssm::Client as Parameters;
use lambda_runtime::Diagnostic;
use rekey_rotation::aws::reason;
use thiserror::Error;
use tracing::{info, warn};

use crate::beat::{Beat, next};

/// Why a canary did not change. The other one was tried all the same.
#[derive(Debug, Error)]
pub enum CanaryError {
    /// The secret.
    #[error(
        "canary secret was not changed: secretsmanager:{operation} failed ({reason}); check that it exists and the function's \
         role"
    )]
    Secret {
        /// The API operation.
        operation: &'static str,
        /// AWS's error code, or how far the request got.
        reason: String,
    },
    /// The parameter.
    #[error("canary parameter was not rewritten: ssm:PutParameter failed ({0}); check the function's role")]
    Parameter(String),
    /// Both.
    #[error("{0}; {1}")]
    Both(Box<CanaryError>, Box<CanaryError>),
}

impl From<CanaryError> for Diagnostic {
    fn from(error: CanaryError) -> Self {
        let kind = match error {
            CanaryError::Secret { .. } => "canary-secret",
            CanaryError::Parameter(_) => "canary-parameter",
            CanaryError::Both(..) => "canaries",
        };
        Self { error_type: kind.to_owned(), error_message: error.to_string() }
    }
}

/// The canary secret and the canary parameter of one cluster.
pub struct Canaries {
    secrets: Secrets,
    parameters: Parameters,
    secret: String,
    parameter: String,
}

impl Canaries {
    /// Canaries by id or ARN of the secret and by name of the parameter.
    pub fn new(secrets: Secrets, parameters: Parameters, secret: String, parameter: String) -> Self {
        Self { secrets, parameters, secret, parameter }
    }

    /// Changes both, each whatever becomes of the other.
    pub async fn beat(&self) -> Result<(), CanaryError> {
        match tokio::join!(self.beat_secret(), self.beat_parameter()) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
            (Err(secret), Err(parameter)) => Err(CanaryError::Both(Box::new(secret), Box::new(parameter))),
        }
    }

    async fn beat_secret(&self) -> Result<(), CanaryError> {
        let answer = self.secrets.describe_secret().secret_id(&self.secret).send().await;
        let answer = answer.map_err(|e| CanaryError::Secret { operation: "DescribeSecret", reason: reason(&e) })?;
        if let Beat::Swap { from, to } = next(&answer.version_ids_to_stages.unwrap_or_default()) {
            let request = self.secrets.update_secret_version_stage().secret_id(&self.secret);
            let request = request.version_stage("AWSCURRENT").remove_from_version_id(from).move_to_version_id(&to);
            match request.send().await {
                Ok(_) => {
                    info!(version = to, "heartbeat: canary secret swapped");
                    return Ok(());
                }
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|e| e.is_resource_not_found_exception() || e.is_invalid_parameter_exception()) =>
                {
                    warn!(version = to, "canary's other version is gone, writing a new one");
                }
                Err(error) => {
                    return Err(CanaryError::Secret { operation: "UpdateSecretVersionStage", reason: reason(&error) });
                }
            }
        }
        // Any text that is not the last one: AWS would take an equal one for no change.
        let value = format!(r#"{{"canary":"{}"}}"#, millis());
        let answer = self.secrets.put_secret_value().secret_id(&self.secret).secret_string(value).send().await;
        let answer = answer.map_err(|e| CanaryError::Secret { operation: "PutSecretValue", reason: reason(&e) })?;
        info!(version = answer.version_id, "heartbeat: canary secret written");
        Ok(())
    }

    async fn beat_parameter(&self) -> Result<(), CanaryError> {
        let request = self.parameters.put_parameter().name(&self.parameter).overwrite(true).value(millis().to_string());
        let answer = request.send().await.map_err(|e| CanaryError::Parameter(reason(&e)))?;
        info!(version = answer.version, "heartbeat: canary parameter written");
        Ok(())
    }
}

/// Milliseconds since 1970: what the canaries hold.
fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
