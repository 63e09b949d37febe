//! The map that a template reads.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;
use crate::run::Run;
use crate::value::{Text, Value};

/// Keys and values for templates: any bytes, as Go's strings. Made once, it serves any number of runs; its memory is
/// wiped when it is dropped.
pub struct Input {
    entries: BTreeMap<Text, Text>,
    size: usize,
}

impl Input {
    /// Copies keys and values.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let entries: BTreeMap<Text, Text> =
            entries.into_iter().map(|(key, value)| (Text::from(key), Text::from(value))).collect();
        let size = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        Self { entries, size }
    }

    /// As a template sees it.
    pub(crate) fn value(&self, run: &Run<'_>) -> Result<Value, Error> {
        let entries = self.entries.iter().map(|(key, value)| (key.clone(), Value::Text(value.clone())));
        run.root(entries.collect())
    }

    /// Bytes of all keys and values.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input(…)")
    }
}
