//! The vault on the real API. Errors keep AWS's code and leave its message behind.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_sdk_secretsmanager::operation::update_secret_version_stage::UpdateSecretVersionStageError;
use zeroize::Zeroizing;

use super::{CURRENT, Description, Moved, PENDING, Selector, Stored, Vault, VaultError};
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

    /// The vault behind that URL, if there is one, else where the configuration says.
    #[must_use]
    pub fn at(endpoint: Option<String>, config: &aws_config::SdkConfig) -> Self {
        let builder = aws_sdk_secretsmanager::config::Builder::from(config);
        let builder = match endpoint {
            Some(url) => builder.endpoint_url(url),
            None => builder,
        };
        Self::new(Client::from_conf(builder.build()))
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
            tags: answer
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
        })
    }

    async fn read(&self, secret: &str, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, VaultError> {
        let request = self.client.get_secret_value().secret_id(secret);
        let request = match version {
            Selector::Current => request.version_stage(CURRENT),
            Selector::InForce(id) => request.version_stage(CURRENT).version_id(id),
            Selector::Pending(id) => request.version_stage(PENDING).version_id(id),
            Selector::Version(id) => request.version_id(id),
        };
        match request.send().await {
            // A binary value becomes an empty text, which no engine takes for a document.
            Ok(answer) => Ok(Some(Zeroizing::new(answer.secret_string.unwrap_or_default()))),
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            // "You provided a VersionStage that is not associated to the provided VersionId."
            Err(error)
                if matches!(version, Selector::InForce(_))
                    && error.as_service_error().is_some_and(GetSecretValueError::is_invalid_request_exception) =>
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

    async fn add_label(&self, secret: &str, version: &str, label: &str) -> Result<(), VaultError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(label);
        let answer = request.move_to_version_id(version).send().await;
        answer.map(drop).map_err(|e| Self::error("UpdateSecretVersionStage", &e))
    }

    async fn drop_label(&self, secret: &str, version: &str, label: &str) -> Result<(), VaultError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(label);
        let answer = request.remove_from_version_id(version).send().await;
        answer.map(drop).map_err(|e| Self::error("UpdateSecretVersionStage", &e))
    }

    async fn unlabelled(&self, secret: &str) -> Result<Vec<String>, VaultError> {
        let request = self.client.list_secret_version_ids().secret_id(secret).include_deprecated(true);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Self::error("ListSecretVersionIds", &e))?;
            for version in page.versions.unwrap_or_default() {
                if version.version_stages.unwrap_or_default().is_empty()
                    && let (Some(created), Some(id)) = (version.created_date, version.version_id)
                {
                    found.push((created.as_nanos(), id));
                }
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_sdk_secretsmanager::config::{Config, Credentials, Region};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use serde_json::{Value, json};

    use super::*;

    /// A vault whose next call gets that answer.
    fn answering(status: u16, body: &Value) -> (SecretsManager, StaticReplayClient) {
        let request = http::Request::builder().uri("https://any").body(SdkBody::empty()).unwrap();
        let answer = http::Response::builder().status(status).body(SdkBody::from(body.to_string())).unwrap();
        let http = StaticReplayClient::new(vec![ReplayEvent::new(request, answer)]);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(aws_sdk_secretsmanager::config::retry::RetryConfig::disabled())
            .http_client(http.clone())
            .build();
        (SecretsManager::new(Client::from_conf(config)), http)
    }

    fn refusing(code: &str) -> SecretsManager {
        answering(400, &json!({"__type": code, "message": "value hunter2 is not right"})).0
    }

    fn sent(http: &StaticReplayClient) -> Value {
        serde_json::from_slice(http.actual_requests().next().unwrap().body().bytes().unwrap()).unwrap()
    }

    fn document() -> SecretDocument {
        SecretDocument::parse(Zeroizing::new(r#"{"password":"p"}"#.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn the_pending_version_is_stored_with_both_tokens_and_read_by_id_and_label() {
        let (vault, http) = answering(200, &json!({}));
        let token = RotationToken::from("rotation-token".to_owned());
        assert_eq!(vault.store_pending("s", "v2", &document(), Some(&token)).await.unwrap(), Stored::Written);
        assert_eq!(
            sent(&http),
            json!({"SecretId":"s","ClientRequestToken":"v2","SecretString":"{\"password\":\"p\"}",
                   "VersionStages":["AWSPENDING"],"RotationToken":"rotation-token"})
        );
        let (vault, http) = answering(200, &json!({"SecretString": "text"}));
        assert_eq!(vault.read("s", Selector::Pending("v2")).await.unwrap().unwrap().as_str(), "text");
        assert_eq!(sent(&http), json!({"SecretId":"s","VersionId":"v2","VersionStage":"AWSPENDING"}));
    }

    #[tokio::test]
    async fn the_version_in_force_is_read_by_id_and_label_and_absent_where_they_do_not_meet_yet() {
        let (vault, http) = answering(200, &json!({"SecretString": "text"}));
        assert_eq!(vault.read("s", Selector::InForce("v1")).await.unwrap().unwrap().as_str(), "text");
        assert_eq!(sent(&http), json!({"SecretId":"s","VersionId":"v1","VersionStage":"AWSCURRENT"}));
        let apart = refusing("InvalidRequestException");
        assert!(apart.read("s", Selector::InForce("v1")).await.unwrap().is_none());
        let apart = refusing("InvalidRequestException");
        assert!(
            apart.read("s", Selector::Version("v1")).await.is_err(),
            "where no label was asked for it means another thing"
        );
    }

    #[tokio::test]
    async fn labels_are_moved_from_exactly_one_version() {
        let (vault, http) = answering(200, &json!({}));
        assert_eq!(vault.move_current("s", "v1", "v2").await.unwrap(), Moved::Yes);
        assert_eq!(
            sent(&http),
            json!({"SecretId":"s","VersionStage":"AWSCURRENT","MoveToVersionId":"v2","RemoveFromVersionId":"v1"})
        );
        let (vault, http) = answering(200, &json!({}));
        vault.drop_label("s", "v2", PENDING).await.unwrap();
        assert_eq!(sent(&http), json!({"SecretId":"s","VersionStage":"AWSPENDING","RemoveFromVersionId":"v2"}));
        let (vault, http) = answering(200, &json!({}));
        vault.add_label("s", "v1", "mine").await.unwrap();
        assert_eq!(sent(&http), json!({"SecretId":"s","VersionStage":"mine","MoveToVersionId":"v1"}));
    }

    #[tokio::test]
    async fn versions_without_labels_are_found_the_latest_first_and_read_by_their_id_alone() {
        let version = |id: &str, created: u32, labels: &[&str]| json!({"VersionId": id, "CreatedDate": created, "VersionStages": labels});
        let versions = [
            version("old", 1, &[]),
            version("current", 2, &["AWSCURRENT"]),
            version("late", 4, &[]),
            version("mid", 3, &[]),
        ];
        let (vault, http) = answering(200, &json!({"Versions": versions}));
        assert_eq!(vault.unlabelled("s").await.unwrap(), ["late", "mid", "old"]);
        assert_eq!(sent(&http), json!({"SecretId":"s","IncludeDeprecated":true}));
        let (vault, http) = answering(200, &json!({"SecretString": "text"}));
        vault.read("s", Selector::Version("late")).await.unwrap().unwrap();
        assert_eq!(sent(&http), json!({"SecretId":"s","VersionId":"late"}));
    }

    #[tokio::test]
    async fn the_refusals_that_mean_something_are_told_apart_and_no_message_is_repeated() {
        let read = refusing("ResourceNotFoundException").read("s", Selector::Current).await;
        assert!(read.unwrap().is_none());
        let stored = refusing("ResourceExistsException").store_pending("s", "v2", &document(), None).await;
        assert_eq!(stored.unwrap(), Stored::Exists);
        let moved = refusing("InvalidParameterException").move_current("s", "v1", "v2").await;
        assert_eq!(moved.unwrap(), Moved::Overtaken);
        let error = refusing("AccessDeniedException").store_pending("s", "v2", &document(), None).await.unwrap_err();
        assert_eq!((error.operation, error.reason.as_str()), ("PutSecretValue", "AccessDeniedException"));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
