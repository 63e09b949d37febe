//! What has to be there before the agent decides anything, and is not yet.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::{CRDS, HASH_KEY, KINDS};

/// One thing that has to be there: the key of the rollout hashes, or all objects of a kind, perhaps those of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Awaited {
    /// What it is.
    pub kind: &'static str,
    /// Where, if the agent looks at some namespaces only.
    pub namespace: Option<Arc<str>>,
}

impl From<&'static str> for Awaited {
    fn from(kind: &'static str) -> Self {
        Self { kind, namespace: None }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            None => f.write_str(self.kind),
            Some(namespace) => write!(f, "{} in {namespace}", self.kind),
        }
    }
}

/// The key of the rollout hashes, and the kinds that are still being listed for the first time. Clones share them.
#[derive(Clone, Debug)]
pub struct Lists(watch::Sender<BTreeSet<Awaited>>);

impl Lists {
    /// All that the agent waits for is to come.
    #[must_use]
    pub fn all() -> Self {
        Self::of(&[&[HASH_KEY, CRDS], KINDS.as_slice()].concat())
    }

    /// These are to come.
    #[must_use]
    pub fn of(kinds: &[&'static str]) -> Self {
        Self(watch::Sender::new(kinds.iter().copied().map(Awaited::from).collect()))
    }

    /// In place of a kind as a whole, these parts of it are to come.
    pub fn split(&self, kind: &'static str, parts: impl IntoIterator<Item = Awaited>) {
        self.0.send_modify(|missing| {
            if missing.remove(&kind.into()) {
                missing.extend(parts);
            }
        });
    }

    /// This one is there.
    pub fn shown(&self, one: &Awaited) {
        self.0.send_if_modified(|missing| missing.remove(one));
    }

    /// Returns once this one is there.
    pub async fn one_shown(&self, one: &Awaited) {
        // As below.
        let _ = self.0.subscribe().wait_for(|missing| !missing.contains(one)).await;
    }

    /// Returns once every part of this kind is there.
    pub async fn kind_shown(&self, kind: &'static str) {
        // As below.
        let _ = self.0.subscribe().wait_for(|missing| missing.iter().all(|one| one.kind != kind)).await;
    }

    /// Is anything of this kind still to come?
    #[must_use]
    pub fn waits_for(&self, kind: &'static str) -> bool {
        self.0.borrow().iter().any(|one| one.kind == kind)
    }

    /// Those that are still to come, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.0.borrow().iter().map(ToString::to_string).collect()
    }

    /// Returns once none is missing.
    pub async fn all_shown(&self) {
        // An error says that no sender is left, and this is one.
        let _ = self.0.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kind_is_there_when_each_part_of_it_is() {
        let lists = Lists::of(&["secrets", "nodes"]);
        let part = |namespace: &str| Awaited { kind: "secrets", namespace: Some(namespace.into()) };
        lists.split("secrets", [part("b"), part("a")]);
        assert_eq!(lists.missing(), ["nodes", "secrets in a", "secrets in b"]);
        lists.shown(&part("a"));
        lists.one_shown(&part("a")).await;
        assert!(lists.waits_for("secrets"));
        lists.shown(&part("b"));
        lists.kind_shown("secrets").await;
        assert_eq!(lists.missing(), ["nodes"]);
        lists.split("secrets", [part("a")]);
        assert!(!lists.waits_for("secrets"), "what is there stays there");
        lists.shown(&"nodes".into());
        lists.all_shown().await;
    }
}
