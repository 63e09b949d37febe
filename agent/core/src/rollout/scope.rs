//! Where rollouts look: the namespaces and resources that an installation leaves to them.

use std::collections::{BTreeMap, BTreeSet};

use super::resource::{ResourceKey, ResourceKind};
use crate::selector::Requirements;

/// What is in scope. By default everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these namespaces (`--namespaces`); all of them, if there are none.
    pub namespaces: BTreeSet<String>,
    /// Not these (`--namespaces-to-ignore`).
    pub namespaces_to_ignore: BTreeSet<String>,
    /// Only namespaces with such labels (`--namespace-selector`).
    pub namespace_labels: Requirements,
    /// Only resources with such labels (`--resource-label-selector`).
    pub resource_labels: Requirements,
    /// Not resources of these kinds (`--resources-to-ignore`): no workload asks for them.
    pub resources_to_ignore: BTreeSet<ResourceKind>,
}

impl Scope {
    /// Whether a namespace of this name can be in scope; its labels may still put it out.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(name)) && !self.namespaces_to_ignore.contains(name)
    }

    /// The same for a resource with these labels.
    #[must_use]
    pub fn has_resource(&self, key: &ResourceKey, labels: &BTreeMap<String, String>) -> bool {
        self.has_namespace(&key.object.namespace)
            && !self.resources_to_ignore.contains(&key.kind)
            && self.resource_labels.fit(labels)
    }
}

/// A scope, and the namespaces that it chooses by their labels at present.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    scope: Scope,
    chosen: BTreeSet<String>,
}

impl Reach {
    /// As long as no namespace is known, none is chosen by its labels.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self { scope, chosen: BTreeSet::new() }
    }

    /// A namespace as Kubernetes holds it, in its labels; nothing if it is gone. Whether that took it in or out.
    pub fn namespace_seen(&mut self, name: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        if self.scope.namespace_labels.is_empty() {
            return false;
        }
        if labels.is_some_and(|labels| self.scope.namespace_labels.fit(labels)) {
            self.chosen.insert(name.to_owned())
        } else {
            self.chosen.remove(name)
        }
    }

    /// Whether a namespace is in scope.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.scope.has_namespace(name) && (self.scope.namespace_labels.is_empty() || self.chosen.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKey;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn namespaces_by_name() {
        for (only, ignored, name, expected) in [
            (&[][..], &[][..], "a", true),
            (&["a", "b"], &[], "a", true),
            (&["a", "b"], &[], "c", false),
            (&[], &["a"], "a", false),
            (&[], &["a"], "ab", true),
            (&["a"], &["a"], "a", false),
        ] {
            let scope = Scope { namespaces: names(only), namespaces_to_ignore: names(ignored), ..Scope::default() };
            assert_eq!(scope.has_namespace(name), expected, "{only:?} {ignored:?} {name}");
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn namespaces_by_their_labels() {
        let scope = Scope {
            namespace_labels: "team=a".parse().unwrap(),
            namespaces_to_ignore: names(&["never"]),
            ..Scope::default()
        };
        let (mut reach, fits) = (Reach::new(scope), labels(&[("team", "a")]));
        assert!(!reach.has_namespace("ns"), "it is not known yet");
        assert!(reach.namespace_seen("ns", Some(&fits)) && reach.has_namespace("ns"));
        assert!(!reach.namespace_seen("ns", Some(&labels(&[("team", "a"), ("more", "labels")]))), "it was in before");
        assert!(reach.namespace_seen("never", Some(&fits)) && !reach.has_namespace("never"));
        assert!(reach.namespace_seen("ns", None) && !reach.has_namespace("ns"));
    }

    #[test]
    fn resources_by_their_kinds_and_labels() {
        let scope = Scope {
            resource_labels: "reload=yes".parse().unwrap(),
            resources_to_ignore: [ResourceKind::ConfigMap].into(),
            namespaces_to_ignore: names(&["never"]),
            ..Scope::default()
        };
        let key = |kind, namespace| ResourceKey { kind, object: ObjectKey::new(namespace, "r") };
        let fits = labels(&[("reload", "yes")]);
        assert!(scope.has_resource(&key(ResourceKind::Secret, "ns"), &fits));
        assert!(!scope.has_resource(&key(ResourceKind::Secret, "ns"), &labels(&[])));
        assert!(!scope.has_resource(&key(ResourceKind::ConfigMap, "ns"), &fits));
        assert!(!scope.has_resource(&key(ResourceKind::Secret, "never"), &fits));
    }
}
