//! The vault on the real API. Errors keep AWS's code and leave its message behind.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_sdk_secretsmanager::operation::update_secret_version_stage::UpdateSecretVersionStageError;
use zeroize::Zeroizing;

use super::{CURRENT, Description, Moved, PENDING, PREVIOUS, Selector, Stored, Vault, VaultError};
use crate::event::RotationToken;
use crate::secret::SecretDocument;

/// Secrets Manager behind an SDK client.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// A vault that uses the client's region and identity.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn error<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> VaultError {
        VaultError { operation, reason: crate::aws::reason(error) }
    }
}

impl Vault for SecretsManager {
    async fn describe(&self, secret: &str) -> Result<Description, VaultError> {
        let answer = self.client.describe_secret().secret_id(secret).send().await;
        let answer = answer.map_err(|e| Self::error("DescribeSecret", &e))?;
        Ok(Description {
            arn: answer.arn.unwrap_or_default(),
            name: answer.name.unwrap_or_default(),
            rotation_enabled: answer.rotation_enabled,
            labels: answer.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
        })
    }

    async fn read(&self, secret: &str, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, VaultError> {
        let request = self.client.get_secret_value().secret_id(secret);
        let request = match version {
            Selector::Current => request.version_stage(CURRENT),
            Selector::Previous => request.version_stage(PREVIOUS),
            Selector::Pending(id) => request.version_stage(PENDING).version_id(id),
        };
        match request.send().await {
            // A binary value becomes an empty text, which no engine takes for a document.
            Ok(answer) => Ok(Some(Zeroizing::new(answer.secret_string.unwrap_or_default()))),
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Self::error("GetSecretValue", &error)),
        }
    }

    async fn store_pending(
        &self,
        secret: &str,
        version: &str,
        document: &SecretDocument,
        token: Option<&RotationToken>,
    ) -> Result<Stored, VaultError> {
        let request = self.client.put_secret_value().secret_id(secret).client_request_token(version);
        let request = request.version_stages(PENDING).secret_string(document.expose());
        match request.set_rotation_token(token.map(|token| token.expose().to_owned())).send().await {
            Ok(_) => Ok(Stored::Written),
            Err(error) if error.as_service_error().is_some_and(PutSecretValueError::is_resource_exists_exception) => {
                Ok(Stored::Exists)
            }
            Err(error) => Err(Self::error("PutSecretValue", &error)),
        }
    }

    async fn move_current(&self, secret: &str, from: &str, to: &str) -> Result<Moved, VaultError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(CURRENT);
        match request.move_to_version_id(to).remove_from_version_id(from).send().await {
            Ok(_) => Ok(Moved::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateSecretVersionStageError::is_invalid_parameter_exception) =>
            {
                Ok(Moved::Overtaken)
            }
            Err(error) => Err(Self::error("UpdateSecretVersionStage", &error)),
        }
    }

    async fn drop_pending(&self, secret: &str, version: &str) -> Result<(), VaultError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(PENDING);
        let answer = request.remove_from_version_id(version).send().await;
        answer.map(drop).map_err(|e| Self::error("UpdateSecretVersionStage", &e))
    }
}
