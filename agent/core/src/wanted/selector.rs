//! What of a source is asked for.

use std::fmt;

use crate::identity::Service;

/// The label of the version that is in use.
pub const CURRENT: &str = "AWSCURRENT";

/// Which version of a source is asked for, or its tags instead of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// Secrets Manager: the version that carries this label.
    Stage(String),
    /// Secrets Manager: this version and no other.
    Version(String),
    /// Parameter Store: the newest version (`None`), or a version number or label.
    Parameter(Option<String>),
    /// The source's tags, which belong to no version.
    Tags,
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

    /// Is it one version for good? Then nothing but the end of the source changes what it yields.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Parameter(Some(_)) => !self.is_label(),
            Self::Stage(_) | Self::Parameter(None) | Self::Tags => false,
        }
    }

    /// Is it a label, which can be moved from one version to another that has been there for long?
    #[must_use]
    pub fn is_label(&self) -> bool {
        match self {
            Self::Stage(_) => true,
            Self::Parameter(Some(version)) => !version.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Version(_) | Self::Parameter(None) | Self::Tags => false,
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
            Self::Tags => f.write_str("tags"),
        }
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
}
