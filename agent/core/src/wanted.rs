//! What an ExternalSecret asks AWS for, and the token that says which version it got.

use std::fmt;

use crate::identity::{Service, SourceRef};
use crate::store::Identity;

/// The label of the version that is in use.
pub const CURRENT: &str = "AWSCURRENT";

/// Which version of a source is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// Secrets Manager: the version that carries this label.
    Stage(String),
    /// Secrets Manager: this version and no other.
    Version(String),
    /// Parameter Store: the newest version (`None`), or a version number or label.
    Parameter(Option<String>),
}

impl Selector {
    /// Reads `remoteRef.version` as ESO does: nothing means AWSCURRENT or the newest version, `uuid/…` one version,
    /// anything else a label (Secrets Manager) or a version number or label (Parameter Store).
    #[must_use]
    pub fn from_version(service: Service, version: Option<&str>) -> Self {
        let version = version.filter(|text| !text.is_empty());
        match (service, version) {
            (Service::ParameterStore, version) => Self::Parameter(version.map(ToOwned::to_owned)),
            (Service::SecretsManager, None) => Self::Stage(CURRENT.to_owned()),
            (Service::SecretsManager, Some(text)) => match text.strip_prefix("uuid/") {
                Some(id) => Self::Version(id.to_owned()),
                None => Self::Stage(text.to_owned()),
            },
        }
    }

    /// Can what this selector yields change at all?
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Parameter(Some(version)) => version.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Stage(_) | Self::Parameter(None) => false,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage) => f.write_str(stage),
            Self::Version(id) => write!(f, "uuid/{id}"),
            Self::Parameter(None) => f.write_str("latest"),
            Self::Parameter(Some(version)) => f.write_str(version),
        }
    }
}

/// One source under one selector, asked for by one identity: what a single read answers, and what the ledger keeps its
/// books on. The identity counts because two accounts can have secrets of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wanted {
    /// Who asks.
    pub identity: Identity,
    /// The secret or parameter, as the object writes it.
    pub source: SourceRef,
    /// Which version of it.
    pub selector: Selector,
}

impl fmt::Display for Wanted {
    /// The key under `status.sourceVersions.tokens`, and the `source` field of the log:
    /// `SecretsManager/us-east-1/prod/db#AWSCURRENT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}#{}", self.source.service, self.source.region, self.source.key, self.selector)?;
        match &self.identity {
            Identity::Agent => Ok(()),
            other => write!(f, "@{other}"),
        }
    }
}

/// Opaque identity of what a selector yields. Equal tokens mean equal bytes; a token never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// A version of a secret: its full ARN and the VersionId.
    #[must_use]
    pub fn of_secret(arn: &str, version_id: &str) -> Self {
        Self(format!("{arn}#{version_id}"))
    }

    /// A version of a parameter. The modification time is part of it because a parameter that was deleted and made
    /// again starts at version 1 with another value.
    #[must_use]
    pub fn of_parameter(version: i64, last_modified: jiff::Timestamp) -> Self {
        Self(format!("{version}@{last_modified}"))
    }

    /// Nothing is there, and a deletion policy has made its use of that.
    #[must_use]
    pub fn absent() -> Self {
        Self("absent".to_owned())
    }

    /// Does it say that nothing is there?
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.0 == "absent"
    }

    /// A token as it was stored in a status.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id of the secret version; `None` of anything but a secret.
    #[must_use]
    pub fn version_id(&self) -> Option<&str> {
        self.0.rsplit_once('#').map(|(_, id)| id)
    }

    /// Is this the secret version with that id?
    #[must_use]
    pub fn names_version(&self, version_id: &str) -> bool {
        self.version_id() == Some(version_id)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_eso_reads_them() {
        let stage = |text: &str| Selector::Stage(text.to_owned());
        for (service, version, selector) in [
            (Service::SecretsManager, None, stage("AWSCURRENT")),
            (Service::SecretsManager, Some(""), stage("AWSCURRENT")),
            (Service::SecretsManager, Some("AWSPREVIOUS"), stage("AWSPREVIOUS")),
            (Service::SecretsManager, Some("uuid/1-2"), Selector::Version("1-2".to_owned())),
            (Service::ParameterStore, None, Selector::Parameter(None)),
            (Service::ParameterStore, Some("7"), Selector::Parameter(Some("7".to_owned()))),
        ] {
            assert_eq!(Selector::from_version(service, version), selector);
        }
    }

    #[test]
    fn a_token_knows_its_version_by_the_whole_id() {
        let token = Token::of_secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "v-12");
        assert!(token.names_version("v-12"));
        assert!(!token.names_version("2"));
        assert!(!token.names_version(""));
    }
}
