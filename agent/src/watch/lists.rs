//! Which watches have not shown everything yet.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The kinds that are still being listed for the first time. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lists(Arc<Mutex<BTreeSet<&'static str>>>);

impl Lists {
    /// These are to come.
    #[must_use]
    pub fn of(kinds: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new(kinds.iter().copied().collect())))
    }

    /// This one is there.
    pub fn shown(&self, kind: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
    }

    /// Those that are still to come, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}
