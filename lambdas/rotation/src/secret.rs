//! The JSON document inside a database secret, or, for an engine that allows it, text that is none.
//!
//! The document keeps the text as it was written and only remembers where each field's value stands in it. A new
//! version is the old text with one value replaced: unknown fields, their order, the spelling of numbers and even the
//! white space stay, so that whatever else reads the secret finds what it expects. The text is wiped when dropped, and
//! neither `Debug` nor any error shows a part of it.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

/// What can be wrong with a secret's text. No variant carries a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// Not a JSON object.
    #[error("secret is not one JSON object (line {line}, column {column}); write it as {{\"field\": \"value\", …}}")]
    Parse {
        /// Line of the first offence, from 1.
        line: usize,
        /// Column of the first offence, from 1.
        column: usize,
    },
    /// The same key twice: which one counts depends on the reader.
    #[error("secret has the field {0:?} more than once; keep one")]
    Repeated(String),
    /// A field that the engine needs.
    #[error("secret has no field {0:?}, or it is empty; add it")]
    Missing(&'static str),
    /// A field of another type, or outside its range.
    #[error("secret's field {field:?} must be {expected}")]
    Malformed {
        /// Name of the field.
        field: &'static str,
        /// What the field may be, as it stands in the sentence.
        expected: &'static str,
    },
    /// What is to be replaced is not there, or no text.
    #[error(
        "secret has no text in the field that is rotated (\"password\", unless the tag rekey:field names another one); \
         add it, or name the right one"
    )]
    NoText,
}

/// The name under which a secret that is no JSON holds all that it holds.
pub const WHOLE: &str = "";

/// One version of a secret, parsed.
#[derive(Clone)]
pub struct SecretDocument {
    text: Zeroizing<String>,
    fields: Vec<Field>,
    /// Whether the text is no JSON, but the one field's value as it is.
    plain: bool,
}

#[derive(Clone)]
struct Field {
    name: String,
    value: Range<usize>,
}

impl SecretDocument {
    /// Parses a secret's text, which must be one JSON object without repeated keys.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, SecretError> {
        let spans: Spans<'_> = serde_json::from_str(&text).map_err(|e| not_json(&e))?;
        let mut fields: Vec<Field> = Vec::with_capacity(spans.0.len());
        for (name, raw) in spans.0 {
            if fields.iter().any(|field| field.name == name) {
                return Err(SecretError::Repeated(name));
            }
            // The raw value is borrowed from the text, so its position follows from the two addresses.
            let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
            fields.push(Field { name, value: start..start + raw.get().len() });
        }
        Ok(Self { text, fields, plain: false })
    }

    /// A secret that is no JSON: one value, under the name [`WHOLE`].
    #[must_use]
    pub fn plain(text: Zeroizing<String>) -> Self {
        let fields = vec![Field { name: WHOLE.to_owned(), value: 0..text.len() }];
        Self { text, fields, plain: true }
    }

    /// Whether the text is no JSON.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The whole text, for the call that stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The field as text; nothing if it is absent or null.
    pub fn text(&self, field: &'static str) -> Result<Option<Zeroizing<String>>, SecretError> {
        match self.raw(field) {
            None | Some("null") => Ok(None),
            Some(raw) => serde_json::from_str(raw)
                .map(|text: String| Some(Zeroizing::new(text)))
                .map_err(|_| SecretError::Malformed { field, expected: "text" }),
        }
    }

    /// Whether the field is there and holds text, be it empty.
    #[must_use]
    pub fn holds_text(&self, field: &str) -> bool {
        self.raw(field).is_some_and(|raw| self.plain || raw.starts_with('"'))
    }

    /// The field as text that is there and not empty.
    pub fn required(&self, field: &'static str) -> Result<Zeroizing<String>, SecretError> {
        self.text(field)?.filter(|text| !text.is_empty()).ok_or(SecretError::Missing(field))
    }

    /// The field as a TCP port, written as a number or as its digits in text; nothing if absent, null or empty.
    pub fn port(&self, field: &'static str) -> Result<Option<u16>, SecretError> {
        let digits = match self.raw(field) {
            None | Some("null" | "\"\"") => return Ok(None),
            Some(raw) => raw.trim_matches('"'),
        };
        match digits.parse() {
            Ok(0) | Err(_) => Err(SecretError::Malformed { field, expected: "a port number from 1 to 65535" }),
            Ok(port) => Ok(Some(port)),
        }
    }

    /// The field as a switch, written as true/false or as that word in text; nothing if absent or null.
    ///
    /// Anything else is an error: a misspelt `"ssl": "flase"` must not become a choice.
    pub fn flag(&self, field: &'static str) -> Result<Option<bool>, SecretError> {
        match self.raw(field).map(|raw| raw.trim_matches('"').to_ascii_lowercase()).as_deref() {
            None | Some("null") => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(SecretError::Malformed { field, expected: "true or false" }),
        }
    }

    /// The same document with one field set to that text, everything else as it was.
    pub fn with(&self, field: &str, value: &str) -> Result<Self, SecretError> {
        if self.plain && field == WHOLE {
            return Ok(Self::plain(Zeroizing::new(value.to_owned())));
        }
        let quoted = Zeroizing::new(serde_json::to_string(value).map_err(|e| not_json(&e))?);
        // Room for everything at once: a buffer that grows leaves unwiped copies behind.
        let mut text = Zeroizing::new(String::with_capacity(self.text.len() + quoted.len() + field.len() + 8));
        if let Some(at) = self.fields.iter().find(|candidate| candidate.name == field) {
            text.push_str(self.text.get(..at.value.start).unwrap_or_default());
            text.push_str(&quoted);
            text.push_str(self.text.get(at.value.end..).unwrap_or_default());
        } else {
            let body = self.text.trim_end();
            text.push_str(body.strip_suffix('}').unwrap_or(body).trim_end());
            if !self.fields.is_empty() {
                text.push(',');
            }
            text.push('"');
            text.push_str(field);
            text.push_str("\":");
            text.push_str(&quoted);
            text.push('}');
        }
        Self::parse(text)
    }

    /// Names of the fields that are not the same in both documents, in no order that matters.
    ///
    /// Values are compared as they are written: a pending version is made from the current one's text, so a different
    /// spelling means a different origin.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let changed = self.fields.iter().filter(|field| self.span(field) != other.raw(&field.name));
        let added = other.fields.iter().filter(|field| self.raw(&field.name).is_none());
        changed.chain(added).map(|field| field.name.clone()).collect()
    }

    /// Whether both texts are the same, byte for byte.
    #[must_use]
    pub fn same_text(&self, other: &Self) -> bool {
        *self.text == *other.text
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).and_then(|field| self.span(field))
    }

    fn span(&self, field: &Field) -> Option<&str> {
        self.text.get(field.value.clone())
    }
}

impl fmt::Debug for SecretDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDocument(…)")
    }
}

fn not_json(error: &serde_json::Error) -> SecretError {
    SecretError::Parse { line: error.line(), column: error.column() }
}

/// The fields of a JSON object, each with its value's place in the text.
struct Spans<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Spans<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Spans)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> SecretDocument {
        SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[test]
    fn a_new_password_changes_nothing_else_in_the_text() {
        let old = document(
            "{ \"zeta\": 1.50e3,\n  \"password\" : \"o\\\"ld\", \"username\":\"app\" , \"x\": [1, {\"y\":null}] }\n",
        );
        let new = old.with("password", "n\"ew").unwrap();
        assert_eq!(
            new.expose(),
            "{ \"zeta\": 1.50e3,\n  \"password\" : \"n\\\"ew\", \"username\":\"app\" , \"x\": [1, {\"y\":null}] }\n"
        );
        assert_eq!(old.differences(&new), ["password"]);
        assert_eq!(*new.required("password").unwrap(), "n\"ew");
    }

    #[test]
    fn a_field_that_was_not_there_is_appended() {
        assert_eq!(document("{}").with("password", "p").unwrap().expose(), r#"{"password":"p"}"#);
        assert_eq!(document("{\"a\": {} }").with("password", "p").unwrap().expose(), r#"{"a": {},"password":"p"}"#);
        assert_eq!(document(r#"{"a":{}}"#).with("password", "p").unwrap().expose(), r#"{"a":{},"password":"p"}"#);
    }

    #[test]
    fn ports_and_switches_are_read_as_the_aws_templates_write_them() {
        let secret =
            document(r#"{"port":5432,"other":"6432","none":"","bad":"x","ssl":"False","tls":true,"odd":"flase"}"#);
        assert_eq!(secret.port("port").unwrap(), Some(5432));
        assert_eq!(secret.port("other").unwrap(), Some(6432));
        assert_eq!(secret.port("none").unwrap(), None);
        assert!(secret.port("bad").is_err());
        assert_eq!(secret.flag("ssl").unwrap(), Some(false));
        assert_eq!(secret.flag("tls").unwrap(), Some(true));
        assert_eq!(secret.flag("absent").unwrap(), None);
        assert!(secret.flag("odd").is_err());
    }

    #[test]
    fn text_that_is_no_json_is_one_value_as_it_is() {
        let old = SecretDocument::plain(Zeroizing::new("o\"ld".to_owned()));
        assert!(old.is_plain() && old.holds_text(WHOLE) && !old.holds_text("password"));
        let new = old.with(WHOLE, "n\"ew\n").unwrap();
        assert_eq!((new.expose(), new.is_plain()), ("n\"ew\n", true));
        assert_eq!(old.differences(&new), [WHOLE]);
        assert!(old.differences(&old.clone()).is_empty());
        assert!(old.with("password", "p").is_err(), "it has no fields that one could add to");
        assert_eq!(old.differences(&document(r#"{"password":"p"}"#)), [WHOLE, "password"]);
    }

    #[test]
    fn bad_text_is_refused_without_being_repeated() {
        for text in ["", "hunter2", "\"hunter2\"", "[\"hunter2\"]", "{\"password\":\"hunter2\"", "{} hunter2"] {
            let error = SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap_err();
            assert!(!error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{error}");
        }
        let twice = Zeroizing::new(r#"{"password":"a","password":"b"}"#.to_owned());
        assert_eq!(SecretDocument::parse(twice).unwrap_err(), SecretError::Repeated("password".to_owned()));
        assert_eq!(format!("{:?}", document(r#"{"password":"hunter2"}"#)), "SecretDocument(…)");
    }

    proptest! {
        #[test]
        fn whatever_the_values_the_password_is_replaced_and_the_rest_is_kept(
            before in proptest::collection::btree_map("[a-o]{1,6}", ".{0,12}", 0..4), old in ".{0,20}", new in ".{0,20}",
        ) {
            let mut object: serde_json::Map<String, serde_json::Value> =
                before.into_iter().map(|(name, value)| (name, value.into())).collect();
            object.insert("password".to_owned(), old.clone().into());
            let first = document(&serde_json::to_string(&object).unwrap());
            let second = first.with("password", &new).unwrap();
            object.insert("password".to_owned(), new.clone().into());
            prop_assert_eq!(second.expose(), serde_json::to_string(&object).unwrap());
            prop_assert_eq!(first.differences(&second).is_empty(), old == new);
            prop_assert!(second.with("password", &old).unwrap().same_text(&first));
        }
    }
}
