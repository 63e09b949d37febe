//! The resources whose data restarts workloads.

use std::fmt;

/// A kind of resource whose data is followed. Everything that differs between the kinds hangs on this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A Secret.
    Secret,
}

impl ResourceKind {
    /// The annotation with the list of names that restart a workload whether it references them or not.
    #[must_use]
    pub fn named_annotation(self) -> &'static str {
        match self {
            Self::Secret => "secret.reloader.stakater.com/reload",
        }
    }

    /// The annotation that follows all referenced resources of this kind only.
    #[must_use]
    pub fn auto_annotation(self) -> &'static str {
        match self {
            Self::Secret => "secret.reloader.stakater.com/auto",
        }
    }

    /// The annotation with the list of names that never restart the workload. Its plural is Stakater's.
    #[must_use]
    pub fn exclude_annotation(self) -> &'static str {
        match self {
            Self::Secret => "secrets.exclude.reloader.stakater.com/reload",
        }
    }

    /// The kind as Stakater Reloader writes it into its markers.
    #[must_use]
    pub fn marker_type(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
        }
    }

    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
        }
    }

    /// The kind that Kubernetes spells like this.
    #[must_use]
    pub fn from_kind(text: &str) -> Option<Self> {
        (text == Self::Secret.as_str()).then_some(Self::Secret)
    }
}

/// Kind and name of a resource in the workload's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceName {
    /// The kind.
    pub kind: ResourceKind,
    /// The name, never empty.
    pub name: String,
}

impl ResourceName {
    /// A Secret's name.
    pub fn secret(name: impl Into<String>) -> Self {
        Self { kind: ResourceKind::Secret, name: name.into() }
    }

    /// Reads what `Display` writes; nothing for another kind or an empty name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let kind = ResourceKind::from_kind(kind)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for ResourceName {
    /// `Secret/name`, as in the state annotation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}
