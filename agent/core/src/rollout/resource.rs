//! The resources whose data restarts workloads.

use std::fmt;

use crate::object::ObjectKey;

/// A kind of resource whose data is followed. Everything that differs between the kinds hangs on this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::ConfigMap, Self::Secret];

    /// The annotation with the list of names that never restart the workload. Its plural is Stakater's, which cannot
    /// rename it.
    #[must_use]
    pub fn exclude_annotation(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps.exclude.reloader.stakater.com/reload",
            Self::Secret => "secrets.exclude.reloader.stakater.com/reload",
        }
    }

    /// The kind as Stakater Reloader writes it into its markers.
    #[must_use]
    pub fn marker_type(self) -> &'static str {
        match self {
            Self::ConfigMap => "CONFIGMAP",
            Self::Secret => "SECRET",
        }
    }

    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    /// The kind that Kubernetes spells like this.
    #[must_use]
    pub fn from_kind(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
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
    /// A ConfigMap's name.
    pub fn config_map(name: impl Into<String>) -> Self {
        Self { kind: ResourceKind::ConfigMap, name: name.into() }
    }

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

    /// The resource of this name in a namespace.
    pub fn within(&self, namespace: impl Into<String>) -> ResourceKey {
        ResourceKey { kind: self.kind, object: ObjectKey::new(namespace, self.name.clone()) }
    }
}

impl fmt::Display for ResourceName {
    /// `Secret/name`, as in the state annotation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// Kind, namespace and name of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceKey {
    /// The kind.
    pub kind: ResourceKind,
    /// Namespace and name.
    pub object: ObjectKey,
}

impl ResourceKey {
    /// A ConfigMap.
    #[must_use]
    pub fn config_map(object: ObjectKey) -> Self {
        Self { kind: ResourceKind::ConfigMap, object }
    }

    /// A Secret.
    #[must_use]
    pub fn secret(object: ObjectKey) -> Self {
        Self { kind: ResourceKind::Secret, object }
    }

    /// What it is called within its namespace.
    #[must_use]
    pub fn local(&self) -> ResourceName {
        ResourceName { kind: self.kind, name: self.object.name.clone() }
    }
}

/// One thing for each kind of resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByKind<T> {
    config_map: T,
    secret: T,
}

impl<T> ByKind<T> {
    /// Makes each one from its kind.
    pub fn new(mut make: impl FnMut(ResourceKind) -> T) -> Self {
        Self { config_map: make(ResourceKind::ConfigMap), secret: make(ResourceKind::Secret) }
    }

    /// The one of this kind.
    #[must_use]
    pub fn of(&self, kind: ResourceKind) -> &T {
        match kind {
            ResourceKind::ConfigMap => &self.config_map,
            ResourceKind::Secret => &self.secret,
        }
    }

    /// Each with its kind.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceKind, &T)> {
        ResourceKind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }
}
