//! YAML as Go's `sigs.k8s.io/yaml` reads and writes it: YAML 1.1 (`yes` is true, `010` is 8), by way of JSON.
//!
//! What a document may cost is limited: its size, its depth, and what its aliases expand to. No error quotes it.

mod number;
mod parse;
mod resolve;
mod time;
mod tree;
mod write;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::{Env, limits};

pub(crate) use tree::Data;
pub(crate) use write::write;

/// Collections in collections.
const DEEPEST: usize = 100;
/// Bytes of texts, and sixteen for each node, that a document may amount to once its aliases are replaced.
const EXPANDED: usize = 16 * 1024 * 1024;

/// Why a text cannot be read as YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no YAML.
    #[error("yaml: line {line}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: u64,
        /// The parser's words, which are fixed.
        problem: &'static str,
    },
    /// An alias for nothing.
    #[error("yaml: line {line}: unknown anchor referenced")]
    UnknownAnchor {
        /// Counted from 1.
        line: u64,
    },
    /// An alias within what it stands for.
    #[error("yaml: line {line}: the value of an anchor contains itself")]
    EndlessAnchor {
        /// Counted from 1.
        line: u64,
    },
    /// `<<` with something else.
    #[error("yaml: line {line}: map merge requires map or sequence of maps as the value")]
    MergeOfOther {
        /// Counted from 1.
        line: u64,
    },
    /// A key that no JSON can have: null, a list, a map.
    #[error("yaml: line {line}: a key of a map has to be a text, a number or a boolean")]
    BadKey {
        /// Counted from 1.
        line: u64,
    },
    /// A value that is not what its tag says.
    #[error("yaml: line {line}: the value does not fit its tag")]
    BadTag {
        /// Counted from 1.
        line: u64,
    },
    /// A number that no JSON can have.
    #[error("json: unsupported value: infinity or not a number")]
    NoNumber,
    /// The document is no map.
    #[error("a YAML map is needed where {found} is given")]
    NotAMap {
        /// What it is instead.
        found: &'static str,
    },
    /// The value of a key is no scalar.
    #[error("yaml: line {line}: each value has to be a text, a number or a boolean; this one is {found}")]
    NotText {
        /// Counted from 1.
        line: u64,
        /// What it is instead.
        found: &'static str,
    },
    /// See [`limits::OUTPUT`]: its nodes take a hundred times as much, and no Secret holds more.
    #[error("the YAML text is larger than {} MiB; make it smaller", limits::OUTPUT / 1024 / 1024)]
    TooLarge,
    /// Collections in collections in collections.
    #[error("the YAML text is nested more than {DEEPEST} levels deep; make it flatter")]
    TooDeep,
    /// Few bytes that stand for many.
    #[error("the YAML text is larger than {} MiB once its aliases are replaced; use fewer", EXPANDED / 1024 / 1024)]
    TooMuchAliasing,
    /// It costs more than is left.
    #[error(transparent)]
    Cost(#[from] crate::Error),
}

/// Reads a map of scalars; numbers and booleans become text (`010` becomes `8`, `1.0` becomes `1`), null the empty text.
/// An empty document is an empty map. (Go: `yaml.Unmarshal` into a `map[string]string`.)
pub fn strings(text: &[u8], env: &Env) -> Result<BTreeMap<String, Zeroizing<String>>, Error> {
    env.parse(text)?;
    let Some(document) = parse::document(text)? else { return Ok(BTreeMap::new()) };
    tree::strings(&document, env)
}

/// Reads any value. (Go: `yaml.Unmarshal` into an `interface{}`.)
pub(crate) fn read(text: &[u8], env: &Env) -> Result<Data, Error> {
    env.parse(text)?;
    let Some(document) = parse::document(text)? else { return Ok(Data::Null) };
    tree::data(&document, env)
}

#[cfg(test)]
mod tests;
