//! Texts cut into lists and dicts.

use std::collections::BTreeMap;

use memchr::memmem;

use super::{Table, Texts};
use crate::run::Run;
use crate::value::{Dict, Of, Text, Value};
use crate::{Error, limits, value};

pub(super) fn add(table: &mut Table) {
    table.add("split", |run: &Run<'_>, separator: Text, text: Text| numbered(run, split(run, &text, &separator, -1)?));
    table.add("splitn", |run: &Run<'_>, separator: Text, most: i64, text: Text| {
        numbered(run, split(run, &text, &separator, most)?)
    });
    table.add("splitList", |run: &Run<'_>, separator: Text, text: Text| split(run, &text, &separator, -1).map(list));
}

/// `strings.SplitN`: as many parts as there are, or so many; by nothing, into letters. Each part counts at once,
/// because there can be many of little text.
fn split<'t>(run: &Run<'_>, text: &'t [u8], separator: &[u8], most: i64) -> Result<Vec<&'t [u8]>, Error> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if most == 0 {
        return Ok(parts);
    }
    let mut rest = text;
    let finder = memmem::Finder::new(separator);
    while parts.len() + 1 < most {
        let end = if separator.is_empty() {
            // The last letter is the rest.
            value::letters(rest).next().map(<[u8]>::len).filter(|end| *end < rest.len())
        } else {
            finder.find(rest)
        };
        let Some(end) = end else { break };
        run.make(limits::ITEM)?;
        parts.push(&rest[..end]);
        rest = &rest[end + separator.len()..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(rest);
    }
    Ok(parts)
}

/// The parts by `_0`, `_1`…
fn numbered(run: &Run<'_>, parts: Vec<&[u8]>) -> Result<Dict, Error> {
    let entry =
        |(number, part): (usize, &[u8])| Ok((Text::from(format!("_{number}")), run.text(part).map(Value::Text)?));
    let entries = parts.into_iter().enumerate().map(entry).collect::<Result<BTreeMap<_, _>, Error>>()?;
    run.dict(Of::Text, entries)
}

/// The parts in order.
pub(super) fn list(parts: Vec<&[u8]>) -> Texts {
    Texts(parts.into_iter().map(Text::from).collect())
}
