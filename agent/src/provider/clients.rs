//! SDK clients, one set for each identity and region, built when first used.

mod origin;
mod refused;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_config::identity::IdentityCache;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_ssm::Client as ParameterStore;
use aws_sdk_sts::Client as Sts;
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rekey_core::identity::Region;
use rekey_core::object::ObjectKey;
use rekey_core::store::{AwsStore, Identity};

use super::error::ReadProblem;
use crate::cluster::target::Targets;
use crate::cluster::token::Tokens;
use crate::metrics::Metrics;
use origin::Origin;
pub use refused::no_own_credentials;
use session::Session;

const CONNECT: Duration = Duration::from_secs(3);
const READ: Duration = Duration::from_secs(5);
/// Clients and credentials that nobody used for so long are dropped: their store or its namespace went, or changed.
const IDLE: Duration = Duration::from_hours(1);

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
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        // It looks ten times a second whether a request gets on, all through a long poll. The time limits see to that.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = region {
        loader = loader.region(SdkRegion::new(region.to_string()));
    }
    loader.load().await
}

/// Where credentials come from that Kubernetes has.
#[derive(Clone)]
pub struct Cluster {
    /// Secrets with access keys.
    pub secrets: Targets,
    /// Tokens of ServiceAccounts.
    pub tokens: Tokens,
}

#[derive(Clone)]
pub(super) struct Clients {
    base: SdkConfig,
    cluster: Cluster,
    metrics: Metrics,
    built: Arc<Mutex<HashMap<Place, Kept>>>,
}

/// Sessions are regional: STS answers in the store's region.
type Place = (Identity, Region);

struct Kept {
    built: Built,
    used: Instant,
}

#[derive(Clone)]
struct Built {
    config: SdkConfig,
    session: Arc<Session>,
    secrets_manager: SecretsManager,
    parameter_store: ParameterStore,
}

impl Clients {
    pub fn new(base: SdkConfig, cluster: Cluster, metrics: Metrics) -> Self {
        Self { base, cluster, metrics, built: Arc::default() }
    }

    pub fn secrets_manager(&self, store: &AwsStore) -> SecretsManager {
        self.get(&store.identity, &store.region).secrets_manager
    }

    pub fn parameter_store(&self, store: &AwsStore) -> ParameterStore {
        self.get(&store.identity, &store.region).parameter_store
    }

    /// Obtains the store's credentials, unless they are at hand.
    pub async fn validate(&self, store: &AwsStore) -> Result<(), ReadProblem> {
        self.get(&store.identity, &store.region).session.credentials().await.map(drop)
    }

    /// Makes a call; if AWS does not know its credentials any more, obtains new ones, and if these are others, makes it
    /// once more. So a store goes on working whose own keys are rotated, by Rekey or by anybody.
    pub async fn renewing<T, F>(&self, store: &AwsStore, call: impl Fn() -> F) -> Result<T, ReadProblem>
    where
        F: Future<Output = Result<T, ReadProblem>>,
    {
        let session = self.get(&store.identity, &store.region).session;
        session.renewing(call).await
    }

    pub fn forget(&self, secret: &ObjectKey) {
        self.lock().retain(|(identity, _), _| !identity.keys().any(|key| &key.secret == secret));
    }

    fn get(&self, identity: &Identity, region: &Region) -> Built {
        let place = (identity.clone(), region.clone());
        if let Some(kept) = self.lock().get_mut(&place) {
            kept.used = Instant::now();
            return kept.built.clone();
        }
        let built = self.build(identity, region);
        let mut kept = self.lock();
        kept.retain(|_, kept| kept.used.elapsed() < IDLE);
        // Two may have built it; all have to share one session.
        kept.entry(place).or_insert(Kept { built, used: Instant::now() }).built.clone()
    }

    /// Asks nobody: credentials are obtained when a call needs them.
    fn build(&self, identity: &Identity, region: &Region) -> Built {
        let regional = self
            .base
            .to_builder()
            .region(SdkRegion::new(region.to_string()))
            // The session keeps its credentials, and renews them in time.
            .identity_cache(IdentityCache::no_cache())
            // `attempt.rs` repeats calls, within the budget; each of the SDK's own would be one that nobody counts.
            .retry_config(RetryConfig::disabled())
            // Unlike the long poll, a read that takes this long is not worth waiting for.
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(READ).build())
            .build();
        let origin = match identity {
            Identity::Agent => Origin::agent(region, self.base.credentials_provider()),
            Identity::AccessKeys(keys) => Origin::access_keys(identity, region, keys, self.cluster.secrets.clone()),
            Identity::ServiceAccount(own) => {
                let sts = Sts::from_conf(endpoints::sts(&regional));
                Origin::web_identity(identity, region, own, self.cluster.tokens.clone(), sts)
            }
            Identity::Role(assumed) => {
                let by = self.get(&assumed.by, region);
                Origin::role(identity, region, assumed, by.session, Sts::from_conf(endpoints::sts(&by.config)))
            }
        };
        let session = Arc::new(Session::new(origin, self.metrics.clone()));
        let credentials: Arc<dyn ProvideCredentials> = Arc::clone(&session) as _;
        let credentials = SharedCredentialsProvider::from(credentials);
        let config = regional.to_builder().credentials_provider(credentials).build();
        Built {
            session,
            secrets_manager: SecretsManager::from_conf(endpoints::secrets_manager(&config)),
            parameter_store: ParameterStore::from_conf(endpoints::parameter_store(&config)),
            config,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The services' own configurations. Beside the SDK's AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, the variables
/// count that ESO knows: AWS_SECRETSMANAGER_ENDPOINT, AWS_SSM_ENDPOINT, AWS_STS_ENDPOINT.
mod endpoints {
    use aws_config::SdkConfig;

    macro_rules! service {
        ($name:ident, $sdk:ident, $variable:literal) => {
            pub fn $name(config: &SdkConfig) -> $sdk::Config {
                let builder = $sdk::config::Builder::from(config);
                match std::env::var($variable) {
                    Ok(url) if !url.is_empty() => builder.endpoint_url(url).build(),
                    _ => builder.build(),
                }
            }
        };
    }
    service!(secrets_manager, aws_sdk_secretsmanager, "AWS_SECRETSMANAGER_ENDPOINT");
    service!(parameter_store, aws_sdk_ssm, "AWS_SSM_ENDPOINT");
    service!(sts, aws_sdk_sts, "AWS_STS_ENDPOINT");
}

#[cfg(test)]
mod tests;
