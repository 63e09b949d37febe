//! As whom a store asks AWS: ESO's order of `auth.jwt`, `auth.secretRef` and the agent's own identity, and the roles
//! that are assumed from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Invalid;
use super::{AccessKeys, AssumedRole, DefaultIdentity, Identity, RoleArn, SecretKey, ServiceAccountRole, Surroundings};
use crate::object::ObjectKey;
use crate::resource::external_secret::StoreKind;
use crate::resource::store::{
    AwsProvider, AwsSecretRef, SecretKeyRef, ServiceAccountRef, SessionTag, SessionTagsPolicy,
};

const JWT: &str = "spec.provider.aws.auth.jwt.serviceAccountRef";
const SECRET_REF: &str = "spec.provider.aws.auth.secretRef";
const ID: &str = "spec.provider.aws.auth.secretRef.accessKeyIDSecretRef";
const SECRET: &str = "spec.provider.aws.auth.secretRef.secretAccessKeySecretRef";
const TOKEN: &str = "spec.provider.aws.auth.secretRef.sessionTokenSecretRef";
const ROLE: &str = "spec.provider.aws.role";
const ADDITIONAL_ROLES: &str = "spec.provider.aws.additionalRoles";
const EXTERNAL_ID: &str = "spec.provider.aws.externalID";
const TAGS: &str = "spec.provider.aws.sessionTags";
const CUSTOM_TAGS: &str = "spec.provider.aws.customSessionTags";
const TRANSITIVE: &str = "spec.provider.aws.transitiveTagKeys";

/// Roles that are assumed one after the other: each is a call to STS, and people need two or three.
const CHAIN: usize = 16;
/// Audiences of a token.
const AUDIENCES: usize = 16;
/// Bytes of one.
const LONGEST_AUDIENCE: usize = 1024;
/// What STS takes (API Reference, AssumeRole): tags of a session, the characters of their keys and values, and those of an
/// external id. More is refused here, where the field can be named; what is kept of a store is small thereby.
const MOST_TAGS: usize = 50;
const LONGEST_TAG_KEY: usize = 128;
const LONGEST_TAG_VALUE: usize = 256;
const LONGEST_EXTERNAL_ID: usize = 1224;

/// What a ServiceAccount's annotations say about its role: those of EKS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRole {
    /// `eks.amazonaws.com/role-arn`.
    pub role: String,
    /// `eks.amazonaws.com/audience`, or that of STS.
    pub audience: String,
}

impl AccountRole {
    /// Reads the annotations; `None` without a role.
    #[must_use]
    pub fn of(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        let annotation = |name: &str| annotations?.get(name).filter(|value| !value.is_empty()).cloned();
        Some(Self {
            role: annotation("eks.amazonaws.com/role-arn")?,
            audience: annotation("eks.amazonaws.com/audience").unwrap_or_else(|| "sts.amazonaws.com".to_owned()),
        })
    }
}

/// Something in Kubernetes that credentials are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dependency {
    /// A Secret with access keys.
    Secret(ObjectKey),
    /// A ServiceAccount.
    ServiceAccount(ObjectKey),
}

/// Where a store of this kind begins, used from this namespace.
pub(super) struct Auth<'a> {
    pub aws: &'a AwsProvider,
    pub kind: StoreKind,
    pub store: &'a str,
    pub namespace: &'a str,
}

impl Auth<'_> {
    /// Who asks.
    pub fn identity(&self, around: &Surroundings<'_>) -> Result<Identity, Invalid> {
        self.is_seen(around)?;
        let mut identity = self.origin(around)?;
        let before = &self.aws.additional_roles;
        if before.len() >= CHAIN {
            let problem = format!("has {} roles; no chain is longer than {CHAIN}", before.len());
            return Err(Invalid::new(ADDITIONAL_ROLES, problem));
        }
        for role in before {
            let role = arn(ADDITIONAL_ROLES, role)?;
            let (external_id, tags, transitive_tag_keys) = (None, Vec::new(), Vec::new());
            identity = assumed(AssumedRole { by: identity, role, external_id, tags, transitive_tag_keys });
        }
        let Some(role) = self.aws.role.as_ref().filter(|role| !role.is_empty()) else { return Ok(identity) };
        Ok(assumed(AssumedRole {
            by: identity,
            role: arn(ROLE, role)?,
            external_id: self.external_id()?,
            tags: self.tags()?,
            transitive_tag_keys: self.transitive_tag_keys()?,
        }))
    }

    /// What the credentials are made of, whether or not it is there. Names that follow the user are left out where no
    /// user is known.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let auth = &self.aws.auth;
        let (account, keys) = match (&auth.jwt, &auth.secret_ref) {
            (Some(jwt), _) => (jwt.service_account_ref.as_ref(), None),
            (None, keys) => (None, keys.as_ref()),
        };
        let account =
            account.map(|account| Dependency::ServiceAccount(self.object(account.namespace.as_deref(), &account.name)));
        let secrets = keys.into_iter().flat_map(references);
        let secrets = secrets.map(|key| Dependency::Secret(self.object(key.namespace.as_deref(), &key.name)));
        let is_known = |dependency: &Dependency| {
            let (Dependency::Secret(key) | Dependency::ServiceAccount(key)) = dependency;
            !key.namespace.is_empty()
        };
        account.into_iter().chain(secrets).filter(is_known).collect()
    }

    /// Is it another identity for each namespace that uses it? Then none can be told without a user.
    pub fn is_referent(&self) -> bool {
        let auth = &self.aws.auth;
        let follows = |named: &Option<String>| named.as_ref().is_none_or(String::is_empty);
        let begins = match (&auth.jwt, &auth.secret_ref) {
            (Some(jwt), _) => jwt.service_account_ref.as_ref().is_some_and(|account| follows(&account.namespace)),
            (None, Some(keys)) => references(keys).any(|key| follows(&key.namespace)),
            (None, None) => false,
        };
        let tagged = self.aws.role.is_some() && self.aws.session_tags_policy != SessionTagsPolicy::None;
        self.kind == StoreKind::ClusterSecretStore && (begins || tagged)
    }

    /// What a ClusterSecretStore names may be where the agent does not look.
    fn is_seen(&self, around: &Surroundings<'_>) -> Result<(), Invalid> {
        let field = if self.aws.auth.jwt.is_some() { JWT } else { SECRET_REF };
        for Dependency::Secret(object) | Dependency::ServiceAccount(object) in self.dependencies() {
            if !around.rules.extent.has(&object.namespace) {
                let problem =
                    format!("names {object}, where the agent does not look: --watch-namespaces leaves it out");
                return Err(Invalid::new(field, problem));
            }
        }
        Ok(())
    }

    fn origin(&self, around: &Surroundings<'_>) -> Result<Identity, Invalid> {
        let auth = &self.aws.auth;
        if let Some(jwt) = &auth.jwt {
            let missing = || Invalid::new(JWT, "is missing; name the ServiceAccount whose role is to be used");
            return self.service_account(jwt.service_account_ref.as_ref().ok_or_else(missing)?, around);
        }
        if let Some(keys) = &auth.secret_ref {
            return self.access_keys(keys);
        }
        let lent = match around.rules.default_identity {
            DefaultIdentity::All => true,
            DefaultIdentity::ClusterStores => self.kind == StoreKind::ClusterSecretStore,
            DefaultIdentity::None => false,
        };
        if lent {
            return Ok(Identity::Agent);
        }
        Err(Invalid::new(
            "spec.provider.aws.auth",
            "is missing, and --default-identity does not lend the agent's own identity to this store; \
             set auth.jwt or auth.secretRef",
        ))
    }

    fn service_account(&self, reference: &ServiceAccountRef, around: &Surroundings<'_>) -> Result<Identity, Invalid> {
        if reference.name.is_empty() {
            return Err(Invalid::new(JWT, "has no name; name the ServiceAccount whose role is to be used"));
        }
        self.stays(JWT, reference.namespace.as_deref())?;
        let account = self.object(reference.namespace.as_deref(), &reference.name);
        let Some(AccountRole { role, audience }) = around.accounts.get(&account) else {
            let problem = format!(
                "names ServiceAccount {account}, with which an IAM role must be associated: it does not exist, or has no \
                 annotation eks.amazonaws.com/role-arn"
            );
            return Err(Invalid::new(JWT, problem));
        };
        let role = RoleArn::parse(role).map_err(|error| {
            Invalid::new(
                JWT,
                format!("names ServiceAccount {account}, whose annotation eks.amazonaws.com/role-arn {error}"),
            )
        })?;
        let mut audiences = vec![audience.clone()];
        for more in &reference.audiences {
            if !audiences.contains(more) {
                audiences.push(more.clone());
            }
        }
        if audiences.len() > AUDIENCES || audiences.iter().any(|audience| audience.len() > LONGEST_AUDIENCE) {
            let problem =
                format!("asks for more than {AUDIENCES} audiences, or for one longer than {LONGEST_AUDIENCE}");
            return Err(Invalid::new(JWT, problem));
        }
        if let Some(bad) = audiences.iter().find(|audience| around.rules.is_api_server(audience)) {
            let problem = format!(
                "asks for a token for {bad:?}, which the API server itself would accept; name another audience"
            );
            return Err(Invalid::new(JWT, problem));
        }
        Ok(Identity::ServiceAccount(Arc::new(ServiceAccountRole { account, role, audiences })))
    }

    fn access_keys(&self, keys: &AwsSecretRef) -> Result<Identity, Invalid> {
        Ok(Identity::AccessKeys(Arc::new(AccessKeys {
            id: self.key(ID, &keys.access_key_id)?,
            secret: self.key(SECRET, &keys.secret_access_key)?,
            token: keys.session_token.as_ref().map(|token| self.key(TOKEN, token)).transpose()?,
        })))
    }

    fn key(&self, field: &'static str, key: &SecretKeyRef) -> Result<SecretKey, Invalid> {
        if key.name.is_empty() || key.key.is_empty() {
            return Err(Invalid::new(field, "has to name a Secret and a key in it"));
        }
        self.stays(field, key.namespace.as_deref())?;
        Ok(SecretKey { secret: self.object(key.namespace.as_deref(), &key.name), key: key.key.clone() })
    }

    /// A SecretStore does not reach into other namespaces (ESO's webhook says the same).
    fn stays(&self, field: &'static str, named: Option<&str>) -> Result<(), Invalid> {
        match named {
            Some(named) if self.kind == StoreKind::SecretStore && !named.is_empty() && named != self.namespace => {
                let problem =
                    format!("names the namespace {named:?}: it must be empty or match that of the SecretStore");
                Err(Invalid::new(field, problem))
            }
            _ => Ok(()),
        }
    }

    /// In a ClusterSecretStore, no namespace means that of the user (referent authentication).
    fn object(&self, named: Option<&str>, name: &str) -> ObjectKey {
        let named = named.filter(|named| self.kind == StoreKind::ClusterSecretStore && !named.is_empty());
        ObjectKey::new(named.unwrap_or(self.namespace), name)
    }

    fn external_id(&self) -> Result<Option<String>, Invalid> {
        let id = self.aws.external_id.as_ref().filter(|id| !id.is_empty());
        match id {
            Some(id) if id.chars().count() > LONGEST_EXTERNAL_ID => {
                Err(Invalid::new(EXTERNAL_ID, format!("is longer than {LONGEST_EXTERNAL_ID} characters")))
            }
            id => Ok(id.cloned()),
        }
    }

    /// Simple and Custom replace the tags that are written out, as in ESO.
    fn tags(&self) -> Result<Vec<SessionTag>, Invalid> {
        let field = if self.aws.session_tags_policy == SessionTagsPolicy::None { TAGS } else { CUSTOM_TAGS };
        let given = match self.aws.session_tags_policy {
            SessionTagsPolicy::None => self.aws.session_tags.len(),
            SessionTagsPolicy::Simple => 0,
            SessionTagsPolicy::Custom => self.aws.custom_session_tags.len(),
        };
        if given > MOST_TAGS {
            return Err(Invalid::new(field, format!("has {given} tags; STS takes {MOST_TAGS}")));
        }
        let tags = self.chosen_tags();
        let is_long = |tag: &SessionTag| {
            tag.key.chars().count() > LONGEST_TAG_KEY || tag.value.chars().count() > LONGEST_TAG_VALUE
        };
        if tags.iter().any(is_long) {
            let problem = format!(
                "has a key longer than {LONGEST_TAG_KEY} characters, or a value longer than {LONGEST_TAG_VALUE}"
            );
            return Err(Invalid::new(field, problem));
        }
        Ok(tags)
    }

    fn transitive_tag_keys(&self) -> Result<Vec<String>, Invalid> {
        let keys = &self.aws.transitive_tag_keys;
        if keys.len() > MOST_TAGS || keys.iter().any(|key| key.chars().count() > LONGEST_TAG_KEY) {
            let problem = format!("has more than {MOST_TAGS} keys, or one longer than {LONGEST_TAG_KEY} characters");
            return Err(Invalid::new(TRANSITIVE, problem));
        }
        Ok(keys.clone())
    }

    fn chosen_tags(&self) -> Vec<SessionTag> {
        if self.aws.session_tags_policy == SessionTagsPolicy::None {
            return self.aws.session_tags.clone();
        }
        let tag = |key: &str, value: &str| SessionTag { key: key.to_owned(), value: value.to_owned() };
        let mut tags = vec![
            tag("esoNamespace", self.namespace),
            tag("esoStoreName", self.store),
            tag("esoStoreKind", super::kind_name(self.kind)),
        ];
        if self.aws.session_tags_policy == SessionTagsPolicy::Custom {
            let custom = self.aws.custom_session_tags.iter().filter(|(_, value)| !value.is_empty());
            tags.extend(custom.map(|(key, value)| tag(key, value)));
        }
        tags
    }
}

fn arn(field: &'static str, role: &str) -> Result<RoleArn, Invalid> {
    RoleArn::parse(role).map_err(|error| {
        // As much of it as tells people which one it is.
        let role: String = role.chars().take(100).collect();
        Invalid::new(field, format!("has {role:?}, which {error}"))
    })
}

fn assumed(role: AssumedRole) -> Identity {
    Identity::Role(Arc::new(role))
}

fn references(keys: &AwsSecretRef) -> impl Iterator<Item = &SecretKeyRef> {
    [Some(&keys.access_key_id), Some(&keys.secret_access_key), keys.session_token.as_ref()].into_iter().flatten()
}
