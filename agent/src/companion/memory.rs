//! What External Secrets Operator was told, and has not done yet. It dies with the process: the annotations say it too.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use rekey_core::wanted::Token;

/// What it was told about an object.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// In these words.
    pub marker: String,
    /// At that time, or before.
    pub at: Timestamp,
    /// What it finds when it follows.
    pub tokens: BTreeMap<String, Token>,
}

/// See the module's head. Clones share it.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    told: HashMap<ObjectKey, Told>,
    /// What each ClusterExternalSecret was last marked with: all its objects change at once.
    owners: HashMap<String, String>,
    /// The last thing that people were told of each object.
    said: HashMap<ObjectKey, String>,
}

impl Memory {
    pub(super) fn told(&self, key: &ObjectKey) -> Option<Told> {
        self.lock().told.get(key).cloned()
    }

    pub(super) fn remember(&self, key: &ObjectKey, told: Told) {
        self.lock().told.insert(key.clone(), told);
    }

    /// It has followed, or is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.told.remove(key);
        inner.said.remove(key);
    }

    /// It has not followed, and is not waited for any longer.
    pub(super) fn given_up(&self, key: &ObjectKey) {
        self.lock().told.remove(key);
    }

    pub(super) fn was_told_to(&self, owner: &str, marker: &str) -> bool {
        self.lock().owners.get(owner).is_some_and(|last| last == marker)
    }

    pub(super) fn tell_to(&self, owner: &str, marker: &str) {
        self.lock().owners.insert(owner.to_owned(), marker.to_owned());
    }

    /// Is that something else than what people were told last of this object?
    pub(super) fn is_news(&self, key: &ObjectKey, text: &str) -> bool {
        self.lock().said.insert(key.clone(), text.to_owned()).as_deref() != Some(text)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
