//! What a scalar means in YAML 1.1, as Go's `go.yaml.in/yaml/v2` decides it.

use zeroize::Zeroizing;

use super::number;
use super::tree::Data;

const TAGS: &str = "tag:yaml.org,2002:";

/// The meaning of a scalar; nothing if it is not what its tag says.
pub(super) fn scalar(text: &str, tag: Option<&str>, plain: bool) -> Option<Data> {
    let as_text = || Data::Text(Zeroizing::new(text.to_owned()));
    let Some(tag) = tag else { return Some(if plain { untagged(text) } else { as_text() }) };
    match tag.strip_prefix(TAGS) {
        Some("binary") => binary(text),
        Some("bool") => Some(untagged(text)).filter(|data| matches!(data, Data::Bool(_))),
        Some("null") => Some(untagged(text)).filter(|data| matches!(data, Data::Null)),
        Some("int") => Some(untagged(text)).filter(|data| matches!(data, Data::Whole(_))),
        Some("float") => match untagged(text) {
            #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
            Data::Whole(number) => Some(Data::Float(number as f64)),
            data => Some(data).filter(|data| matches!(data, Data::Float(_))),
        },
        // Other tags mean nothing to Go, and what is tagged as a time becomes a text there too.
        _ => Some(as_text()),
    }
}

/// What a plain scalar means.
pub(super) fn untagged(text: &str) -> Data {
    let known = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Data::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Data::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(Data::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => Some(Data::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Data::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Data::Float(f64::NEG_INFINITY)),
        _ => None,
    };
    let number = || match text.as_bytes().first()? {
        b'.' => number::fraction(text).map(Data::Float),
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = text.replace('_', "");
            let whole = number::whole(&digits).map(Data::Whole);
            whole.or_else(|| number::float(&digits).map(Data::Float)).or_else(|| binary_digits(&digits))
        }
        _ => None,
    };
    known.or_else(number).unwrap_or_else(|| Data::Text(Zeroizing::new(text.to_owned())))
}

/// Go reads a sign after the prefix too.
fn binary_digits(digits: &str) -> Option<Data> {
    i64::from_str_radix(digits.strip_prefix("0b")?, 2).ok().map(|number| Data::Whole(number.into()))
}

/// Base64; JSON has a replacement character for each byte that is not of UTF-8.
fn binary(text: &str) -> Option<Data> {
    use base64::Engine as _;
    let compact: Zeroizing<String> = Zeroizing::new(text.replace(['\n', '\r'], ""));
    let bytes = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(compact.as_bytes()).ok()?);
    let mut decoded = Zeroizing::new(String::with_capacity(3 * bytes.len()));
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    Some(Data::Text(decoded))
}
