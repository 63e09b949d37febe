//! `json.Marshal`

use crate::Error;
use crate::draft::Draft;
use crate::json::{self, Html};
use crate::run::Run;
use crate::value::{DEEPEST, Value};

#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) pretty: bool,
    pub(super) html: Html,
}

/// A value as JSON; nothing if it holds a number that is not finite.
pub(super) fn write(run: &Run<'_>, value: &Value, style: Style) -> Result<Option<Value>, Error> {
    let mut writer = Writer { run, draft: Draft::new(run), style };
    Ok(if writer.value(value, 0)? { Some(writer.draft.value()) } else { None })
}

struct Writer<'r, 'a> {
    run: &'r Run<'a>,
    draft: Draft<'r, 'a>,
    style: Style,
}

impl Writer<'_, '_> {
    /// Could it be written?
    fn value(&mut self, value: &Value, depth: usize) -> Result<bool, Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        match value {
            Value::Nil => self.draft.push(b"null")?,
            Value::Bool(truth) => self.draft.push(if *truth { b"true" } else { b"false" })?,
            Value::Int(_, number) => self.draft.push(number.to_string().as_bytes())?,
            Value::Float(number) if !number.is_finite() => return Ok(false),
            Value::Float(number) => self.draft.push(json::number(*number).as_bytes())?,
            Value::Text(text) => self.text(text)?,
            Value::Object(object) => return self.value(&object.json(), depth + 1),
            Value::List(list) if list.is_nil() => self.draft.push(b"null")?,
            Value::List(list) => {
                self.run.read(list.len())?;
                self.draft.push(b"[")?;
                for (number, item) in list.iter().enumerate() {
                    self.next(number, depth + 1)?;
                    if !self.value(item, depth + 1)? {
                        return Ok(false);
                    }
                }
                self.close(list.is_empty(), depth, b"]")?;
            }
            Value::Dict(dict) => {
                self.draft.push(b"{")?;
                for (number, (key, item)) in dict.entries().iter().enumerate() {
                    self.next(number, depth + 1)?;
                    self.text(key)?;
                    self.draft.push(if self.style.pretty { b": " } else { b":" })?;
                    if !self.value(item, depth + 1)? {
                        return Ok(false);
                    }
                }
                self.close(dict.len() == 0, depth, b"}")?;
            }
        }
        Ok(true)
    }

    /// What stands before an element.
    fn next(&mut self, number: usize, depth: usize) -> Result<(), Error> {
        if number > 0 {
            self.draft.push(b",")?;
        }
        self.line(depth)
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        if self.style.pretty {
            self.draft.push(b"\n")?;
            self.draft.push_times(b"  ", depth)?;
        }
        Ok(())
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: &[u8]) -> Result<(), Error> {
        if !empty {
            self.line(depth)?;
        }
        self.draft.push(bracket)
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Error> {
        self.draft.push(b"\"")?;
        for chunk in text.utf8_chunks() {
            let mut plain = 0;
            let valid = chunk.valid();
            for (at, letter) in valid.char_indices() {
                let Some(escaped) = json::escape(letter, self.style.html) else { continue };
                self.draft.push(&valid.as_bytes()[plain..at])?;
                self.draft.push(escaped.as_bytes())?;
                plain = at + letter.len_utf8();
            }
            self.draft.push(&valid.as_bytes()[plain..])?;
            self.draft.push_times(b"\\ufffd", chunk.invalid().len())?;
        }
        self.draft.push(b"\"")
    }
}
