//! `decodingStrategy`: what a value is decoded from.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::resource::external_secret::DecodingStrategy;
use crate::value::SecretValue;

/// Padded, as Go's `base64.StdEncoding` and `URLEncoding` want it; trailing bits are not checked there either.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// The value is not in the encoding that the spec names. Says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not {0}; correct decodingStrategy or the value")]
pub struct DecodeError(&'static str);

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

fn with(engine: &GeneralPurpose, value: &SecretValue) -> Option<SecretValue> {
    // Go's decoder skips line breaks.
    let text: zeroize::Zeroizing<Vec<u8>> =
        zeroize::Zeroizing::new(value.expose().iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect());
    engine.decode(text.as_slice()).ok().map(SecretValue::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

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

    fn strategy() -> impl Strategy<Value = DecodingStrategy> {
        select(vec![
            DecodingStrategy::None,
            DecodingStrategy::Base64,
            DecodingStrategy::Base64URL,
            DecodingStrategy::Auto,
        ])
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused_and_never_grow(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                prop::collection::vec(select(b"aZ09+/-_=\r\n ".as_slice()), 0..40),
            ],
            strategy in strategy(),
        ) {
            let decoded = decode(&SecretValue::new(bytes.clone()), strategy);
            match decoded {
                Ok(value) => prop_assert!(value.expose().len() <= bytes.len()),
                Err(_) => prop_assert!(matches!(strategy, DecodingStrategy::Base64 | DecodingStrategy::Base64URL)),
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let encoded = |engine: &GeneralPurpose| value(&engine.encode(&bytes));
            let decoded = |value: SecretValue, strategy| decode(&value, strategy).map(|value| value.expose().to_vec());
            prop_assert_eq!(decoded(encoded(&STANDARD), DecodingStrategy::Base64), Ok(bytes.clone()));
            prop_assert_eq!(decoded(encoded(&URL_SAFE), DecodingStrategy::Base64URL), Ok(bytes.clone()));
            prop_assert_eq!(decoded(encoded(&STANDARD), DecodingStrategy::Auto), Ok(bytes.clone()));
            prop_assert_eq!(decoded(encoded(&URL_SAFE), DecodingStrategy::Auto), Ok(bytes.clone()));
        }
    }
}
