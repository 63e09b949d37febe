//! What has to be there before the agent decides anything, and is not yet.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// The key of the rollout hashes, and the kinds that are still being listed for the first time. Clones share them.
#[derive(Clone, Debug)]
pub struct Lists(watch::Sender<BTreeSet<&'static str>>);

impl Lists {
    /// These are to come.
    #[must_use]
    pub fn of(kinds: &[&'static str]) -> Self {
        Self(watch::Sender::new(kinds.iter().copied().collect()))
    }

    /// This one is there.
    pub fn shown(&self, kind: &'static str) {
        self.0.send_modify(|missing| {
            missing.remove(kind);
        });
    }

    /// Returns once this one is there.
    pub async fn one_shown(&self, kind: &'static str) {
        // As below.
        let _ = self.0.subscribe().wait_for(|missing| !missing.contains(kind)).await;
    }

    /// Those that are still to come, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.borrow().iter().copied().collect()
    }

    /// Returns once none is missing.
    pub async fn all_shown(&self) {
        // An error says that no sender is left, and this is one.
        let _ = self.0.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}
