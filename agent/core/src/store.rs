//! What a SecretStore or ClusterSecretStore means for one ExternalSecret that uses it: which service, where, as whom.
//!
//! Only decisions: credentials are fetched and clients are built in the agent's `provider/`.

mod auth;
mod conditions;
mod identity;
mod problem;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::duration;
use crate::extent::Extent;
use crate::identity::{Region, Service};
use crate::object::ObjectKey;
use crate::resource::SecretStoreSpec;
use crate::resource::external_secret::{StoreKind, StoreRef};
use crate::resource::store::{AwsAuth, AwsService, RetrySettings};
use auth::Auth;
use problem::Invalid;

pub use auth::{AccountRole, Dependency};
pub use identity::{AccessKeys, AssumedRole, Identity, RoleArn, SecretKey, ServiceAccountRole};
pub use problem::StoreProblem;

/// A store, ready to be read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AwsStore {
    /// Secrets Manager or Parameter Store.
    pub service: Service,
    /// Where.
    pub region: Region,
    /// Put before each key, without a separator.
    pub prefix: String,
    /// As whom.
    pub identity: Identity,
    /// How often.
    pub retry: Retry,
}

/// How often a call that fails in a way that can pass is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Retry {
    /// In all, the first one included.
    pub attempts: u32,
    /// Between two of them; growing and jittered if absent.
    pub pause: Option<Duration>,
}

impl Default for Retry {
    /// The SDKs' standard.
    fn default() -> Self {
        Self { attempts: 3, pause: None }
    }
}

/// What the options say about stores.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The class of controller that this agent is.
    pub class: String,
    /// Who may ask as the agent itself.
    pub default_identity: DefaultIdentity,
    /// Audiences that the API server accepts, beside those that always mean it.
    pub api_audiences: Vec<String>,
    /// Where the agent looks.
    pub extent: Extent,
}

/// Stores without `auth` that may use the agent's own identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultIdentity {
    /// All of them, as with ESO.
    #[default]
    All,
    /// ClusterSecretStores, which administrators write.
    ClusterStores,
    /// None.
    None,
}

impl Rules {
    /// Would the API server accept a token for this audience? Such a token would be worth the account's rights.
    fn is_api_server(&self, audience: &str) -> bool {
        let host = audience.split_once("://").map_or(audience, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        let always = host.is_empty()
            || matches!(host, "kubernetes" | "kubernetes.default" | "kubernetes.default.svc")
            || host.starts_with("kubernetes.default.svc.");
        always || self.api_audiences.iter().any(|own| own == audience)
    }
}

/// What a store is resolved in, beside its own spec.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// What the options say.
    pub rules: &'a Rules,
    /// The namespace of the object that uses the store.
    pub namespace: &'a str,
    /// That namespace's labels, once they are known.
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// ServiceAccounts that have a role.
    pub accounts: &'a HashMap<ObjectKey, AccountRole>,
}

/// Is a store with this `spec.controller` for controllers of that class?
#[must_use]
pub fn is_of_class(controller: Option<&str>, class: &str) -> bool {
    controller.is_none_or(|wanted| wanted.is_empty() || wanted == class)
}

/// Resolves a store for an object in a namespace, as ESO does: `conditions` are checked at each use, and a reference
/// without a namespace in a ClusterSecretStore means the object's own (referent authentication).
pub fn resolve(
    reference: &StoreRef,
    spec: Option<&SecretStoreSpec>,
    around: &Surroundings<'_>,
) -> Result<AwsStore, StoreProblem> {
    if reference.name.is_empty() {
        return Err(StoreProblem::Unnamed);
    }
    let (kind, name) = (kind_name(reference.kind), reference.name.clone());
    if reference.kind == StoreKind::ClusterSecretStore && !around.rules.extent.has_cluster_stores() {
        return Err(StoreProblem::Unread { name });
    }
    let Some(spec) = spec else { return Err(StoreProblem::Missing { kind, name }) };
    if let Some(other) = spec.controller.as_deref().filter(|class| !is_of_class(Some(class), &around.rules.class)) {
        return Err(StoreProblem::ForeignClass { kind, name, class: other.to_owned() });
    }
    let Some(auth) = auth_of(reference, spec, around.namespace) else {
        return Err(StoreProblem::ForeignProvider { kind, name });
    };
    let admitted = reference.kind == StoreKind::SecretStore
        || conditions::admits(spec, around.namespace, around.labels).map_err(|problem| problem.of(reference))?;
    if !admitted {
        return Err(StoreProblem::Denied { name, namespace: around.namespace.to_owned() });
    }
    of_aws(&auth, spec, around).map_err(|problem| problem.of(reference))
}

/// Is a store in order, as far as that can be told of it alone? `None` if each of its users has an identity of its own,
/// so that nobody's credentials can be tried.
pub fn check(
    reference: &StoreRef,
    spec: &SecretStoreSpec,
    around: &Surroundings<'_>,
) -> Result<Option<AwsStore>, StoreProblem> {
    // The conditions concern users, but a mistake in them concerns the store.
    let mut open = SecretStoreSpec { conditions: Vec::new(), ..spec.clone() };
    let is_referent = auth_of(reference, spec, around.namespace).is_some_and(|auth| auth.is_referent());
    let lent = Rules { default_identity: DefaultIdentity::All, ..around.rules.clone() };
    let mut around = *around;
    if let Some(aws) = open.provider.aws.as_mut().filter(|_| is_referent) {
        aws.auth = AwsAuth::default();
        around.rules = &lent;
    }
    let resolved = resolve(reference, Some(&open), &around)?;
    conditions::check(spec)
        .and_then(|()| validation_interval(spec).map(drop))
        .map_err(|problem| problem.of(reference))?;
    Ok(Some(resolved).filter(|_| !is_referent))
}

/// Time between two validations of a store: `spec.refreshInterval`, or five minutes. What cannot be read is five minutes
/// too; [`check`] says so.
#[must_use]
pub fn revalidation(spec: &SecretStoreSpec) -> Duration {
    validation_interval(spec).unwrap_or(REVALIDATION)
}

/// What a store's credentials are made of, for a user in `namespace`, whether or not it is there. Without one (empty),
/// only what does not depend on the user.
#[must_use]
pub fn dependencies(reference: &StoreRef, spec: &SecretStoreSpec, namespace: &str) -> Vec<Dependency> {
    auth_of(reference, spec, namespace).map(|auth| auth.dependencies()).unwrap_or_default()
}

/// Do the labels of namespaces decide who may use a store?
#[must_use]
pub fn depends_on_labels(spec: &SecretStoreSpec) -> bool {
    conditions::ask_for_labels(spec)
}

/// The kind as people write it.
#[must_use]
pub fn kind_name(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::SecretStore => "SecretStore",
        StoreKind::ClusterSecretStore => "ClusterSecretStore",
    }
}

/// The longest name or ARN that either service takes (`SecretId` of GetSecretValue, `Name` of GetParameter).
const LONGEST_NAME: usize = 2048;
/// As ESO's `--store-requeue-interval`.
const REVALIDATION: Duration = Duration::from_mins(5);

fn auth_of<'a>(reference: &'a StoreRef, spec: &'a SecretStoreSpec, namespace: &'a str) -> Option<Auth<'a>> {
    let aws = spec.provider.aws.as_ref()?;
    Some(Auth { aws, kind: reference.kind, store: &reference.name, namespace })
}

fn of_aws(auth: &Auth<'_>, spec: &SecretStoreSpec, around: &Surroundings<'_>) -> Result<AwsStore, Invalid> {
    let service = match auth.aws.service {
        AwsService::SecretsManager => Service::SecretsManager,
        AwsService::ParameterStore => Service::ParameterStore,
        AwsService::CertificateManager => {
            return Err(Invalid::new(
                "spec.provider.aws.service",
                "is CertificateManager, which cannot be read; use SecretsManager or ParameterStore",
            ));
        }
    };
    let region =
        Region::parse(&auth.aws.region).map_err(|error| Invalid::new("spec.provider.aws.region", error.to_string()))?;
    let prefix = auth.aws.prefix.clone().unwrap_or_default();
    if prefix.len() > LONGEST_NAME {
        let problem = format!("is longer than {LONGEST_NAME} bytes, and so than any name");
        return Err(Invalid::new("spec.provider.aws.prefix", problem));
    }
    Ok(AwsStore {
        service,
        region,
        prefix,
        identity: auth.identity(around)?,
        retry: spec.retry_settings.as_ref().map(retry).transpose()?.unwrap_or_default(),
    })
}

/// ESO hands `maxRetries` to the SDK as the attempts in all. 0 is one attempt here; the SDK would try for ever.
fn retry(settings: &RetrySettings) -> Result<Retry, Invalid> {
    let attempts = settings.max_retries.map_or(Retry::default().attempts, |all| u32::try_from(all.max(1)).unwrap_or(1));
    let pause = settings.retry_interval.as_ref().filter(|text| !text.is_empty()).map(|text| duration::parse(text));
    let pause =
        pause.transpose().map_err(|error| Invalid::new("spec.retrySettings.retryInterval", error.to_string()))?;
    Ok(Retry { attempts, pause: pause.filter(|pause| !pause.is_zero()) })
}

fn validation_interval(spec: &SecretStoreSpec) -> Result<Duration, Invalid> {
    let invalid = |problem: String| Invalid::new("spec.refreshInterval", problem);
    let interval = match &spec.refresh_interval {
        None => Duration::ZERO,
        Some(IntOrString::Int(seconds)) => {
            Duration::from_secs(u64::try_from(*seconds).map_err(|_| invalid("is negative".to_owned()))?)
        }
        Some(IntOrString::String(text)) if text.is_empty() => Duration::ZERO,
        Some(IntOrString::String(text)) => duration::parse(text).map_err(|error| invalid(error.to_string()))?,
    };
    Ok(if interval.is_zero() { REVALIDATION } else { interval })
}

#[cfg(test)]
mod tests;
