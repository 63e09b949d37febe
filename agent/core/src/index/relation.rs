//! Which objects use which things, read from either side.
//!
//! Every question costs a hash look-up and the length of its answer, however many objects there are. A thing that
//! nobody uses any more leaves no trace, and whoever keeps something beside it is told so.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use super::few::Few;
use crate::object::ObjectKey;

/// Objects and the things that they use.
#[derive(Clone, Debug)]
pub struct Relation<T, U = ObjectKey> {
    /// In order.
    things_of: HashMap<U, Box<[T]>>,
    users_of: HashMap<T, Few<U>>,
}

impl<T, U> Default for Relation<T, U> {
    fn default() -> Self {
        Self { things_of: HashMap::new(), users_of: HashMap::new() }
    }
}

impl<T: Clone + Hash + Ord, U: Clone + Hash + Ord> Relation<T, U> {
    /// Records that an object uses exactly these things from now on; one that uses none is forgotten. Returns the
    /// things that lost their last user by it, in order.
    pub fn upsert(&mut self, object: U, things: BTreeSet<T>) -> Vec<T> {
        let before = self.things_of.remove(&object).unwrap_or_default();
        for gained in things.iter().filter(|thing| before.binary_search(thing).is_err()) {
            self.users_of.entry(gained.clone()).or_default().insert(object.clone());
        }
        let given_up = before.into_iter().filter(|thing| !things.contains(thing));
        let lost = given_up.filter(|thing| self.release(thing, &object)).collect();
        if !things.is_empty() {
            self.things_of.insert(object, things.into_iter().collect());
        }
        lost
    }

    /// Forgets an object. Returns the things that lost their last user by it, in order.
    pub fn remove(&mut self, object: &U) -> Vec<T> {
        let before = self.things_of.remove(object).unwrap_or_default();
        before.into_iter().filter(|thing| self.release(thing, object)).collect()
    }

    /// The objects that use a thing, in order.
    pub fn users(&self, thing: &T) -> impl Iterator<Item = &U> {
        self.users_of.get(thing).into_iter().flatten()
    }

    /// The things that an object uses, in order.
    pub fn things(&self, object: &U) -> impl Iterator<Item = &T> {
        self.things_of.get(object).into_iter().flatten()
    }

    /// Does anybody use this thing?
    #[must_use]
    pub fn is_used(&self, thing: &T) -> bool {
        self.users_of.contains_key(thing)
    }

    /// Is nothing used by anybody?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.things_of.is_empty() && self.users_of.is_empty()
    }

    /// Takes a user from a thing. Returns whether it was the last.
    fn release(&mut self, thing: &T, user: &U) -> bool {
        let Some(users) = self.users_of.get_mut(thing) else { return false };
        users.remove(user);
        let last = users.is_empty();
        if last {
            self.users_of.remove(thing);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn object(number: u8) -> ObjectKey {
        ObjectKey::new("ns", number.to_string())
    }

    fn used(of: &BTreeMap<ObjectKey, BTreeSet<u8>>) -> BTreeSet<u8> {
        of.values().flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn both_sides_say_what_a_list_of_pairs_says_and_the_last_user_is_noticed(
            steps in prop::collection::vec((0_u8..5, prop::option::of(prop::collection::btree_set(0_u8..6, 0..5))), 0..30),
        ) {
            let mut relation = Relation::default();
            let mut naive: BTreeMap<ObjectKey, BTreeSet<u8>> = BTreeMap::new();
            for (number, things) in steps {
                let before = used(&naive);
                let lost = if let Some(things) = things {
                    naive.insert(object(number), things.clone());
                    relation.upsert(object(number), things)
                } else {
                    naive.remove(&object(number));
                    relation.remove(&object(number))
                };
                let after = used(&naive);
                prop_assert_eq!(lost, before.difference(&after).copied().collect::<Vec<_>>());
                prop_assert_eq!(relation.is_empty(), after.is_empty());
                for number in 0..5 {
                    let expected: Vec<u8> = naive.get(&object(number)).into_iter().flatten().copied().collect();
                    prop_assert_eq!(relation.things(&object(number)).copied().collect::<Vec<_>>(), expected);
                }
                for thing in 0..6 {
                    let expected: Vec<&ObjectKey> =
                        naive.iter().filter(|(_, things)| things.contains(&thing)).map(|(key, _)| key).collect();
                    prop_assert_eq!(relation.is_used(&thing), !expected.is_empty());
                    prop_assert_eq!(relation.users(&thing).collect::<Vec<_>>(), expected);
                }
            }
        }
    }
}
