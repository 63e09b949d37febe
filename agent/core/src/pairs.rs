//! The way of every entry of `dataFrom` from what was found to keys and values of the target: names become keys
//! (`rewrite`, or `conversionStrategy` where there is none), keys are checked, values are decoded and checked for NUL
//! bytes. An entry of `data` has its key from the spec and takes the last two steps only.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;
use rekey_template::Env;

use crate::decode::{self, DecodeError};
use crate::request::Naming;
use crate::resource::external_secret::{ConversionStrategy, DecodingStrategy, NullBytePolicy};
use crate::rewrite::{self, RewriteProblem};
use crate::value::SecretValue;

/// Names, or keys, and their values.
pub type Pairs = BTreeMap<String, SecretValue>;

/// Kubernetes' limit for the keys of a Secret, in bytes.
const LONGEST_KEY: usize = 253;

/// Why what was found does not become keys and values. Names are told, values never.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairProblem {
    /// A rewrite failed.
    #[error(transparent)]
    Rewrite(#[from] RewriteProblem),
    /// Two names become one key.
    #[error(
        "secret name collision during conversion: two names become {0:?}; use conversionStrategy Unicode or a rewrite"
    )]
    Collision(String),
    /// Longer than Kubernetes allows.
    #[error("key {0:?}… has length {1} but max is {LONGEST_KEY}; shorten it with a rewrite")]
    TooLong(String, usize),
    /// A character that no key can hold.
    #[error(
        "key {key:?} has invalid character {character:?}, only alphanumeric, '-', '.' and '_' are allowed; replace it with a rewrite"
    )]
    InvalidCharacter {
        /// The key.
        key: String,
        /// The first such character of it.
        character: char,
    },
    /// The value is not in the encoding that the spec names.
    #[error("key {key:?}: {problem}")]
    Undecodable {
        /// The key.
        key: String,
        /// What is wrong.
        problem: DecodeError,
    },
    /// `nullBytePolicy: Fail` and the value has one.
    #[error("key {0:?}: the value contains a NUL byte and nullBytePolicy is Fail")]
    NulByte(String),
}

/// Bytes of all names and values.
#[must_use]
pub fn size(pairs: &Pairs) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.expose().len()).sum()
}

/// Goes all the way. Names that become empty are dropped, as ESO does.
pub fn finish(
    found: Pairs,
    naming: &Naming,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
    env: &Env,
) -> Result<Pairs, PairProblem> {
    let mut named = match naming {
        Naming::Convert(strategy) => convert(found, *strategy)?,
        Naming::Rewrite { field, operations } => rewrite::rewrite(field, operations, found, env)?,
    };
    named.remove("");
    named.keys().try_for_each(|key| check(key))?;
    named
        .into_iter()
        .map(|(key, value)| {
            let value = decoded(&key, &value, decoding, null_bytes)?;
            Ok((key, value))
        })
        .collect()
}

/// The value of a key, decoded and checked.
pub fn decoded(
    key: &str,
    value: &SecretValue,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
) -> Result<SecretValue, PairProblem> {
    let decoded =
        decode::decode(value, decoding).map_err(|problem| PairProblem::Undecodable { key: key.to_owned(), problem })?;
    if null_bytes == NullBytePolicy::Fail && decoded.expose().contains(&0) {
        return Err(PairProblem::NulByte(key.to_owned()));
    }
    Ok(decoded)
}

fn convert(found: Pairs, strategy: ConversionStrategy) -> Result<Pairs, PairProblem> {
    let mut converted = Pairs::new();
    for (name, value) in found {
        let key = key_of(&name, strategy);
        if converted.contains_key(&key) {
            return Err(PairProblem::Collision(clipped(&key)));
        }
        converted.insert(key, value);
    }
    Ok(converted)
}

fn key_of(name: &str, strategy: ConversionStrategy) -> String {
    let mut key = String::with_capacity(name.len());
    for character in name.chars() {
        match strategy {
            _ if is_allowed(character) => key.push(character),
            ConversionStrategy::Default => key.push('_'),
            // Writing to a String cannot fail.
            ConversionStrategy::Unicode => drop(write!(key, "_U{:04x}_", u32::from(character))),
        }
    }
    key
}

fn check(key: &str) -> Result<(), PairProblem> {
    if key.len() > LONGEST_KEY {
        return Err(PairProblem::TooLong(clipped(key), key.len()));
    }
    match key.chars().find(|character| !is_allowed(*character)) {
        None => Ok(()),
        Some(character) => Err(PairProblem::InvalidCharacter { key: key.to_owned(), character }),
    }
}

/// Go's `unicode.IsLetter` and `unicode.IsNumber`, which Rust's classes are not.
static LETTER_OR_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the expression is a constant, and the tests use it")]
    Regex::new(r"^[\p{L}\p{N}]$").expect("a constant expression")
});

/// ESO lets through every letter and number; Kubernetes has the last word.
fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '-' | '.' | '_')
        || (!character.is_ascii() && LETTER_OR_NUMBER.is_match(character.encode_utf8(&mut [0; 4])))
}

/// As much of a name as fits into a condition.
fn clipped(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
