//! JSON as Go's `encoding/json` decodes it into an `any` and writes it again: every number a float64, members sorted,
//! `<`, `>` and `&` escaped unless asked otherwise. Targets show all three where ESO joins objects (`rewrite.merge`).

use std::collections::BTreeMap;
use std::fmt;

pub use rekey_template::json::Html;
use rekey_template::json::{escape, number};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::value::SecretValue;

/// A decoded value. It has no `Debug`, for it may hold a secret.
#[derive(Clone)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number.
    Number(f64),
    /// Text, unescaped.
    Text(Zeroizing<String>),
    /// An array.
    List(Vec<Json>),
    /// An object; of two members with one name the later one counts.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Decodes one value, nested up to 128 levels deep; nothing for anything else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// The value as ESO puts it under a key (`GetByteValue`): text unquoted, numbers as plain decimals, `null` empty.
    #[must_use]
    pub fn value(&self) -> SecretValue {
        match self {
            Self::Null => SecretValue::default(),
            Self::Bool(value) => SecretValue::from(value.to_string()),
            // The shortest plain decimal, as Go's format 'f'.
            Self::Number(number) => SecretValue::from(number.to_string()),
            Self::Text(text) => SecretValue::new(text.as_bytes().to_vec()),
            Self::List(_) | Self::Object(_) => self.encode(Html::Escaped),
        }
    }

    /// The value as Go writes it: on one line, without spaces.
    #[must_use]
    pub fn encode(&self, html: Html) -> SecretValue {
        let mut out = String::new();
        self.write(&mut out, html);
        SecretValue::from(out)
    }

    fn write(&self, out: &mut String, html: Html) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => out.push_str(&number(*value)),
            Self::Text(text) => quote(text, out, html),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    item.write(out, html);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    quote(name, out, html);
                    out.push(':');
                    value.write(out, html);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

/// Writes a text with its quotes.
pub(crate) fn quote(text: &str, out: &mut String, html: Html) {
    out.push('"');
    for letter in text.chars() {
        match escape(letter, html) {
            Some(escaped) => out.push_str(&escaped),
            None => out.push(letter),
        }
    }
    out.push('"');
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Decoder)
    }
}

struct Decoder;

impl<'de> Visitor<'de> for Decoder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "Go loses the same digits")]
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "Go loses the same digits")]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(Zeroizing::new(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((name, value)) = members.next_entry()? {
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &SecretValue) -> &str {
        std::str::from_utf8(value.expose()).expect("text")
    }

    /// Computed with Go's encoding/json (`tests/vectors`).
    #[test]
    fn everything_is_read_and_written_as_go_does() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/json.json")).expect("vectors");
        for vector in vectors.as_array().expect("a list") {
            let field = |name: &str| vector[name].as_str().expect(name);
            let json = Json::parse(field("json").as_bytes());
            assert_eq!(json.is_some(), vector["valid"].as_bool().expect("a verdict"), "{vector}");
            let Some(json) = json else { continue };
            assert_eq!(text(&json.encode(Html::Escaped)), field("escaped"), "{vector}");
            assert_eq!(text(&json.encode(Html::Plain)), field("plain"), "{vector}");
            assert_eq!(text(&json.value()), field("value"), "{vector}");
        }
    }

    #[test]
    fn what_is_no_json_or_nests_too_deeply_is_refused() {
        for json in ["", "{", "1 2", "1e999", "nul", &"[".repeat(10_000)] {
            assert!(Json::parse(json.as_bytes()).is_none(), "{json}");
        }
    }
}
