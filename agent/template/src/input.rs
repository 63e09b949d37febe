//! The map that a template reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use gotmpl::Value;
use zeroize::Zeroize;

/// Keys and values for templates. Made once, it serves any number of runs; its memory is wiped when it is dropped.
pub struct Input {
    value: Value,
    size: usize,
    binary: BTreeSet<String>,
}

impl Input {
    /// Copies keys and values.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let (mut map, mut binary, mut size) = (BTreeMap::<Arc<str>, Value>::new(), BTreeSet::new(), 0);
        for (key, value) in entries {
            size += key.len() + value.len();
            match std::str::from_utf8(value) {
                Ok(text) => drop(map.insert(key.into(), Value::String(text.into()))),
                Err(_) => drop(binary.insert(key.to_owned())),
            }
        }
        Self { value: Value::Map(Arc::new(map)), size, binary }
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// Bytes of all keys and values.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Keys whose values are not UTF-8.
    pub(crate) fn binary(&self) -> &BTreeSet<String> {
        &self.binary
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let Value::Map(map) = &mut self.value else { return };
        // No run is under way any more, so nobody else holds the map or its strings.
        for value in Arc::get_mut(map).into_iter().flat_map(BTreeMap::values_mut) {
            if let Value::String(text) = value
                && let Some(text) = Arc::get_mut(text)
            {
                text.zeroize();
            }
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input(…)")
    }
}
