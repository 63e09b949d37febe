//! Finds keys and values in JSON without asking whether it is valid. Whatever cannot start one is skipped.

use super::value::{Kind, Value};

/// What comes next in an object or array.
pub(super) enum Next<'t> {
    /// A value, and where it ends.
    Value(Value<'t>, usize),
    /// The array's end, or that of the text.
    End,
    /// A text that does not end.
    Broken,
}

/// Where the next key begins, at its quote; nothing after the object's end.
pub(super) fn key(text: &[u8], from: usize) -> Option<usize> {
    let at = from + text.get(from..)?.iter().position(|byte| matches!(byte, b'"' | b'}'))?;
    (text[at] == b'"').then_some(at)
}

/// The next value. `in_array`: a closing bracket ends the search.
pub(super) fn value(text: &[u8], from: usize, in_array: bool) -> Next<'_> {
    if from > text.len() {
        return Next::Broken;
    }
    for at in from..text.len() {
        let (kind, end) = match text[at] {
            b'"' => match text_end(text, at) {
                Some(end) => (Kind::Text, end),
                None => return Next::Broken,
            },
            b'{' | b'[' => (Kind::Json, balanced(text, at)),
            b'n' if text.get(at + 1).is_none_or(|next| *next == b'u') => (Kind::Null, word_end(text, at)),
            b't' => (Kind::True, word_end(text, at)),
            b'f' => (Kind::False, word_end(text, at)),
            b'+' | b'-' | b'0'..=b'9' | b'i' | b'I' | b'N' | b'n' => (Kind::Number, number_end(text, at)),
            b']' if in_array => return Next::End,
            _ => continue,
        };
        return Next::Value(Value::new(kind, &text[at..end.min(text.len())]), end);
    }
    Next::End
}

/// Where a text ends that begins at this quote; nothing if it does not end.
pub(super) fn text_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where an object or array ends that begins at this bracket: at the bracket that leaves none open, of whatever kind.
/// Behind the end of everything, if a text in it does not end.
pub(super) fn balanced(text: &[u8], start: usize) -> usize {
    let (mut at, mut open) = (start + 1, 1_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => match text_end(text, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return text.len() + 1,
            },
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open -= 1,
            _ => {}
        }
        at += 1;
        if open == 0 {
            return at;
        }
    }
    text.len()
}

/// The end of an argument that begins with a bracket or quote.
pub(super) fn argument_end(text: &[u8], start: usize) -> usize {
    if text[start] == b'"' {
        text_end(text, start).unwrap_or(text.len())
    } else {
        balanced(text, start).min(text.len())
    }
}

pub(super) fn number_end(text: &[u8], start: usize) -> usize {
    end_of(text, start, |byte| byte <= b' ' || matches!(byte, b',' | b']' | b'}'))
}

pub(super) fn word_end(text: &[u8], start: usize) -> usize {
    end_of(text, start, |byte| !byte.is_ascii_lowercase())
}

fn end_of(text: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
    let rest = &text[start + 1..];
    start + 1 + rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len())
}

/// The members of an object, or the items of an array, one after the other; anything else is its own only item.
pub(super) struct Parts<'v> {
    text: &'v [u8],
    at: usize,
    kind: Kind,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Array,
    /// Not given out yet.
    Scalar,
    Done,
}

impl<'v> Parts<'v> {
    pub(super) fn of(value: &'v Value<'_>) -> Self {
        let text = value.raw();
        let start = text.iter().position(|byte| *byte > b' ').unwrap_or(text.len());
        let (shape, at) = match (value.kind, text.get(start)) {
            _ if !value.exists() => (Shape::Done, 0),
            (Kind::Json, Some(b'{')) => (Shape::Object, start + 1),
            (Kind::Json, Some(b'[')) => (Shape::Array, start + 1),
            (Kind::Json, _) => (Shape::Done, 0),
            _ => (Shape::Scalar, 0),
        };
        Self { text, at, kind: value.kind, shape }
    }
}

impl<'v> Iterator for Parts<'v> {
    /// The key with its quotes, of a member; and the value.
    type Item = (&'v [u8], Value<'v>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = match self.shape {
            Shape::Done => return None,
            Shape::Scalar => {
                self.shape = Shape::Done;
                return Some((&[], Value::new(self.kind, self.text)));
            }
            Shape::Array => &[],
            Shape::Object => {
                let start = self.at + self.text.get(self.at..)?.iter().position(|byte| *byte == b'"')?;
                let end = text_end(self.text, start)?;
                self.at = end;
                &self.text[start..end]
            }
        };
        match value(self.text, self.at, false) {
            Next::Value(value, end) => {
                self.at = end;
                Some((key, value))
            }
            Next::End | Next::Broken => {
                self.shape = Shape::Done;
                None
            }
        }
    }
}
