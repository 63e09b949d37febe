//! From a source to the objects that use it.
//!
//! | an object uses | filed under | finding it for an event costs |
//! |---|---|---|
//! | a source by its name or ARN | the source's [`LookupKey`]s | a few hash look-ups |
//! | sources by a search | the search's path | a look-up for each character of the name, and a try of each different search whose path the name begins with |
//!
//! No cost grows with the number of objects: what many of them use is kept once. [`Announced::concerns`] and
//! [`Finder::matches`] have the last word on the few candidates. The index holds names only; it knows no versions and
//! no values.

pub mod few;
mod finder;
pub mod relation;

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::identity::{Account, Announced, LookupKey, Service, SourceRef};
use crate::object::ObjectKey;
use few::Few;
use relation::Relation;

pub use finder::Finder;

/// Which objects use what.
#[derive(Debug, Default)]
pub struct Index {
    sources: Relation<SourceRef>,
    filed: HashMap<LookupKey, Few<SourceRef>>,
    finders: Relation<Finder>,
    by_path: HashMap<Service, HashMap<String, Few<Finder>>>,
}

impl Index {
    /// Records that an object uses exactly these named sources from now on.
    pub fn upsert(&mut self, key: ObjectKey, sources: impl IntoIterator<Item = SourceRef>) {
        let sources: BTreeSet<_> = sources.into_iter().collect();
        for source in sources.iter().filter(|source| !self.sources.is_used(source)) {
            for word in source.lookup_keys() {
                self.filed.entry(word).or_default().insert(source.clone());
            }
        }
        let lost = self.sources.upsert(key, sources);
        self.unfile(lost);
    }

    /// Records that an object searches in exactly these ways from now on.
    pub fn upsert_finders(&mut self, key: ObjectKey, finders: impl IntoIterator<Item = Finder>) {
        let finders: BTreeSet<_> = finders.into_iter().collect();
        for finder in finders.iter().filter(|finder| !self.finders.is_used(finder)) {
            let by_path = self.by_path.entry(finder.service).or_default();
            by_path.entry(finder.filed_path().to_owned()).or_default().insert(finder.clone());
        }
        let lost = self.finders.upsert(key, finders);
        self.unfile_finders(lost);
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &ObjectKey) {
        let lost = self.sources.remove(key);
        self.unfile(lost);
        let lost = self.finders.remove(key);
        self.unfile_finders(lost);
    }

    /// The named sources that an event is about, as objects ask for them, each with its objects; in a fixed order.
    /// Spellings of one secret are sources of their own. `account_of` is the account that a source is known to live in.
    #[must_use]
    pub fn affected(
        &self,
        announced: &Announced,
        account_of: impl Fn(&SourceRef) -> Option<Account>,
    ) -> Vec<(SourceRef, Vec<ObjectKey>)> {
        self.candidates(announced)
            .into_iter()
            .filter(|source| announced.concerns(source, account_of(source).as_ref()))
            .map(|source| (source.clone(), self.objects(source).cloned().collect()))
            .collect()
    }

    /// The named sources that an event is compared with, one by one: what a look-up costs beyond hashing.
    #[must_use]
    pub fn candidates(&self, announced: &Announced) -> BTreeSet<&SourceRef> {
        announced.lookup_keys().iter().filter_map(|word| self.filed.get(word)).flatten().collect()
    }

    /// The searches that may find the source that an event is about, or may have found it before it was deleted, each
    /// with its objects; in a fixed order. `account_of` is the account that a search is known to look in.
    #[must_use]
    pub fn searches(
        &self,
        announced: &Announced,
        account_of: impl Fn(&Finder) -> Option<Account>,
    ) -> Vec<(Finder, Vec<ObjectKey>)> {
        let Some(by_path) = self.by_path.get(&announced.service) else { return Vec::new() };
        let names = announced.names();
        let begins = names.iter().flat_map(|name| name.char_indices().map(|(at, _)| &name[..at]).chain([*name]));
        let candidates: BTreeSet<&Finder> = begins.filter_map(|begin| by_path.get(begin)).flatten().collect();
        candidates
            .into_iter()
            .filter(|finder| finder.matches(announced, account_of(finder).as_ref()))
            .map(|finder| (finder.clone(), self.finders.users(finder).cloned().collect()))
            .collect()
    }

    /// The objects that use a named source, in order.
    pub fn objects(&self, source: &SourceRef) -> impl Iterator<Item = &ObjectKey> {
        self.sources.users(source)
    }

    /// The named sources that an object uses, in order.
    pub fn sources(&self, key: &ObjectKey) -> impl Iterator<Item = &SourceRef> {
        self.sources.things(key)
    }

    fn unfile(&mut self, lost: Vec<SourceRef>) {
        for source in lost {
            for word in source.lookup_keys() {
                take(&mut self.filed, &word, &source);
            }
        }
    }

    fn unfile_finders(&mut self, lost: Vec<Finder>) {
        for finder in lost {
            if let Some(by_path) = self.by_path.get_mut(&finder.service) {
                take(by_path, &finder.filed_path().to_owned(), &finder);
            }
        }
    }
}

/// Takes a member out of a set, and the set out of its map once it is empty.
fn take<K: Hash + Eq, V: Ord>(sets: &mut HashMap<K, Few<V>>, set: &K, member: &V) {
    if let Some(members) = sets.get_mut(set) {
        members.remove(member);
        if members.is_empty() {
            sets.remove(set);
        }
    }
}

#[cfg(test)]
mod tests;
