//! The versions of the group `external-secrets.io`, of which a cluster serves one or both.

use std::fmt;

/// A version of the group. Objects of the one are objects of the other with another name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What Rekey's CRDs, and those of External Secrets Operator since 0.16, store.
    #[default]
    V1,
    /// What earlier operators serve, and they alone.
    V1beta1,
}

impl Version {
    /// The group.
    pub const GROUP: &'static str = "external-secrets.io";

    /// The version alone, as it stands in a path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1beta1 => "v1beta1",
        }
    }

    /// Group and version, as it stands in objects and in references to them.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "external-secrets.io/v1",
            Self::V1beta1 => "external-secrets.io/v1beta1",
        }
    }

    /// Which of the versions that a cluster serves is used: v1 where it can be.
    #[must_use]
    pub fn of_served<'a>(served: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        served.into_iter().fold(None, |best, version| match (best, version) {
            (_, "v1") => Some(Self::V1),
            (None, "v1beta1") => Some(Self::V1beta1),
            (best, _) => best,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_is_used_where_it_is_served() {
        for (served, used) in [
            (["v1alpha1", "v1beta1"].as_slice(), Some(Version::V1beta1)),
            (&["v1beta1", "v1"], Some(Version::V1)),
            (&["v1", "v1beta1"], Some(Version::V1)),
            (&["v2"], None),
            (&[], None),
        ] {
            assert_eq!(Version::of_served(served.iter().copied()), used, "{served:?}");
        }
    }
}
