//! `json.Unmarshal` into an `interface{}`.

use std::collections::BTreeMap;

use crate::Error;
use crate::run::Run;
use crate::value::{DEEPEST, List, Of, Text, Value};

/// The value that a text holds; nothing if it is no JSON.
pub(super) fn read(run: &Run<'_>, text: &[u8]) -> Result<Option<Value>, Error> {
    let mut reader = Reader { run, rest: text };
    match reader.value(0) {
        Ok(value) => {
            reader.skip_space();
            Ok(Some(value).filter(|_| reader.rest.is_empty()))
        }
        Err(Stop::NotJson) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

struct Reader<'r, 'a, 't> {
    run: &'r Run<'a>,
    rest: &'t [u8],
}

/// Why there is no value.
enum Stop {
    NotJson,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Reader<'_, '_, '_> {
    fn skip_space(&mut self) {
        let end = self.rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }

    fn takes(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest;
        true
    }

    fn needs(&mut self, token: &[u8]) -> Result<(), Stop> {
        if self.takes(token) { Ok(()) } else { Err(Stop::NotJson) }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Stop> {
        if depth > DEEPEST {
            return Err(Error::TooDeep.into());
        }
        self.skip_space();
        match self.rest.first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.takes(b"null") => Ok(Value::Nil),
            _ if self.takes(b"true") => Ok(Value::Bool(true)),
            _ if self.takes(b"false") => Ok(Value::Bool(false)),
            _ => Err(Stop::NotJson),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Stop> {
        self.needs(b"{")?;
        let mut entries = BTreeMap::new();
        if !self.takes(b"}") {
            loop {
                self.skip_space();
                let key = self.text()?;
                self.needs(b":")?;
                let value = self.value(depth + 1)?;
                // The last of equal keys wins, but those before have cost too.
                self.run.make(crate::limits::ITEM)?;
                entries.insert(key, value);
                if !self.takes(b",") {
                    break;
                }
            }
            self.needs(b"}")?;
        }
        Ok(Value::Dict(self.run.dict(Of::Any, entries)?))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Stop> {
        self.needs(b"[")?;
        let mut items = Vec::new();
        if !self.takes(b"]") {
            loop {
                let item = self.value(depth + 1)?;
                self.run.make(crate::limits::ITEM)?;
                items.push(item);
                if !self.takes(b",") {
                    break;
                }
            }
            self.needs(b"]")?;
        }
        // Its items have counted.
        Ok(Value::List(List::new(Of::Any, items)?))
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let number = std::str::from_utf8(number).map_err(|_| Stop::NotJson)?;
        if !is_number(number) {
            return Err(Stop::NotJson);
        }
        self.rest = rest;
        number.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float).ok_or(Stop::NotJson)
    }

    fn text(&mut self) -> Result<Text, Stop> {
        let mut inside = self.rest.strip_prefix(b"\"").ok_or(Stop::NotJson)?;
        let mut text = Vec::new();
        loop {
            let end = inside.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')).ok_or(Stop::NotJson)?;
            text.extend_from_slice(&inside[..end]);
            match inside[end] {
                b'"' => {
                    self.rest = &inside[end + 1..];
                    // Go mends what is no UTF-8.
                    let text = Text::from(text);
                    return Ok(self.run.text(text.lossy().as_str())?);
                }
                b'\\' => inside = escape(&inside[end + 1..], &mut text).ok_or(Stop::NotJson)?,
                _ => return Err(Stop::NotJson),
            }
        }
    }
}

/// `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(left, right)| (left, Some(right)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(left, right)| (left, Some(right)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// What follows a backslash; gives the rest.
fn escape<'t>(rest: &'t [u8], text: &mut Vec<u8>) -> Option<&'t [u8]> {
    let byte = match rest.first()? {
        byte @ (b'"' | b'\\' | b'/') => *byte,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let first = unit(rest.get(1..5)?)?;
            let (letter, length) = match rest.get(5..11).filter(|next| next.starts_with(b"\\u")) {
                Some(next) if (0xD800..0xDC00).contains(&first) => match unit(&next[2..])? {
                    second @ 0xDC00..0xE000 => {
                        (char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + second - 0xDC00), 11)
                    }
                    _ => (None, 5),
                },
                _ => (char::from_u32(first), 5),
            };
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return rest.get(length..);
        }
        _ => return None,
    };
    text.push(byte);
    rest.get(1..)
}

fn unit(digits: &[u8]) -> Option<u32> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}
