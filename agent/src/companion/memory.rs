//! What External Secrets Operator was told, and has not done yet. It dies with the process: the annotations say it too.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use rekey_core::wanted::Token;

/// Within this time ESO has copied the annotation of a ClusterExternalSecret to its objects.
const COPYING: Duration = Duration::from_secs(30);

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
    /// What each ClusterExternalSecret was last marked with, and when: all its objects change at once.
    owners: HashMap<String, (String, Instant)>,
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

    /// Was it told to this ClusterExternalSecret a moment ago, so that its objects will have it soon? Whoever has not by
    /// then is told again: somebody may have put another marker in its place.
    pub(super) fn was_told_to(&self, owner: &str, marker: &str, now: Instant) -> bool {
        let recently = |at: Instant| now.saturating_duration_since(at) < COPYING;
        self.lock().owners.get(owner).is_some_and(|(last, at)| last == marker && recently(*at))
    }

    pub(super) fn tell_to(&self, owner: &str, marker: &str, now: Instant) {
        let mut inner = self.lock();
        inner.owners.retain(|_, (_, at)| now.saturating_duration_since(*at) < COPYING);
        inner.owners.insert(owner.to_owned(), (marker.to_owned(), now));
    }

    /// Is that something else than what people were told last of this object?
    pub(super) fn is_news(&self, key: &ObjectKey, text: &str) -> bool {
        self.lock().said.insert(key.clone(), text.to_owned()).as_deref() != Some(text)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_told_once_for_all_its_objects_and_again_when_they_do_not_have_it() {
        let (memory, now) = (Memory::default(), Instant::now());
        assert!(!memory.was_told_to("a", "v1", now));
        memory.tell_to("a", "v1", now);
        assert!(memory.was_told_to("a", "v1", now + COPYING / 2));
        assert!(!memory.was_told_to("a", "v2", now) && !memory.was_told_to("b", "v1", now));
        assert!(!memory.was_told_to("a", "v1", now + COPYING), "somebody took it back");
    }
}
