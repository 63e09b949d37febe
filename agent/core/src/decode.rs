//! `decodingStrategy` and `conversionStrategy`: what a value is decoded from, and how names become keys of a Secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::resource::external_secret::{ConversionStrategy, DecodingStrategy};
use crate::value::SecretValue;

/// Padded, as Go's `base64.StdEncoding` and `URLEncoding` want it; trailing bits are not checked there either.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Kubernetes' limit for the keys of a Secret.
const LONGEST_KEY: usize = 253;

/// The value is not in the encoding that the spec names. Says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not {0}; correct decodingStrategy or the value")]
pub struct DecodeError(&'static str);

/// A name that cannot become a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Two names become one key.
    #[error("two names both become {0:?}; use conversionStrategy Unicode")]
    Collision(String),
    /// Longer than Kubernetes allows.
    #[error("{0:?} is longer than 253 characters")]
    TooLong(String),
}

/// Decodes as the strategy says; `Auto` takes the first alphabet that fits, else leaves the value alone.
pub fn decode(value: &SecretValue, strategy: DecodingStrategy) -> Result<SecretValue, DecodeError> {
    match strategy {
        DecodingStrategy::None => Ok(value.clone()),
        DecodingStrategy::Base64 => with(&STANDARD, value).ok_or(DecodeError("Base64")),
        DecodingStrategy::Base64URL => with(&URL_SAFE, value).ok_or(DecodeError("Base64URL")),
        DecodingStrategy::Auto => {
            Ok(with(&STANDARD, value).or_else(|| with(&URL_SAFE, value)).unwrap_or_else(|| value.clone()))
        }
    }
}

/// Turns names into keys; names that become empty are dropped, as ESO does.
pub fn convert_keys(
    members: Vec<(String, SecretValue)>,
    strategy: ConversionStrategy,
) -> Result<Vec<(String, SecretValue)>, KeyError> {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut converted: Vec<(String, SecretValue)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let key = convert_key(&name, strategy);
        if key.is_empty() {
            continue;
        }
        if key.len() > LONGEST_KEY {
            return Err(KeyError::TooLong(key));
        }
        // The same name twice in one object is JSON's last-one-wins, not a collision.
        if taken.get(&key).is_some_and(|from| *from != name) {
            return Err(KeyError::Collision(key));
        }
        taken.insert(key.clone(), name);
        converted.push((key, value));
    }
    Ok(converted)
}

fn convert_key(name: &str, strategy: ConversionStrategy) -> String {
    let mut key = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_alphanumeric() || matches!(character, '-' | '.' | '_') {
            key.push(character);
        } else {
            match strategy {
                ConversionStrategy::Default => key.push('_'),
                // Writing to a String cannot fail.
                ConversionStrategy::Unicode => {
                    let _ = write!(key, "_U{:04x}_", u32::from(character));
                }
            }
        }
    }
    key
}

fn with(engine: &GeneralPurpose, value: &SecretValue) -> Option<SecretValue> {
    // Go's decoder skips line breaks.
    let text: zeroize::Zeroizing<Vec<u8>> =
        zeroize::Zeroizing::new(value.expose().iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect());
    engine.decode(text.as_slice()).ok().map(SecretValue::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::from(text.to_owned())
    }

    #[test]
    fn each_strategy() {
        use DecodingStrategy::{Auto, Base64, Base64URL, None};
        for (text, strategy, expected) in [
            ("aGk=", None, Some("aGk=")),
            ("aGk=", Base64, Some("hi")),
            ("aG\r\nk=\n", Base64, Some("hi")),
            ("aGk", Base64, Option::None),
            ("Pz8_", Base64, Option::None),
            ("Pz8_", Base64URL, Some("???")),
            ("Pz8/", Base64URL, Option::None),
            ("Pz8_", Auto, Some("???")),
            ("Pz8/", Auto, Some("???")),
            ("plain text", Auto, Some("plain text")),
        ] {
            let decoded = decode(&value(text), strategy).ok();
            assert_eq!(decoded, expected.map(value), "{text} {strategy:?}");
        }
        assert_eq!(decode(&value("1234"), Auto).expect("decodes").expose(), [0xd7, 0x6d, 0xf8]);
    }

    #[test]
    fn names_become_keys() {
        use ConversionStrategy::{Default, Unicode};
        for (name, strategy, key) in [
            ("a/b c", Default, "a_b_c"),
            ("a/b", Unicode, "a_U002f_b"),
            ("dotted.name-1_x", Default, "dotted.name-1_x"),
            ("größe", Default, "größe"),
        ] {
            assert_eq!(convert_key(name, strategy), key);
        }
        let both = vec![("a/b".to_owned(), value("1")), ("a:b".to_owned(), value("2"))];
        assert_eq!(convert_keys(both.clone(), Default), Err(KeyError::Collision("a_b".to_owned())));
        assert_eq!(convert_keys(both, Unicode).expect("distinct").len(), 2);
        let again = vec![("a".to_owned(), value("1")), ("a".to_owned(), value("2"))];
        assert_eq!(convert_keys(again, Default).expect("one name").len(), 2);
        assert!(convert_keys(vec![("x".repeat(254), value("1"))], Default).is_err());
    }
}
