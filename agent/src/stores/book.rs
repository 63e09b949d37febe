//! Which stores are to be validated, and when.

use std::collections::HashMap;
use std::time::Instant;

use super::Seen;
use super::validate::Validated;
use crate::state::StoreKey;

/// See the module's head.
#[derive(Default)]
pub(super) struct Book(HashMap<StoreKey, Entry>);

struct Entry {
    seen: Seen,
    /// When it is validated next; `None` while it is, unless something changed meanwhile.
    due: Option<Instant>,
    running: bool,
    /// Validations in a row that did not find it usable.
    failures: u32,
}

impl Book {
    /// A store is there or has changed. A status alone is no reason to look: it is our own echo, or another
    /// controller's, with whom we do not argue.
    pub fn seen(&mut self, key: StoreKey, seen: Seen, now: Instant) {
        let version = |seen: &Seen| (seen.metadata.uid.clone(), seen.metadata.generation);
        match self.0.get_mut(&key) {
            Some(known) => {
                if version(&known.seen) != version(&seen) {
                    known.look(now);
                }
                known.seen = seen;
            }
            None => {
                self.0.insert(key, Entry { seen, due: Some(now), running: false, failures: 0 });
            }
        }
    }

    /// It may work now, or not any more.
    pub fn look(&mut self, key: &StoreKey, now: Instant) {
        if let Some(known) = self.0.get_mut(key) {
            known.look(now);
        }
    }

    /// The next one that is due, and how often in a row it could not be used. It is under way until [`Book::end`].
    pub fn begin(&mut self, now: Instant) -> Option<(StoreKey, Seen, u32)> {
        let due = |entry: &Entry| entry.due.filter(|due| !entry.running && *due <= now);
        let (key, entry) =
            self.0.iter_mut().filter(|(_, entry)| due(entry).is_some()).min_by_key(|(_, entry)| entry.due)?;
        (entry.due, entry.running) = (None, true);
        Some((key.clone(), entry.seen.clone(), entry.failures))
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.0.values().filter(|entry| !entry.running).filter_map(|entry| entry.due).min()
    }

    /// It was validated. `None`: it is gone.
    pub fn end(&mut self, key: &StoreKey, validated: Option<Validated>, now: Instant) {
        let Some(entry) = self.0.get_mut(key) else { return };
        entry.running = false;
        match validated {
            Some(Validated { works, again, written }) => {
                entry.failures = if works { 0 } else { entry.failures.saturating_add(1) };
                entry.due.get_or_insert(now + again);
                if let Some(seen) = written {
                    entry.written(seen);
                }
            }
            // Another of its name may have come.
            None if entry.due.is_some() => {}
            None => {
                self.0.remove(key);
            }
        }
    }
}

impl Entry {
    fn look(&mut self, now: Instant) {
        (self.due, self.failures) = (Some(now), 0);
    }

    /// What was written, unless the watch was faster.
    fn written(&mut self, seen: Seen) {
        let number = |seen: &Seen| seen.metadata.resource_version.as_ref().and_then(|text| text.parse::<u64>().ok());
        if self.seen.metadata.uid == seen.metadata.uid && number(&self.seen) <= number(&seen) {
            self.seen = seen;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::api::ObjectMeta;

    use super::*;

    fn key(name: &str) -> StoreKey {
        StoreKey { namespace: Some("shop".to_owned()), name: name.to_owned() }
    }

    fn seen(generation: i64, version: &str) -> Seen {
        let metadata = ObjectMeta {
            uid: Some("u".to_owned()),
            generation: Some(generation),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        Seen { metadata, status: None }
    }

    fn validated(works: bool) -> Validated {
        Validated { works, again: Duration::from_secs(10), written: None }
    }

    #[test]
    fn a_store_is_looked_at_when_it_is_new_or_edited_or_told_to_be_and_after_its_interval() {
        let (mut book, now) = (Book::default(), Instant::now());
        book.seen(key("a"), seen(1, "1"), now);
        assert!(book.begin(now).is_some());
        assert!(book.begin(now).is_none() && book.next().is_none(), "it is under way");
        book.end(&key("a"), Some(validated(false)), now);
        assert_eq!(book.next(), Some(now + Duration::from_secs(10)));
        book.seen(key("a"), seen(1, "2"), now);
        assert!(book.begin(now).is_none(), "only its status changed");
        book.seen(key("a"), seen(2, "3"), now);
        assert_eq!(book.begin(now).map(|(_, _, failures)| failures), Some(0), "an edited store begins anew");
        book.look(&key("a"), now);
        assert!(book.begin(now).is_none(), "it is under way");
        book.end(&key("a"), Some(validated(false)), now);
        assert!(book.begin(now).is_some(), "it was told to look meanwhile");
        book.end(&key("a"), Some(validated(false)), now);
        let later = now + Duration::from_secs(10);
        assert_eq!(book.begin(later).map(|(_, _, failures)| failures), Some(2));
    }

    #[test]
    fn a_store_that_is_gone_is_forgotten_unless_another_came() {
        let (mut book, now) = (Book::default(), Instant::now());
        for comes_back in [false, true] {
            book.seen(key("a"), seen(1, "1"), now);
            assert!(book.begin(now).is_some());
            if comes_back {
                book.look(&key("a"), now);
            }
            book.end(&key("a"), None, now);
            assert_eq!(book.begin(now).is_some(), comes_back);
        }
    }

    #[test]
    fn what_the_watch_showed_since_counts_more_than_what_was_written() {
        let (mut book, now) = (Book::default(), Instant::now());
        for (shown, kept) in [("8", "9"), ("12", "12")] {
            book.seen(key(shown), seen(1, shown), now);
            assert!(book.begin(now).is_some());
            let written = Some(seen(1, "9"));
            book.end(&key(shown), Some(Validated { works: true, again: Duration::ZERO, written }), now);
            let (_, seen, _) = book.begin(now).expect("due again");
            assert_eq!(seen.metadata.resource_version.as_deref(), Some(kept));
        }
    }
}
