//! What a SecretStore or ClusterSecretStore means for one ExternalSecret that uses it: which service, where, as whom.
//!
//! Only decisions: credentials are fetched and clients are built in the agent's `provider/`.

use regex::Regex;

use crate::identity::{Region, Service};
use crate::object::ObjectKey;
use crate::resource::SecretStoreSpec;
use crate::resource::external_secret::{StoreKind, StoreRef};
use crate::resource::store::{AwsProvider, AwsService, SecretKeyRef};

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
}

impl AwsStore {
    /// Was it resolved for no namespace, with keys that are looked up in the namespace of whoever uses it?
    #[must_use]
    pub fn is_referent(&self) -> bool {
        self.identity.keys().any(|key| key.secret.namespace.is_empty())
    }
}

/// Who asks AWS. Reads are shared between objects only where this is equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// The agent itself: the SDK's default chain.
    Agent,
    /// Access keys that a Secret holds.
    AccessKeys(Box<AccessKeys>),
}

/// Where a store's access keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeys {
    /// The access key id.
    pub id: SecretKey,
    /// The secret access key.
    pub secret: SecretKey,
    /// The session token, if the keys are temporary.
    pub token: Option<SecretKey>,
}

impl Identity {
    /// The Secrets' keys that it is made of; none if it is the agent's own.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        match self {
            Self::Agent => [None, None, None],
            Self::AccessKeys(keys) => [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()],
        }
        .into_iter()
        .flatten()
    }
}

/// One key of one Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretKey {
    /// The Secret.
    pub secret: ObjectKey,
    /// The key in its data.
    pub key: String,
}

/// Why a store cannot be used. The texts end in a condition, so they name the field and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreProblem {
    /// Another controller's class: leave store and objects alone.
    #[error("{kind} {name:?} belongs to the controller class {class:?}")]
    ForeignClass {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
        /// The class it names.
        class: String,
    },
    /// Another provider: not ours either.
    #[error("{kind} {name:?} has no spec.provider.aws: Rekey serves AWS only")]
    ForeignProvider {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
    },
    /// It is not there.
    #[error("{kind} {name:?} does not exist; create it or correct spec.secretStoreRef")]
    Missing {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
    },
    /// An entry names none, and neither does the object.
    #[error("no store is named; set spec.secretStoreRef.name")]
    Unnamed,
    /// The ClusterSecretStore does not admit this namespace.
    #[error("using ClusterSecretStore {name:?} is denied by spec.condition for namespace {namespace:?}")]
    Denied {
        /// The store.
        name: String,
        /// The namespace that asked.
        namespace: String,
    },
    /// A field holds something unusable.
    #[error("{field} of {kind} {name:?} {problem}")]
    Invalid {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
        /// The field's path.
        field: &'static str,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

impl StoreProblem {
    /// Does this store belong to somebody else, so that its objects have to be left as they are?
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::ForeignClass { .. } | Self::ForeignProvider { .. })
    }
}

/// Resolves a store for an object in `namespace`, as ESO does: `conditions` are checked at each use, and a reference
/// without a namespace in a ClusterSecretStore means the object's own (referent authentication).
pub fn resolve(
    reference: &StoreRef,
    spec: Option<&SecretStoreSpec>,
    namespace: &str,
    class: &str,
) -> Result<AwsStore, StoreProblem> {
    if reference.name.is_empty() {
        return Err(StoreProblem::Unnamed);
    }
    let (kind, name) = (kind_name(reference.kind), reference.name.clone());
    let Some(spec) = spec else { return Err(StoreProblem::Missing { kind, name }) };
    if let Some(other) = spec.controller.as_deref().filter(|wanted| !wanted.is_empty() && *wanted != class) {
        return Err(StoreProblem::ForeignClass { kind, name, class: other.to_owned() });
    }
    let Some(aws) = &spec.provider.aws else { return Err(StoreProblem::ForeignProvider { kind, name }) };
    let invalid =
        |field, problem: &str| StoreProblem::Invalid { kind, name: name.clone(), field, problem: problem.to_owned() };
    if reference.kind == StoreKind::ClusterSecretStore && !admits(spec, namespace, &invalid)? {
        return Err(StoreProblem::Denied { name, namespace: namespace.to_owned() });
    }
    let service = match aws.service {
        AwsService::SecretsManager => Service::SecretsManager,
        AwsService::ParameterStore => Service::ParameterStore,
        AwsService::CertificateManager => {
            return Err(invalid(
                "spec.provider.aws.service",
                "is CertificateManager, which cannot be read; use SecretsManager or ParameterStore",
            ));
        }
    };
    let region = Region::parse(&aws.region).map_err(|error| invalid("spec.provider.aws.region", &error.to_string()))?;
    Ok(AwsStore {
        service,
        region,
        prefix: aws.prefix.clone().unwrap_or_default(),
        identity: identity(aws, reference.kind, namespace, &invalid)?,
    })
}

/// The kind as people write it.
#[must_use]
pub fn kind_name(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::SecretStore => "SecretStore",
        StoreKind::ClusterSecretStore => "ClusterSecretStore",
    }
}

type Invalid<'a> = dyn Fn(&'static str, &str) -> StoreProblem + 'a;

fn admits(spec: &SecretStoreSpec, namespace: &str, invalid: &Invalid<'_>) -> Result<bool, StoreProblem> {
    for condition in &spec.conditions {
        if condition.namespaces.iter().any(|name| name == namespace) {
            return Ok(true);
        }
        for pattern in &condition.namespace_regexes {
            let regex = Regex::new(pattern).map_err(|_| {
                invalid("spec.conditions[].namespaceRegexes", &format!("has the bad pattern {pattern:?}"))
            })?;
            if regex.is_match(namespace) {
                return Ok(true);
            }
        }
        if condition.namespace_selector.is_some() {
            return Err(invalid(
                "spec.conditions[].namespaceSelector",
                "is not supported yet; use namespaces or namespaceRegexes",
            ));
        }
    }
    Ok(spec.conditions.is_empty())
}

fn identity(
    aws: &AwsProvider,
    kind: StoreKind,
    namespace: &str,
    invalid: &Invalid<'_>,
) -> Result<Identity, StoreProblem> {
    for (field, is_set) in [
        ("spec.provider.aws.auth.jwt", aws.auth.jwt.is_some()),
        ("spec.provider.aws.role", aws.role.is_some()),
        ("spec.provider.aws.additionalRoles", !aws.additional_roles.is_empty()),
    ] {
        if is_set {
            return Err(invalid(field, "is not supported yet; use auth.secretRef or the agent's own identity"));
        }
    }
    let Some(reference) = &aws.auth.secret_ref else { return Ok(Identity::Agent) };
    let locate = |field, key: &SecretKeyRef| {
        if key.name.is_empty() || key.key.is_empty() {
            return Err(invalid(field, "has to name a Secret and a key in it"));
        }
        let namespace = match (kind, &key.namespace) {
            (StoreKind::ClusterSecretStore, Some(named)) if !named.is_empty() => named.as_str(),
            _ => namespace,
        };
        Ok(SecretKey { secret: ObjectKey::new(namespace, &key.name), key: key.key.clone() })
    };
    Ok(Identity::AccessKeys(Box::new(AccessKeys {
        id: locate("spec.provider.aws.auth.secretRef.accessKeyIDSecretRef", &reference.access_key_id)?,
        secret: locate("spec.provider.aws.auth.secretRef.secretAccessKeySecretRef", &reference.secret_access_key)?,
        token: reference
            .session_token
            .as_ref()
            .map(|token| locate("spec.provider.aws.auth.secretRef.sessionTokenSecretRef", token))
            .transpose()?,
    })))
}

#[cfg(test)]
mod tests;
