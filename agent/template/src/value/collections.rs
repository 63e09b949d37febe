//! Slices and maps of Go's.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use super::{DEEPEST, Of, Text, Value};
use crate::Error;

/// A slice of Go's. It never changes.
#[derive(Clone)]
pub(crate) struct List {
    of: Of,
    items: Rc<Vec<Value>>,
    /// Go's nil slice: empty, but null in JSON.
    nil: bool,
    /// Lists within lists, itself included.
    depth: usize,
}

impl List {
    /// Refuses what would be nested too deeply; see [`crate::run::Run::list`], which also counts.
    pub(crate) fn new(of: Of, items: Vec<Value>) -> Result<Self, Error> {
        let inner = items.iter().map(|item| if let Value::List(list) = item { list.depth } else { 0 }).max();
        let depth = 1 + inner.unwrap_or(0);
        if depth > DEEPEST { Err(Error::TooDeep) } else { Ok(Self { of, items: Rc::new(items), nil: false, depth }) }
    }

    /// A slice that was never made.
    pub(crate) fn nil(of: Of) -> Self {
        Self { of, items: Rc::default(), nil: true, depth: 1 }
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.nil
    }

    pub(crate) fn of(&self) -> Of {
        self.of
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

/// A map of Go's with strings for keys: whoever holds it sees its changes. Made by [`crate::run::Run::dict`].
#[derive(Clone)]
pub(crate) struct Dict {
    of: Of,
    entries: Rc<RefCell<BTreeMap<Text, Value>>>,
}

impl Dict {
    pub(crate) fn new(of: Of, entries: BTreeMap<Text, Value>) -> Self {
        Self { of, entries: Rc::new(RefCell::new(entries)) }
    }

    pub(crate) fn of(&self) -> Of {
        self.of
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.entries.borrow().contains_key(key)
    }

    pub(crate) fn set(&self, key: Text, value: Value) {
        self.entries.borrow_mut().insert(key, value);
    }

    pub(crate) fn unset(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    /// Its entries. To be held no longer than nothing else can run.
    pub(crate) fn entries(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.entries.borrow()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Lets go of all entries.
    pub(crate) fn clear(&self) {
        drop(self.entries.take());
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}
