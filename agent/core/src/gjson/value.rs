//! A value that was found, and its text.

use std::borrow::Cow;

use super::scan;

/// See the module's head. The bytes may be those of a secret.
#[derive(Clone)]
pub struct Value<'t> {
    pub(super) kind: Kind,
    raw: Cow<'t, [u8]>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    Number,
    Text,
    /// An object or array.
    Json,
}

impl<'t> Value<'t> {
    pub(super) fn new(kind: Kind, raw: impl Into<Cow<'t, [u8]>>) -> Self {
        Self { kind, raw: raw.into() }
    }

    /// Nothing.
    pub(super) fn missing() -> Self {
        Self::new(Kind::Null, &[][..])
    }

    /// The value that a text begins with; an object or array is the whole rest.
    pub(super) fn parse(text: Cow<'t, [u8]>) -> Self {
        let Some(start) = text.iter().position(|byte| *byte > b' ') else { return Self::missing() };
        let (kind, end) = match text[start] {
            b'{' | b'[' => (Kind::Json, text.len()),
            b'"' => (Kind::Text, scan::text_end(&text, start).unwrap_or(text.len())),
            b'n' if text.get(start + 1).is_none_or(|next| *next == b'u') => (Kind::Null, scan::word_end(&text, start)),
            b't' => (Kind::True, scan::word_end(&text, start)),
            b'f' => (Kind::False, scan::word_end(&text, start)),
            b'+' | b'-' | b'0'..=b'9' | b'i' | b'I' | b'N' | b'n' => (Kind::Number, scan::number_end(&text, start)),
            _ => return Self::missing(),
        };
        let raw = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
            Cow::Owned(text) => Cow::Owned(text[start..end].to_vec()),
        };
        Self { kind, raw }
    }

    /// Is it there? A `null` is.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.kind != Kind::Null || !self.raw.is_empty()
    }

    /// As it is written.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn into_raw(self) -> Cow<'t, [u8]> {
        self.raw
    }

    pub(super) fn into_owned<'o>(self) -> Value<'o> {
        Value { kind: self.kind, raw: Cow::Owned(self.raw.into_owned()) }
    }

    /// The text of an object or array that stands in the JSON itself.
    pub(super) fn json(&self) -> Option<&'t [u8]> {
        match (self.kind, &self.raw) {
            (Kind::Json, Cow::Borrowed(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_object(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'{')
    }

    pub(super) fn is_array(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'[')
    }

    /// Its text: what is quoted without quotes and escapes, integers as they are written, other numbers as the shortest plain
    /// decimal, `null` empty.
    #[must_use]
    pub fn text(&self) -> Cow<'_, [u8]> {
        match self.kind {
            Kind::Null => Cow::Borrowed(b""),
            Kind::False => Cow::Borrowed(b"false"),
            Kind::True => Cow::Borrowed(b"true"),
            Kind::Number => self.number_text(),
            Kind::Text => unquoted(&self.raw),
            Kind::Json => Cow::Borrowed(&self.raw),
        }
    }

    /// Is it true, as text or number too?
    pub(super) fn bool(&self) -> bool {
        match self.kind {
            Kind::True => true,
            Kind::Text => boolean(&self.text()) == Some(true),
            Kind::Number => self.number() != 0.0,
            Kind::Null | Kind::False | Kind::Json => false,
        }
    }

    /// A number as float64: 0 if it is none, as where Go does not look at `ParseFloat`'s error.
    pub(super) fn number(&self) -> f64 {
        float(&self.raw)
    }

    fn number_text(&self) -> Cow<'_, [u8]> {
        let digits = self.raw.strip_prefix(b"-").unwrap_or(&self.raw);
        if digits.iter().all(u8::is_ascii_digit) {
            return Cow::Borrowed(&self.raw);
        }
        let number = self.number();
        let text = if number.is_infinite() {
            if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
        } else {
            // Rust prints an f64 as the shortest plain decimal too.
            number.to_string()
        };
        Cow::Owned(text.into_bytes())
    }
}

/// Go's `ParseFloat`, without its error.
pub(super) fn float(text: &[u8]) -> f64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Go's `ParseBool`, in any case.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match text.to_ascii_lowercase().as_slice() {
        b"1" | b"t" | b"true" => Some(true),
        b"0" | b"f" | b"false" => Some(false),
        _ => None,
    }
}

/// A text without its quotes and escapes; the last quote may be missing.
pub(super) fn unquoted(quoted: &[u8]) -> Cow<'_, [u8]> {
    let end = scan::text_end(quoted, 0).map_or(quoted.len(), |end| end - 1);
    let inner = &quoted[1..end];
    if inner.contains(&b'\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
}

/// Replaces escapes. What cannot be one ends the text, as a control character does.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            ..b' ' => break,
            b'\\' => {
                let Some(escape) = text.get(at) else { break };
                at += 1;
                out.push(match escape {
                    b'\\' | b'/' | b'"' => *escape,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        let Some((letter, end)) = letter(text, at) else { break };
                        at = end;
                        out.extend(letter.encode_utf8(&mut [0; 4]).bytes());
                        continue;
                    }
                    _ => break,
                });
            }
            other => out.push(*other),
        }
    }
    out
}

/// The letter whose code stands here, and where that ends. Halves of a pair belong together; one alone becomes U+FFFD.
fn letter(text: &[u8], at: usize) -> Option<(char, usize)> {
    let code = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).unwrap_or_default();
        // Digits that are none count as zero.
        Some(u32::from_str_radix(digits, 16).unwrap_or_default())
    };
    let (first, end) = (code(at)?, at + 4);
    if !(0xD800..0xE000).contains(&first) || text.get(end..end + 2) != Some(b"\\u") {
        return Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), end));
    }
    let Some(second) = code(end + 2) else { return Some((char::REPLACEMENT_CHARACTER, end)) };
    let pair = match (first, second) {
        (0xD800..0xDC00, 0xDC00..0xE000) => char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)),
        _ => None,
    };
    Some((pair.unwrap_or(char::REPLACEMENT_CHARACTER), end + 6))
}
