//! `@pretty` and `@ugly` (github.com/tidwall/pretty 1.2). Of JSON that is not valid, other lines come out than there.

use std::borrow::Cow;

use super::budget::{Budget, Exhausted};
use super::modifier::unquoted_key;
use super::scan::{self, Parts};
use super::value::Value;

/// How `@pretty` sets lines.
pub(super) struct Layout {
    /// Arrays up to this width stand on one line.
    width: usize,
    prefix: Vec<u8>,
    indent: Vec<u8>,
    sort_keys: bool,
}

impl Layout {
    /// Reads the modifier's argument.
    pub(super) fn read(argument: &[u8]) -> Self {
        let mut layout = Self { width: 80, prefix: Vec::new(), indent: b"  ".to_vec(), sort_keys: false };
        let argument = Value::parse(Cow::Borrowed(argument));
        for (key, value) in Parts::of(&argument) {
            let blanks = || value.text().iter().copied().filter(|byte| b" \t\n\r".contains(byte)).collect();
            match &*unquoted_key(key) {
                b"sortKeys" => layout.sort_keys = value.bool(),
                b"indent" => layout.indent = blanks(),
                b"prefix" => layout.prefix = blanks(),
                b"width" => {
                    let width = std::str::from_utf8(value.raw()).ok().and_then(|text| text.parse().ok());
                    layout.width = width.unwrap_or_default();
                }
                _ => {}
            }
        }
        layout
    }
}

/// Without white space outside of texts.
pub(super) fn ugly(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let end = if *byte == b'"' { scan::text_end(text, at).unwrap_or(text.len()) } else { at + 1 };
        if *byte > b' ' {
            out.extend_from_slice(&text[at..end]);
        }
        at = end;
    }
    out
}

/// One member or item a line.
pub(super) fn pretty(budget: &Budget<'_>, text: &[u8], layout: &Layout) -> Result<Vec<u8>, Exhausted> {
    let mut printer = Printer { budget, layout, out: layout.prefix.clone(), line: 0 };
    if let scan::Next::Value(value, _) = scan::value(text, 0, false) {
        printer.value(&value, 0)?;
    }
    if !printer.out.is_empty() {
        printer.out.push(b'\n');
    }
    Ok(printer.out)
}

struct Printer<'b> {
    budget: &'b Budget<'b>,
    layout: &'b Layout,
    out: Vec<u8>,
    /// Where the line began.
    line: usize,
}

impl Printer<'_> {
    fn value(&mut self, value: &Value<'_>, depth: usize) -> Result<(), Exhausted> {
        let _level = self.budget.descend(value.raw().len())?;
        if value.is_array() {
            let room = self.layout.width.saturating_sub(self.out.len() - self.line);
            match flat(self.budget, value)?.filter(|flat| room > 3 && flat.len() <= room) {
                Some(flat) => self.out.extend(flat),
                None => self.block(b'[', value, b']', depth)?,
            }
        } else if value.is_object() {
            self.block(b'{', value, b'}', depth)?;
        } else {
            self.out.extend_from_slice(value.raw());
        }
        Ok(())
    }

    fn block(&mut self, open: u8, value: &Value<'_>, close: u8, depth: usize) -> Result<(), Exhausted> {
        self.out.push(open);
        let mut parts: Vec<_> = Parts::of(value).collect();
        if self.layout.sort_keys {
            parts.sort_by(|one, other| unquoted_key(one.0).cmp(&unquoted_key(other.0)));
        }
        for (index, (key, value)) in parts.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.new_line(depth + 1)?;
            if index > 0 && open == b'[' {
                // Go counts the line break to the line elsewhere.
                self.line += 1;
            }
            if !key.is_empty() {
                self.out.extend_from_slice(key);
                self.out.extend_from_slice(b": ");
            }
            self.value(value, depth + 1)?;
        }
        if !parts.is_empty() {
            self.new_line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Exhausted> {
        self.budget.make(self.layout.prefix.len() + depth.saturating_mul(self.layout.indent.len()))?;
        self.line = self.out.len();
        self.out.push(b'\n');
        self.out.extend_from_slice(&self.layout.prefix);
        for _ in 0..depth {
            self.out.extend_from_slice(&self.layout.indent);
        }
        Ok(())
    }
}

/// An array on one line; nothing where an object is in it.
fn flat(budget: &Budget<'_>, array: &Value<'_>) -> Result<Option<Vec<u8>>, Exhausted> {
    let _level = budget.descend(array.raw().len())?;
    let mut out = vec![b'['];
    for (index, (_, item)) in Parts::of(array).enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        if item.is_object() {
            return Ok(None);
        }
        if item.is_array() {
            let Some(inner) = flat(budget, &item)? else { return Ok(None) };
            out.extend(inner);
        } else {
            out.extend_from_slice(item.raw());
        }
    }
    out.push(b']');
    Ok(Some(out))
}
