//! SDK clients, one for each identity and region, built when first used.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_ssm::Client as ParameterStore;
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rekey_core::identity::Region;
use rekey_core::object::ObjectKey;
use rekey_core::store::{AwsStore, Identity, SecretKey};

use super::error::ReadProblem;
use crate::cluster::target::Targets;

const CONNECT: Duration = Duration::from_secs(3);
const READ: Duration = Duration::from_secs(5);

/// The SDK's default chain and endpoints, over one TLS provider, in this region.
pub async fn aws_config(region: Option<Region>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        // A long poll takes 20 s by itself.
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(SdkRegion::new(region.to_string()));
    }
    loader.load().await
}

#[derive(Clone)]
pub(super) struct Clients {
    base: SdkConfig,
    secrets: Targets,
    built: Arc<Mutex<HashMap<(Identity, Region), Built>>>,
    /// Moves with every change of a Secret, so that a client made of older keys is not kept.
    epoch: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Built {
    credentials: SharedCredentialsProvider,
    secrets_manager: SecretsManager,
    parameter_store: ParameterStore,
}

impl Clients {
    pub fn new(base: SdkConfig, secrets: Targets) -> Self {
        Self { base, secrets, built: Arc::default(), epoch: Arc::default() }
    }

    pub async fn secrets_manager(&self, store: &AwsStore) -> Result<SecretsManager, ReadProblem> {
        Ok(self.get(store).await?.secrets_manager)
    }

    pub async fn parameter_store(&self, store: &AwsStore) -> Result<ParameterStore, ReadProblem> {
        Ok(self.get(store).await?.parameter_store)
    }

    pub async fn validate(&self, store: &AwsStore) -> Result<(), ReadProblem> {
        let built = self.get(store).await?;
        built.credentials.provide_credentials().await.map_err(|error| ReadProblem::no_credentials(&error))?;
        Ok(())
    }

    pub fn forget(&self, secret: &ObjectKey) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.lock().retain(|(identity, _), _| !identity.keys().any(|key| &key.secret == secret));
    }

    async fn get(&self, store: &AwsStore) -> Result<Built, ReadProblem> {
        let place = (store.identity.clone(), store.region.clone());
        if let Some(built) = self.lock().get(&place) {
            return Ok(built.clone());
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let built = self.build(store).await?;
        let mut kept = self.lock();
        if store.identity == Identity::Agent || epoch == self.epoch.load(Ordering::Acquire) {
            kept.insert(place, built.clone());
        }
        drop(kept);
        Ok(built)
    }

    async fn build(&self, store: &AwsStore) -> Result<Built, ReadProblem> {
        let credentials = match &store.identity {
            Identity::Agent => self
                .base
                .credentials_provider()
                .ok_or_else(|| ReadProblem::no_credentials(&CredentialsError::not_loaded_no_source()))?,
            Identity::AccessKeys(keys) => {
                let token = match &keys.token {
                    Some(token) => Some(self.key(token).await?),
                    None => None,
                };
                let (id, secret) = (self.key(&keys.id).await?, self.key(&keys.secret).await?);
                let keys = Credentials::new(id, secret, token, None, "SecretStore");
                SharedCredentialsProvider::new(keys)
            }
        };
        let config = self
            .base
            .to_builder()
            .region(SdkRegion::new(store.region.to_string()))
            .credentials_provider(credentials.clone())
            // `attempt.rs` repeats calls, within the budget; each of the SDK's own would be one that nobody counts.
            .retry_config(RetryConfig::disabled())
            // Unlike the long poll, a read that takes this long is not worth waiting for.
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(READ).build())
            .build();
        Ok(Built {
            credentials,
            secrets_manager: SecretsManager::new(&config),
            parameter_store: ParameterStore::new(&config),
        })
    }

    async fn key(&self, key: &SecretKey) -> Result<String, ReadProblem> {
        let missing = |what: &str| ReadProblem::KeysUnavailable {
            message: format!("Secret {} {what}; correct auth.secretRef or the Secret", key.secret),
            transient: false,
        };
        let secret = self
            .secrets
            .get(&key.secret)
            .await
            .map_err(|error| ReadProblem::keys(&error))?
            .ok_or_else(|| missing("does not exist"))?;
        let bytes = secret
            .data
            .and_then(|mut data| data.remove(&key.key))
            .ok_or_else(|| missing(&format!("has no key {:?}", key.key)))?;
        String::from_utf8(bytes.0).map_err(|_| missing(&format!("holds no text under {:?}", key.key)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Identity, Region), Built>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
