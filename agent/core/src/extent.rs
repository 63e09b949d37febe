//! Which part of the cluster an agent works in: all of it, or some namespaces, of which alone it then needs to have rights.

use std::collections::BTreeSet;
use std::fmt;

use crate::rollout::scope::Scope;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// All of them, if there are none.
    namespaces: BTreeSet<String>,
    cluster_stores: bool,
}

impl Default for Extent {
    /// Everything.
    fn default() -> Self {
        Self { namespaces: BTreeSet::new(), cluster_stores: true }
    }
}

/// What an installation asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `--watch-namespaces`.
    pub namespaces: &'a BTreeSet<String>,
    /// `--cluster-stores`.
    pub cluster_stores: bool,
    /// `--cluster-external-secrets`, if that was said at all.
    pub cluster_external_secrets: Option<bool>,
    /// Where workloads are to be restarted.
    pub rollouts: &'a Scope,
}

/// What cannot be done together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A word that names nothing.
    #[error("--watch-namespaces: {0:?} is no name of a namespace; write names with commas, for instance shop,pay")]
    NoNamespace(String),
    /// They are repeated over namespaces of any name.
    #[error(
        "--cluster-external-secrets=true needs the whole cluster, for ClusterExternalSecrets make objects in any namespace: \
         leave out --watch-namespaces, or --cluster-external-secrets"
    )]
    ClusterExternalSecrets,
    /// Nothing of them is seen.
    #[error(
        "--namespaces asks to restart workloads of {}, where the agent does not look: name it in --watch-namespaces too, or \
         leave it out", Names(.0)
    )]
    Elsewhere(BTreeSet<String>),
    /// They are read by whoever may read ClusterSecretStores.
    #[error(
        "--namespace-selector needs the labels of namespaces, which the agent reads only together with ClusterSecretStores: \
         set --cluster-stores=true, or name namespaces in --namespaces instead"
    )]
    Labels,
}

impl Extent {
    /// What is asked for, if that can be.
    pub fn of(asked: Asked<'_>) -> Result<Self, Contradiction> {
        let Asked { namespaces, cluster_stores, cluster_external_secrets, rollouts } = asked;
        let extent = Self { namespaces: namespaces.clone(), cluster_stores };
        if let Some(bad) = namespaces.iter().find(|name| !is_name(name)) {
            return Err(Contradiction::NoNamespace(bad.clone()));
        }
        if extent.is_whole() {
            return Ok(extent);
        }
        if cluster_external_secrets == Some(true) {
            return Err(Contradiction::ClusterExternalSecrets);
        }
        let elsewhere: BTreeSet<String> = rollouts.namespaces.difference(namespaces).cloned().collect();
        if !elsewhere.is_empty() {
            return Err(Contradiction::Elsewhere(elsewhere));
        }
        if !rollouts.namespace_labels.is_empty() && !cluster_stores {
            return Err(Contradiction::Labels);
        }
        Ok(extent)
    }

    /// Is it the whole cluster?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.namespaces.is_empty()
    }

    /// Does the agent look into this namespace?
    #[must_use]
    pub fn has(&self, namespace: &str) -> bool {
        self.is_whole() || self.namespaces.contains(namespace)
    }

    /// The namespaces, in order; none if it is the whole cluster.
    pub fn namespaces(&self) -> impl ExactSizeIterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// Are ClusterSecretStores read?
    #[must_use]
    pub fn has_cluster_stores(&self) -> bool {
        self.cluster_stores
    }

    /// Is the condition of ClusterSecretStores this agent's? Several that have some namespaces each would not agree on it.
    #[must_use]
    pub fn owns_cluster_stores(&self) -> bool {
        self.is_whole() && self.cluster_stores
    }

    /// Are labels of namespaces read? Whoever may read ClusterSecretStores may read them too, for they decide who uses those.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.is_whole() || self.cluster_stores
    }

    /// These namespaces of it alone; `None` if there are none.
    #[must_use]
    pub fn only(&self, namespaces: BTreeSet<String>) -> Option<Self> {
        (!namespaces.is_empty()).then(|| Self { namespaces, ..self.clone() })
    }
}

/// As Kubernetes has it (RFC 1123 label).
fn is_name(text: &str) -> bool {
    let inside = |character: char| matches!(character, 'a'..='z' | '0'..='9');
    let ends = [text.chars().next(), text.chars().last()];
    text.len() <= 63
        && ends.into_iter().all(|end| end.is_some_and(inside))
        && text.chars().all(|character| inside(character) || character == '-')
}

/// Names with commas.
struct Names<'a>(&'a BTreeSet<String>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn extent(
        namespaces: &[&str],
        cluster_stores: bool,
        cluster_external_secrets: Option<bool>,
        rollouts: &Scope,
    ) -> Result<Extent, Contradiction> {
        Extent::of(Asked { namespaces: &names(namespaces), cluster_stores, cluster_external_secrets, rollouts })
    }

    #[test]
    fn it_is_the_whole_cluster_unless_namespaces_are_named() {
        let scope = Scope::default();
        let whole = extent(&[], true, Some(true), &scope).unwrap();
        assert!(whole == Extent::default() && whole.has("any") && whole.owns_cluster_stores() && whole.has_labels());
        let without = extent(&[], false, None, &scope).unwrap();
        assert!(without.is_whole() && !without.has_cluster_stores() && without.has_labels());
        let some = extent(&["b", "a"], true, None, &scope).unwrap();
        assert!(some.has("a") && !some.has("c") && !some.is_whole());
        assert!(some.has_cluster_stores() && some.has_labels() && !some.owns_cluster_stores());
        assert_eq!(some.namespaces().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!extent(&["a"], false, Some(false), &scope).unwrap().has_labels());
    }

    #[test]
    fn a_part_of_it_is_never_the_whole_cluster() {
        let some = extent(&["a", "b"], true, None, &Scope::default()).unwrap();
        assert_eq!(some.only(names(&["a"])).unwrap().namespaces().collect::<Vec<_>>(), ["a"]);
        assert_eq!(some.only(names(&[])), None);
    }

    #[test]
    fn contradictions_are_refused_with_what_to_do() {
        let restarts_in = |namespaces: &[&str]| Scope { namespaces: names(namespaces), ..Scope::default() };
        let by_labels = Scope { namespace_labels: "team=a".parse().unwrap(), ..Scope::default() };
        for (namespaces, stores, repeats, rollouts, sentence) in [
            (&["a,b"][..], true, None, Scope::default(), Some("\"a,b\" is no name")),
            (&["Shop"], true, None, Scope::default(), Some("is no name")),
            (&["-a"], true, None, Scope::default(), Some("is no name")),
            (&["a"], true, Some(true), Scope::default(), Some("leave out --watch-namespaces, or")),
            (&["a"], true, Some(false), Scope::default(), None),
            (&["a", "b"], true, None, restarts_in(&["b"]), None),
            (&["a", "b"], true, None, restarts_in(&["b", "c", "d"]), Some("workloads of c, d, where")),
            (&[], false, None, restarts_in(&["c"]), None),
            (&["a"], false, None, by_labels.clone(), Some("--cluster-stores=true")),
            (&["a"], true, None, by_labels.clone(), None),
            (&[], false, None, by_labels, None),
        ] {
            let refused = extent(namespaces, stores, repeats, &rollouts).err().map(|error| error.to_string());
            match sentence {
                None => assert_eq!(refused, None, "{namespaces:?}"),
                Some(part) => assert!(refused.as_ref().is_some_and(|text| text.contains(part)), "{part}: {refused:?}"),
            }
        }
    }
}
