//! `#(path op value)`: which items of an array are meant.

use std::borrow::Cow;

use super::budget::{Budget, Exhausted};
use super::value::{self, Kind, Value};
use super::{find, glob};

/// A condition on items. The default one asks whether there is an item.
#[derive(Default)]
pub(super) struct Query<'p> {
    path: &'p [u8],
    operator: &'p [u8],
    value: Cow<'p, [u8]>,
    /// Are all items meant that match, or the first?
    pub all: bool,
}

impl<'p> Query<'p> {
    /// Reads the query that a step begins with, and where it ends (before a second `#`). Nothing if it is not closed.
    pub(super) fn parse(step: &'p [u8]) -> Option<(Self, usize)> {
        let (mut at, mut open) = (2, 1);
        let (mut operator, mut escapes) = (None, false);
        loop {
            let byte = step.get(at)?;
            if open == 1 && operator.is_none() && matches!(byte, b'!' | b'=' | b'<' | b'>' | b'%') {
                operator = Some(at);
                at += 1;
                continue;
            }
            match byte {
                b'\\' => at += 1,
                b'[' | b'(' => open += 1,
                b']' | b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'"' => {
                    at += 1;
                    while let Some(byte) = step.get(at).filter(|byte| **byte != b'"') {
                        if *byte == b'\\' {
                            escapes = true;
                            at += 1;
                        }
                        at += 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        let all = step.get(at + 1) == Some(&b'#');
        let Some(start) = operator else {
            let path = trimmed(&step[2..at]);
            return Some((Self { path, all, ..Self::default() }, at + 1));
        };
        let comparison = trimmed(&step[start..at]);
        let length = match comparison {
            [_] => 1,
            [b'!', b'=' | b'%', ..] | [b'<' | b'>' | b'=', b'=', ..] => 2,
            [b'!', ..] => 0,
            _ => 1,
        };
        let (operator, value) = comparison.split_at(length);
        let value = match trimmed(value) {
            [b'"', inner @ .., b'"'] if escapes => Cow::Owned(value::unescape(inner)),
            [b'"', inner @ .., b'"'] => Cow::Borrowed(inner),
            other => Cow::Borrowed(other),
        };
        // `==` means `=`.
        let operator = if operator == b"==" { &operator[1..] } else { operator };
        Some((Self { path: trimmed(&step[2..start]), operator, value, all }, at + 1))
    }

    /// Is this item meant?
    pub(super) fn matches(&self, budget: &Budget<'_>, item: &Value<'_>) -> Result<bool, Exhausted> {
        if item.kind == Kind::Json {
            let found = find(budget, item.raw(), self.path)?;
            return self.accepts(budget, &found);
        }
        if self.path.is_empty() { self.accepts(budget, item) } else { Ok(false) }
    }

    fn accepts(&self, budget: &Budget<'_>, found: &Value<'_>) -> Result<bool, Exhausted> {
        let Some(about) = self.value.strip_prefix(b"~") else { return self.compares(budget, found, &self.value) };
        // Is it like true, like false, like null, or there at all?
        let is = match about {
            b"*" => found.exists(),
            b"null" => found.kind == Kind::Null,
            b"true" => match found.kind {
                Kind::Text => value::boolean(&found.text()) == Some(true),
                Kind::Number => found.number() != 0.0,
                kind => kind == Kind::True,
            },
            b"false" => match found.kind {
                Kind::Text => value::boolean(&found.text()) == Some(false),
                Kind::Number => found.number() == 0.0,
                kind => matches!(kind, Kind::False | Kind::Null),
            },
            _ => return Ok(false),
        };
        let verdict = if is { Value::new(Kind::True, &b"true"[..]) } else { Value::new(Kind::False, &b"false"[..]) };
        self.compares(budget, &verdict, b"true")
    }

    fn compares(&self, budget: &Budget<'_>, found: &Value<'_>, with: &[u8]) -> Result<bool, Exhausted> {
        if !found.exists() {
            return Ok(false);
        }
        Ok(match (self.operator, found.kind) {
            (b"", _) => true,
            (b"%", Kind::Text) => glob::matches(budget, &found.text(), with)?,
            (b"!%", Kind::Text) => !glob::matches(budget, &found.text(), with)?,
            (operator, Kind::Text) => holds(operator, &*found.text(), with),
            (operator, Kind::Number) => holds(operator, &found.number(), &value::float(with)),
            // `true >=` and `false <=` hold whatever follows.
            (operator, Kind::True) => match operator {
                b"=" => with == b"true",
                b"!=" => with != b"true",
                b">" => with == b"false",
                operator => operator == b">=",
            },
            (operator, Kind::False) => match operator {
                b"=" => with == b"false",
                b"!=" => with != b"false",
                b"<" => with == b"true",
                operator => operator == b"<=",
            },
            (_, Kind::Null | Kind::Json) => false,
        })
    }
}

fn holds<T: PartialOrd + ?Sized>(operator: &[u8], one: &T, other: &T) -> bool {
    match operator {
        b"=" => one == other,
        b"!=" => one != other,
        b"<" => one < other,
        b"<=" => one <= other,
        b">" => one > other,
        b">=" => one >= other,
        _ => false,
    }
}

/// Without what is no letter at either end.
pub(super) fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [..=b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., ..=b' '] = text {
        text = rest;
    }
    text
}
