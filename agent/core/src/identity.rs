//! What a source is called, and when two ways of calling it mean the same one.
//!
//! An ExternalSecret writes a name, a full ARN or an ARN without its random suffix; an event says an ARN, a name or
//! both. [`Announced::concerns`] compares them; [`SourceRef::lookup_keys`] and [`Announced::lookup_keys`] let an index
//! find the candidates by hash. Nothing here asks AWS, and nothing here is trusted for more than a hint: a match makes
//! the agent look, never believe.

mod announced;
mod arn;
mod source;

use std::fmt;

pub use announced::Announced;
pub use source::{SourceName, SourceRef};

pub(crate) use arn::Arn;

/// The AWS service that keeps a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// AWS Secrets Manager.
    SecretsManager,
    /// AWS Systems Manager Parameter Store.
    ParameterStore,
}

impl Service {
    /// The service's name in ARNs.
    pub(crate) const fn arn_name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }
}

impl fmt::Display for Service {
    /// As a store's `spec.provider.aws.service` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretsManager => "SecretsManager",
            Self::ParameterStore => "ParameterStore",
        })
    }
}

/// Text that cannot be a region or an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A region becomes part of a host name, so it has to be a plain label.
    #[error("is no region; use lower-case letters, digits and hyphens, such as eu-west-1")]
    Region,
    /// An account id has twelve digits.
    #[error("is no account id; use its twelve digits")]
    Account,
}

/// An AWS region. Always a plain host label, so that it can never redirect a request to another host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Accepts any lower-case host label of at most 63 characters; unknown regions pass, AWS adds new ones.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid =
            (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-');
        if valid { Ok(Self(text.to_owned())) } else { Err(IdentityError::Region) }
    }

    /// The region as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS account id: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(String);

impl Account {
    /// Accepts twelve ASCII digits.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if valid { Ok(Self(text.to_owned())) } else { Err(IdentityError::Account) }
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account in an ARN of either service, for what a read returned.
    #[must_use]
    pub fn of_arn(arn: &str) -> Option<Self> {
        [Service::SecretsManager, Service::ParameterStore]
            .into_iter()
            .find_map(|service| Arn::parse(service, arn))
            .map(|arn| arn.account)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word under which sources are filed. Two descriptions of one source always share at least one; sharing one does
/// not make two descriptions equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupKey(Service, String);

impl LookupKey {
    fn new(service: Service, name: &str) -> Self {
        Self(service, name.to_owned())
    }
}

#[cfg(test)]
mod tests;
