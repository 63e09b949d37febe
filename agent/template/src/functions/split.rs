//! Texts cut into lists and dicts.

use std::collections::BTreeMap;

use memchr::memmem;

use super::Table;
use super::letters::pieces;
use crate::Error;
use crate::run::Run;
use crate::value::{Dict, List, Of, Text, Value};

pub(super) fn add(table: &mut Table) {
    table.add("split", |run: &Run<'_>, separator: Text, text: Text| numbered(run, split(&text, &separator, -1)));
    table.add("splitn", |run: &Run<'_>, separator: Text, most: i64, text: Text| {
        numbered(run, split(&text, &separator, most))
    });
    table.add("splitList", |run: &Run<'_>, separator: Text, text: Text| list(run, split(&text, &separator, -1)));
}

/// `strings.SplitN`: as many parts as there are, or so many; by nothing, into letters.
fn split<'t>(text: &'t [u8], separator: &[u8], most: i64) -> Vec<&'t [u8]> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        for piece in pieces(text).take(most - 1) {
            parts.push(piece);
            rest = &rest[piece.len()..];
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        return parts;
    }
    let finder = memmem::Finder::new(separator);
    while parts.len() + 1 < most
        && let Some(at) = finder.find(rest)
    {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

/// The parts by `_0`, `_1`…
fn numbered(run: &Run<'_>, parts: Vec<&[u8]>) -> Result<Dict, Error> {
    let entry =
        |(number, part): (usize, &[u8])| Ok((Text::from(format!("_{number}")), run.text(part).map(Value::Text)?));
    let entries = parts.into_iter().enumerate().map(entry).collect::<Result<BTreeMap<_, _>, Error>>()?;
    run.dict(Of::Text, entries)
}

/// The parts in order.
pub(super) fn list(run: &Run<'_>, parts: Vec<&[u8]>) -> Result<List, Error> {
    let items = parts.into_iter().map(|part| run.text(part).map(Value::Text)).collect::<Result<_, _>>()?;
    run.list(Of::Text, items)
}
