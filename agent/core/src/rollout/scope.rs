//! Where rollouts look: the namespaces and resources that an installation leaves to them.

use std::collections::BTreeSet;

use super::resource::ResourceKind;
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
