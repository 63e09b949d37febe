//! From nodes to values, aliases replaced.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::parse::{Kind, Node};
use super::{DEEPEST, EXPANDED, Error, number, resolve};
use crate::Env;

/// A value.
pub(crate) enum Data {
    Null,
    Bool(bool),
    /// From the smallest `i64` to the largest `u64`.
    Whole(i128),
    Float(f64),
    Text(Zeroizing<String>),
    List(Vec<Data>),
    Map(BTreeMap<String, Data>),
}

/// The value of a document.
pub(super) fn data(document: &Node, env: &Env) -> Result<Data, Error> {
    let mut expander = Expander { left: EXPANDED };
    let data = expander.value(document, 0);
    // It was expanded, whatever came of it, and a byte of it takes as long as one that a function looks at.
    env.read(4 * (EXPANDED - expander.left))?;
    data
}

/// The map of texts that a document is.
pub(super) fn strings(document: &Node, env: &Env) -> Result<BTreeMap<String, Zeroizing<String>>, Error> {
    let mut expander = Expander { left: EXPANDED };
    let mut entries = BTreeMap::new();
    match &document.kind {
        Kind::Map(_) => expander.entries(document, 0, &mut entries)?,
        _ => match expander.value(document, 0)? {
            Data::Null => {}
            other => return Err(Error::NotAMap { found: other.name() }),
        },
    }
    env.make(EXPANDED - expander.left)?;
    let text = |(key, (line, value)): (String, (u64, Data))| Ok((key, value.into_text(line)?));
    entries.into_iter().map(text).collect()
}

impl Data {
    /// What it is, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// What JSON makes of it, which has no infinity.
    pub(crate) fn into_json(self) -> Result<Self, Error> {
        match self {
            Self::Float(number) if !number.is_finite() => Err(Error::NoNumber),
            Self::List(items) => items.into_iter().map(Self::into_json).collect::<Result<_, _>>().map(Self::List),
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| Ok((key, value.into_json()?)));
                entries.collect::<Result<_, _>>().map(Self::Map)
            }
            other => Ok(other),
        }
    }

    fn into_text(self, line: u64) -> Result<Zeroizing<String>, Error> {
        Ok(match self {
            Self::Null => Zeroizing::default(),
            Self::Bool(truth) => Zeroizing::new(truth.to_string()),
            Self::Whole(number) => Zeroizing::new(number.to_string()),
            Self::Float(number) => Zeroizing::new(number::short_text(number)),
            Self::Text(text) => text,
            Self::List(_) | Self::Map(_) => return Err(Error::NotText { line, found: self.name() }),
        })
    }

    /// The key that it becomes in JSON.
    fn into_key(self) -> Option<String> {
        Some(match self {
            Self::Bool(truth) => truth.to_string(),
            Self::Whole(number) => i64::try_from(number).ok()?.to_string(),
            Self::Float(f64::INFINITY) => ".inf".to_owned(),
            Self::Float(f64::NEG_INFINITY) => "-.inf".to_owned(),
            Self::Float(number) if number.is_nan() => ".nan".to_owned(),
            Self::Float(number) => number::short_text(number),
            Self::Text(text) => text.as_str().to_owned(),
            Self::Null | Self::List(_) | Self::Map(_) => return None,
        })
    }
}

/// Replaces aliases, as long as what they stand for is not too much.
struct Expander {
    left: usize,
}

/// Values with the lines they stand on.
type Entries = BTreeMap<String, (u64, Data)>;

impl Expander {
    fn value(&mut self, node: &Node, depth: usize) -> Result<Data, Error> {
        // Aliases of aliases are deeper than the text.
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        Ok(match &node.kind {
            Kind::Alias(target) => self.value(target, depth + 1)?,
            Kind::Scalar { text, tag, plain } => {
                self.take(text.len())?;
                let data = resolve::scalar(text, tag.as_deref(), *plain);
                data.ok_or(Error::BadTag { line: node.line })?
            }
            Kind::List(items) => {
                self.take(0)?;
                Data::List(items.iter().map(|item| self.value(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            Kind::Map(_) => {
                let mut entries = Entries::new();
                self.entries(node, depth, &mut entries)?;
                Data::Map(entries.into_iter().map(|(key, (_, value))| (key, value)).collect())
            }
        })
    }

    fn entries(&mut self, map: &Node, depth: usize, into: &mut Entries) -> Result<(), Error> {
        self.take(0)?;
        match &map.kind {
            _ if depth > DEEPEST => return Err(Error::TooDeep),
            Kind::Alias(target) => return self.entries(target, depth + 1, into),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    if is_merge(key) {
                        self.merge(value, depth, into)?;
                        continue;
                    }
                    let bad = Error::BadKey { line: key.line };
                    let key = self.value(key, depth + 1)?.into_key().ok_or(bad)?;
                    into.insert(key, (value.line, self.value(value, depth + 1)?));
                }
            }
            _ => return Err(Error::MergeOfOther { line: map.line }),
        }
        Ok(())
    }

    /// `<<`: what was there before goes, what comes after stays.
    fn merge(&mut self, value: &Node, depth: usize, into: &mut Entries) -> Result<(), Error> {
        match &value.kind {
            // Earlier maps win.
            Kind::List(maps) => maps.iter().rev().try_for_each(|map| self.entries(map, depth + 1, into)),
            _ => self.entries(value, depth + 1, into),
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes + 16).ok_or(Error::TooMuchAliasing)?;
        Ok(())
    }
}

fn is_merge(key: &Node) -> bool {
    let Kind::Scalar { text, tag, plain } = &key.kind else { return false };
    text.as_str() == "<<" && (*plain || tag.as_deref() == Some("tag:yaml.org,2002:merge"))
}
