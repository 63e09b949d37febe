//! A source as an object asks for it.

use std::borrow::Cow;
use std::fmt;

use super::arn::{Arn, parameter_name, without_suffix};
use super::{Account, LookupKey, Region, Service};

/// A source as an ExternalSecret and its store name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceRef {
    /// The store's service.
    pub service: Service,
    /// The store's region. [`SourceRef::effective_region`] is where the source is.
    pub region: Region,
    /// `remoteRef.key` with the store's prefix before it: a name, an ARN or a partial ARN.
    pub key: String,
}

impl fmt::Display for SourceRef {
    /// `SecretsManager/us-east-1/prod/db`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.service, self.region, self.key)
    }
}

/// What a key turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceName<'a> {
    /// A secret's friendly name, or a parameter's name without its first slash and its version.
    Name(&'a str),
    /// The last part of a secret's ARN: a name, or a name and its six-character suffix.
    SecretArn(&'a str),
}

impl SourceRef {
    /// What the key is. Text that only resembles an ARN of the store's service is a name.
    #[must_use]
    pub fn name(&self) -> SourceName<'_> {
        let arn = self.arn();
        match (self.service, arn) {
            (Service::SecretsManager, Some(arn)) => SourceName::SecretArn(arn.resource),
            (Service::SecretsManager, None) => SourceName::Name(&self.key),
            (Service::ParameterStore, Some(arn)) => SourceName::Name(arn.resource),
            (Service::ParameterStore, None) => SourceName::Name(parameter_name(&self.key)),
        }
    }

    /// The region in the key where that is an ARN, else the store's.
    #[must_use]
    pub fn effective_region(&self) -> Cow<'_, Region> {
        self.arn().map_or(Cow::Borrowed(&self.region), |arn| Cow::Owned(arn.region))
    }

    /// The account in the key where that is an ARN; a name does not tell.
    #[must_use]
    pub fn account(&self) -> Option<Account> {
        self.arn().map(|arn| arn.account)
    }

    /// The words under which an index files this source.
    #[must_use]
    pub fn lookup_keys(&self) -> Vec<LookupKey> {
        let key = |name| LookupKey::new(self.service, name);
        match self.name() {
            SourceName::Name(name) => vec![key(name)],
            SourceName::SecretArn(resource) => {
                [Some(resource), without_suffix(resource)].into_iter().flatten().map(key).collect()
            }
        }
    }

    fn arn(&self) -> Option<Arn<'_>> {
        Arn::parse(self.service, &self.key)
    }
}
