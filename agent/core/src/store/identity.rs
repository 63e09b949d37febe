//! Who asks AWS: the agent, access keys, a ServiceAccount's role, or a role that one of them assumes.
//!
//! An identity is a key: reads are shared between objects only where it is equal, and credentials are cached under it.
//! It says where credentials come from and never holds any. Clones share what it is made of: every entry of an object has one.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::object::ObjectKey;
use crate::resource::store::SessionTag;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// The agent itself: the SDK's default chain.
    Agent,
    /// Access keys that a Secret holds.
    AccessKeys(Arc<AccessKeys>),
    /// The role of a ServiceAccount, for a token of that account.
    ServiceAccount(Arc<ServiceAccountRole>),
    /// A role that another identity assumes.
    Role(Arc<AssumedRole>),
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

/// One key of one Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretKey {
    /// The Secret.
    pub secret: ObjectKey,
    /// The key in its data.
    pub key: String,
}

/// What AssumeRoleWithWebIdentity is called with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAccountRole {
    /// The ServiceAccount, whose token is presented.
    pub account: ObjectKey,
    /// The role that its annotation names.
    pub role: RoleArn,
    /// Whom the token is for; never the API server, and never empty, which would mean the API server.
    pub audiences: Vec<String>,
}

/// What AssumeRole is called with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssumedRole {
    /// Who assumes it.
    pub by: Identity,
    /// The role.
    pub role: RoleArn,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
    /// Tags of the session.
    pub tags: Vec<SessionTag>,
    /// Those of them that later roles inherit.
    pub transitive_tag_keys: Vec<String>,
}

impl Identity {
    /// The Secrets' keys that it is made of, if it begins with access keys.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        match self.origin() {
            Self::AccessKeys(keys) => [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()],
            _ => [None, None, None],
        }
        .into_iter()
        .flatten()
    }

    /// Who assumes the first role.
    #[must_use]
    pub fn origin(&self) -> &Self {
        match self {
            Self::Role(assumed) => assumed.by.origin(),
            own => own,
        }
    }

    /// The name of the session in which a role is held. It ends in CloudTrail, so it says where the credentials came
    /// from; that of a ServiceAccount is ESO's, for trust policies may ask for it. STS takes 2 to 64 of
    /// `[A-Za-z0-9_+=,.@-]` (STS API Reference, AssumeRole, RoleSessionName), as Kubernetes' names are.
    #[must_use]
    pub fn session_name(&self) -> String {
        let origin = match (self, self.origin()) {
            (Self::ServiceAccount(_), _) => return "external-secrets-provider-aws".to_owned(),
            (_, Self::AccessKeys(keys)) => &keys.id.secret,
            (_, Self::ServiceAccount(own)) => &own.account,
            (_, Self::Agent | Self::Role(_)) => return "rekey".to_owned(),
        };
        let name = format!("rekey-{}-{}", origin.namespace, origin.name);
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c)).take(64).collect()
    }
}

impl fmt::Display for Identity {
    /// For status keys and logs, so that equal texts mean equal identities: `agent`, `shop/keys`,
    /// `shop/reader>arn:aws:iam::123456789012:role/reader`. What is too long or nobody's business is a digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("agent"),
            Self::AccessKeys(keys) => {
                write!(f, "{}", keys.id.secret)?;
                let SecretKey { secret, key } = &keys.secret;
                let mut parts = vec![&keys.id.key, &secret.namespace, &secret.name, key];
                parts.extend(keys.token.iter().flat_map(|token| {
                    let SecretKey { secret, key } = token;
                    [&secret.namespace, &secret.name, key]
                }));
                write!(f, "~{}", digest(parts.into_iter()))
            }
            Self::ServiceAccount(own) => {
                write!(f, "{}>{}", own.account, own.role)?;
                write!(f, "~{}", digest(own.audiences.iter()))
            }
            Self::Role(assumed) => {
                write!(f, "{}>{}", assumed.by, assumed.role)?;
                let AssumedRole { external_id, tags, transitive_tag_keys, .. } = assumed.as_ref();
                if external_id.is_none() && tags.is_empty() && transitive_tag_keys.is_empty() {
                    return Ok(());
                }
                let none = String::new();
                let tags = tags.iter().flat_map(|tag| [&tag.key, &tag.value]);
                let parts = std::iter::once(external_id.as_ref().unwrap_or(&none)).chain(tags).chain([&none]);
                write!(f, "~{}", digest(parts.chain(transitive_tag_keys)))
            }
        }
    }
}

/// Tells lists of texts apart: eight hexadecimal digits.
fn digest<'a>(parts: impl Iterator<Item = &'a String>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let first = hash.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    format!("{first:08x}")
}

/// The ARN of an IAM role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleArn(String);

/// Characters of the longest ARN of a role (STS API Reference, AssumeRole, RoleArn).
const LONGEST_ROLE: usize = 2048;

/// A text that is no ARN of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no ARN of a role; write arn:aws:iam::ACCOUNT:role/NAME")]
pub struct NoRole;

impl RoleArn {
    /// Reads `arn:<partition>:iam::<account>:role/<path and name>`.
    pub fn parse(text: &str) -> Result<Self, NoRole> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return Err(NoRole) };
        let account_is_plain = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let name = resource.strip_prefix("role/").unwrap_or_default();
        // IAM User Guide, "IAM and AWS STS quotas": names and paths.
        let name_is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') && !name.ends_with('/');
        let name_is_plain = name_is_plain && !name.is_empty() && text.len() <= LONGEST_ROLE;
        if partition.starts_with("aws") && account_is_plain && name_is_plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoRole)
        }
    }

    /// The ARN as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

    fn arn() -> RoleArn {
        RoleArn::parse(ROLE).expect("a role")
    }

    fn keys(key: &str) -> Identity {
        let key = |name: &str| SecretKey { secret: ObjectKey::new("shop", "keys"), key: name.to_owned() + key };
        Identity::AccessKeys(Arc::new(AccessKeys { id: key("id"), secret: key("secret"), token: None }))
    }

    fn account(audience: &str) -> Identity {
        let account = ObjectKey::new("shop", "reader");
        Identity::ServiceAccount(Arc::new(ServiceAccountRole {
            account,
            role: arn(),
            audiences: vec![audience.to_owned()],
        }))
    }

    fn assumed(by: Identity, external_id: Option<&str>, tags: &[(&str, &str)], transitive: &[&str]) -> Identity {
        let tag = |(key, value): &(&str, &str)| SessionTag { key: (*key).to_owned(), value: (*value).to_owned() };
        Identity::Role(Arc::new(AssumedRole {
            by,
            role: arn(),
            external_id: external_id.map(str::to_owned),
            tags: tags.iter().map(tag).collect(),
            transitive_tag_keys: transitive.iter().map(|key| (*key).to_owned()).collect(),
        }))
    }

    #[test]
    fn different_identities_have_different_texts_and_none_tells_an_external_id() {
        let all = [
            Identity::Agent,
            keys(""),
            keys("2"),
            account("sts.amazonaws.com"),
            account("other"),
            assumed(Identity::Agent, None, &[], &[]),
            assumed(Identity::Agent, Some("hunter2"), &[], &[]),
            assumed(Identity::Agent, None, &[("hunter2", "")], &[]),
            assumed(Identity::Agent, None, &[("a", "b")], &[]),
            assumed(Identity::Agent, None, &[("a", "b")], &["a"]),
            assumed(keys(""), None, &[], &[]),
            assumed(assumed(keys(""), None, &[], &[]), None, &[], &[]),
        ];
        let texts: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), all.len(), "{texts:?}");
        assert!(texts.iter().all(|text| !text.contains("hunter2")), "{texts:?}");
        assert_eq!(assumed(Identity::Agent, None, &[], &[]).to_string(), format!("agent>{ROLE}"));
    }

    #[test]
    fn sessions_are_named_after_where_they_began() {
        for (identity, name) in [
            (assumed(Identity::Agent, None, &[], &[]), "rekey"),
            (assumed(assumed(keys(""), None, &[], &[]), None, &[], &[]), "rekey-shop-keys"),
            (account("sts.amazonaws.com"), "external-secrets-provider-aws"),
            (assumed(account("sts.amazonaws.com"), None, &[], &[]), "rekey-shop-reader"),
        ] {
            assert_eq!(identity.session_name(), name);
        }
        let long = SecretKey { secret: ObjectKey::new("n".repeat(63), "ß€ ".repeat(253)), key: String::new() };
        let keys = AccessKeys { id: long, ..AccessKeys::default() };
        let identity = assumed(Identity::AccessKeys(Arc::new(keys)), None, &[], &[]);
        assert_eq!(identity.session_name(), format!("rekey-{}", "n".repeat(58)));
    }

    #[test]
    fn a_role_is_named_by_its_arn() {
        for text in
            [ROLE, "arn:aws-cn:iam::123456789012:role/team/path/reader", "arn:aws-us-gov:iam::123456789012:role/x"]
        {
            assert!(RoleArn::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "reader",
            "arn:aws:iam::123456789012:user/reader",
            "arn:aws:iam::12345:role/reader",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:sts::123456789012:assumed-role/reader/x",
            "https://evil.example/role/x",
        ] {
            assert_eq!(RoleArn::parse(text), Err(NoRole), "{text}");
        }
    }
}
