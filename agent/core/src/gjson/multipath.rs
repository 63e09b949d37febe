//! `[a,b]` and `{a,"name":b}`: several paths, whose values make a new array or object.

use super::budget::{Budget, Exhausted};
use super::find;
use super::scan;
use crate::json::{self, Html};

struct Selector<'p> {
    name: &'p [u8],
    path: &'p [u8],
}

/// What becomes of a path that begins like a multipath.
pub(super) struct Multipath<'p> {
    /// The value that it describes; nothing if it is none after all.
    pub made: Option<Vec<u8>>,
    /// What follows it, or the path to look up instead: what follows the bracket that closes it, if one does.
    pub rest: &'p [u8],
}

/// Makes the value that a multipath describes.
pub(super) fn run<'p>(budget: &Budget<'_>, text: &[u8], path: &'p [u8]) -> Result<Multipath<'p>, Exhausted> {
    let (selectors, rest) = match selectors(path) {
        Some((selectors, rest @ ([] | [b'|' | b'.', ..]))) => (selectors, rest),
        Some((_, rest)) => return Ok(Multipath { made: None, rest }),
        None => return Ok(Multipath { made: None, rest: &[] }),
    };
    let (open, close) = if path[0] == b'{' { (b'{', b'}') } else { (b'[', b']') };
    let mut made = vec![open];
    for Selector { name, path } in selectors {
        let found = find(budget, text, path)?;
        if !found.exists() {
            continue;
        }
        if made.len() > 1 {
            made.push(b',');
        }
        if open == b'{' {
            push_name(&mut made, name, path);
            made.push(b':');
        }
        budget.make(found.raw().len())?;
        made.extend_from_slice(if found.raw().is_empty() { b"null" } else { found.raw() });
    }
    made.push(close);
    Ok(Multipath { made: Some(made), rest })
}

/// The name that is given, or the last one of the path.
fn push_name(made: &mut Vec<u8>, name: &[u8], path: &[u8]) {
    let last = last_name(path);
    match name {
        [b'"', ..] if is_valid(name) => made.extend_from_slice(name),
        [] if is_simple(last) => push_quoted(made, last),
        [] => push_quoted(made, b"_"),
        name => push_quoted(made, name),
    }
}

/// A text as JSON.
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    let mut quoted = String::new();
    json::quote(&String::from_utf8_lossy(text), &mut quoted, Html::Escaped);
    out.extend_from_slice(quoted.as_bytes());
}

/// Is it valid JSON?
pub(super) fn is_valid(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// Splits a multipath at its commas and colons. Nothing if it is not closed.
fn selectors(path: &[u8]) -> Option<(Vec<Selector<'_>>, &[u8])> {
    let mut selectors = Vec::new();
    let (mut at, mut open, mut start) = (1, 1, 1);
    let (mut colon, mut in_modifier) = (None, false);
    loop {
        match path.get(at)? {
            b'\\' => at += 1,
            b'@' if matches!(path[at - 1], b'.' | b'|') => in_modifier = true,
            b':' if !in_modifier && colon.is_none() && open == 1 => colon = Some(at),
            b'"' => at = scan::text_end(path, at).map_or(path.len(), |end| end - 1),
            b'[' | b'(' | b'{' => open += 1,
            byte @ (b',' | b']' | b')' | b'}') => {
                open -= u32::from(*byte != b',');
                if open == 0 || (*byte == b',' && open == 1) {
                    let (name, from) = colon.map_or((&[][..], start), |colon| (&path[start..colon], colon + 1));
                    selectors.push(Selector { name, path: &path[from..at] });
                    (colon, in_modifier, start) = (None, false, at + 1);
                }
                if open == 0 {
                    return Some((selectors, &path[at + 1..]));
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// What follows the last dot or pipe that is not escaped.
fn last_name(path: &[u8]) -> &[u8] {
    let separates = |at: &usize| matches!(path[*at], b'|' | b'.') && (*at == 0 || path[at - 1] != b'\\');
    (0..path.len()).rev().find(separates).map_or(path, |at| &path[at + 1..])
}

fn is_simple(name: &[u8]) -> bool {
    name.iter().all(|byte| *byte >= b' ' && !b"[]{}()#|!".contains(byte))
}

/// Splits a path at its first pipe that stands outside of queries; a multipath, at the one that follows it.
pub(super) fn split_pipe(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    if path.first() == Some(&b'{') {
        let end = scan::balanced(path, 0).min(path.len());
        // gjson looks for the bracket that closes the first one, but counts that one for none.
        return match path.get(end) {
            Some(b'|') => (&path[..end], Some(&path[end + 1..])),
            _ => (path, None),
        };
    }
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        match byte {
            b'\\' => at += 1,
            b'.' if path.get(at + 1) == Some(&b'#') => {
                at += 2;
                if matches!(path.get(at), Some(b'[' | b'(')) {
                    at = query_end(path, at);
                }
            }
            b'|' => return (&path[..at], Some(&path[at + 1..])),
            _ => {}
        }
        at += 1;
    }
    (path, None)
}

/// The bracket that closes a query.
fn query_end(path: &[u8], start: usize) -> usize {
    let (opening, closing) = if path[start] == b'[' { (b'[', b']') } else { (b'(', b')') };
    let (mut at, mut open) = (start + 1, 1);
    while let Some(byte) = path.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => at = scan::text_end(path, at).map_or(path.len(), |end| end - 1),
            _ if *byte == opening => open += 1,
            _ if *byte == closing => {
                open -= 1;
                if open == 0 {
                    break;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}
