//! A set that mostly has one member, and then takes no memory but the member's own. A `BTreeSet` of one takes that of eleven,
//! and there is one for each source, target and store that is used.

use std::collections::{BTreeSet, btree_set};
use std::{mem, option};

/// See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Few<T> {
    /// Nothing.
    #[default]
    None,
    /// One.
    One(T),
    /// Two or more, or what is left of them.
    Many(Box<BTreeSet<T>>),
}

impl<T: Ord> Few<T> {
    /// Adds a member, if it is none yet.
    pub fn insert(&mut self, member: T) {
        match self {
            Self::None => *self = Self::One(member),
            Self::One(one) if *one == member => {}
            Self::One(_) => {
                let before = mem::take(self).into_iter();
                *self = Self::Many(Box::new(before.chain([member]).collect()));
            }
            Self::Many(many) => {
                many.insert(member);
            }
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, member: &T) {
        match self {
            Self::One(one) if one == member => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                many.remove(member);
                // Not at one: a set that goes to and fro should not be made anew each time.
                if many.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }

    /// Has it no member?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The members, in order.
    pub fn iter(&self) -> Iter<'_, T> {
        match self {
            Self::None => Iter::Few(None.into_iter()),
            Self::One(one) => Iter::Few(Some(one).into_iter()),
            Self::Many(many) => Iter::Many(many.iter()),
        }
    }
}

/// The members of a [`Few`], in order.
#[derive(Clone, Debug)]
pub enum Iter<'a, T> {
    /// Of one at most.
    Few(option::IntoIter<&'a T>),
    /// Of more.
    Many(btree_set::Iter<'a, T>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        match self {
            Self::Few(few) => few.next(),
            Self::Many(many) => many.next(),
        }
    }
}

impl<'a, T: Ord> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Ord> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<option::IntoIter<T>, btree_set::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::None => (None, BTreeSet::new()),
            Self::One(one) => (Some(one), BTreeSet::new()),
            Self::Many(many) => (None, *many),
        };
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((any::<bool>(), 0_u8..4), 0..20)) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for (inserts, member) in steps {
                if inserts {
                    few.insert(member);
                    set.insert(member);
                } else {
                    few.remove(&member);
                    set.remove(&member);
                }
                prop_assert_eq!(few.is_empty(), set.is_empty());
                prop_assert!(few.iter().eq(&set));
                prop_assert!(few.clone().into_iter().eq(set.iter().copied()));
            }
        }
    }
}
