//! `@name:argument`, which makes other JSON of a value, and `!value`, which stands for itself.

use std::borrow::Cow;
use std::collections::HashMap;

use super::budget::{Budget, Exhausted};
use super::multipath::{is_valid, push_quoted};
use super::query::trimmed;
use super::scan::{self, Parts};
use super::value::{Kind, Value, unquoted};
use super::{find, pretty};

/// JSON that a path made, and the path that goes on in it.
pub(super) type Made<'t, 'p> = (Cow<'t, [u8]>, &'p [u8]);

const NAMES: [&[u8]; 13] = [
    b"pretty", b"ugly", b"reverse", b"this", b"flatten", b"join", b"valid", b"keys", b"values", b"tostr", b"fromstr",
    b"group", b"dig",
];

/// Is there a modifier of this name?
pub(super) fn exists(name: &[u8]) -> bool {
    NAMES.contains(&name)
}

/// Runs the modifier that a path begins with. Nothing if there is none of that name.
pub(super) fn run<'t, 'p>(
    budget: &Budget<'_>,
    text: &'t [u8],
    path: &'p [u8],
) -> Result<Option<Made<'t, 'p>>, Exhausted> {
    let end = path.iter().position(|byte| matches!(byte, b':' | b'|' | b'.')).unwrap_or(path.len());
    let name = &path[1..end];
    if !exists(name) {
        return Ok(None);
    }
    let (argument, rest) = match path.get(end) {
        Some(b':') => path[end + 1..].split_at(argument_length(&path[end + 1..])),
        _ => (&[][..], &path[end..]),
    };
    budget.spend(text.len())?;
    let made = match name {
        b"this" => Cow::Borrowed(text),
        b"valid" if is_valid(text) => Cow::Borrowed(text),
        b"fromstr" if is_valid(text) => Cow::Owned(Value::parse(Cow::Borrowed(text)).text().into_owned()),
        b"valid" | b"fromstr" => Cow::Borrowed(&[][..]),
        b"pretty" => Cow::Owned(pretty::pretty(budget, text, &pretty::Layout::read(argument))?),
        b"ugly" => Cow::Owned(pretty::ugly(text)),
        b"reverse" => reverse(text),
        b"flatten" => flatten(budget, text, option(argument, b"deep"))?,
        b"join" => join(text, option(argument, b"preserve")),
        b"keys" => keys(text),
        b"values" => values(text),
        b"tostr" => {
            let mut quoted = Vec::new();
            push_quoted(&mut quoted, text);
            Cow::Owned(quoted)
        }
        b"group" => Cow::Owned(group(text)),
        _ => Cow::Owned(dig(budget, text, argument)?),
    };
    if let Cow::Owned(made) = &made {
        budget.make(made.len())?;
    }
    Ok(Some((made, rest)))
}

/// A value that stands in the path.
pub(super) fn fixed<'t>(path: &[u8]) -> Option<Made<'t, '_>> {
    let rest = &path[1..];
    if matches!(rest.first(), Some(b'{' | b'[' | b'"' | b'+' | b'-' | b'0'..=b'9')) {
        // Up to the bracket that closes the first letter, whatever that is.
        let (value, rest) = rest.split_at(scan::balanced(rest, 0).min(rest.len()));
        return Some((Cow::Owned(value.to_vec()), rest));
    }
    let end = rest.iter().position(|byte| matches!(byte, b'|' | b'.')).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let known = [&b"true"[..], b"false", b"null", b"nan", b"inf"].contains(&name.to_ascii_lowercase().as_slice());
    known.then(|| (Cow::Owned(name.to_vec()), rest))
}

/// JSON, or anything up to a pipe that stands outside of brackets and quotes.
fn argument_length(text: &[u8]) -> usize {
    if let Some(b'{' | b'[' | b'"') = text.first() {
        return scan::argument_end(text, 0);
    }
    let mut at = 0;
    while let Some(byte) = text.get(at).filter(|byte| **byte != b'|') {
        at = if matches!(byte, b'{' | b'[' | b'"' | b'(') { scan::argument_end(text, at) } else { at + 1 };
    }
    at
}

/// A switch in a modifier's argument.
fn option(argument: &[u8], name: &[u8]) -> bool {
    let argument = Value::parse(Cow::Borrowed(argument));
    let named = |(key, value): (&[u8], Value<'_>)| (*unquoted_key(key) == *name).then(|| value.bool());
    Parts::of(&argument).filter_map(named).last().unwrap_or_default()
}

/// The text of a key; the items of arrays have none.
pub(super) fn unquoted_key(key: &[u8]) -> Cow<'_, [u8]> {
    if key.is_empty() { Cow::Borrowed(key) } else { unquoted(key) }
}

/// Parts with commas between them.
fn listed<T: AsRef<[u8]>>(open: u8, parts: impl IntoIterator<Item = T>, close: u8) -> Vec<u8> {
    let mut out = vec![open];
    for part in parts {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(part.as_ref());
    }
    out.push(close);
    out
}

fn member((key, value): (&[u8], Value<'_>)) -> Vec<u8> {
    [key, b":", value.raw()].concat()
}

fn item((_, value): (&[u8], Value<'_>)) -> Vec<u8> {
    value.raw().to_vec()
}

fn reverse(text: &[u8]) -> Cow<'_, [u8]> {
    let value = Value::parse(Cow::Borrowed(text));
    let mut parts: Vec<_> = Parts::of(&value).collect();
    parts.reverse();
    if value.is_array() {
        Cow::Owned(listed(b'[', parts.into_iter().map(item), b']'))
    } else if value.is_object() {
        Cow::Owned(listed(b'{', parts.into_iter().map(member), b'}'))
    } else {
        Cow::Borrowed(text)
    }
}

/// Puts the items of arrays in the place of the arrays.
fn flatten<'t>(budget: &Budget<'_>, text: &'t [u8], deep: bool) -> Result<Cow<'t, [u8]>, Exhausted> {
    let _level = budget.descend(text.len())?;
    let value = Value::parse(Cow::Borrowed(text));
    if !value.is_array() {
        return Ok(Cow::Borrowed(text));
    }
    let mut flat = Vec::new();
    for (_, item) in Parts::of(&value) {
        let raw = match (item.is_array(), deep) {
            (true, true) => unwrapped(&flatten(budget, item.raw(), deep)?).to_vec(),
            (true, false) => unwrapped(item.raw()).to_vec(),
            (false, _) => item.raw().to_vec(),
        };
        flat.push(raw);
    }
    let flat = flat.iter().map(|raw| raw.trim_ascii()).filter(|raw| !raw.is_empty());
    Ok(Cow::Owned(listed(b'[', flat, b']')))
}

/// Without the brackets around it.
fn unwrapped(text: &[u8]) -> &[u8] {
    match trimmed(text) {
        [b'[' | b'{', inner @ .., _] => inner,
        other => other,
    }
}

/// One object of several. Of members with one name the last counts, unless all are preserved.
fn join(text: &[u8], preserve: bool) -> Cow<'_, [u8]> {
    let value = Value::parse(Cow::Borrowed(text));
    if !value.is_array() {
        return Cow::Borrowed(text);
    }
    let items: Vec<_> = Parts::of(&value).map(|(_, item)| item).collect();
    let objects = items.iter().filter(|item| item.is_object());
    if preserve {
        let members = objects.map(|object| unwrapped(object.raw()));
        return Cow::Owned(listed(b'{', members, b'}'));
    }
    let (mut members, mut places) = (Vec::<(&[u8], Value<'_>)>::new(), HashMap::new());
    for (key, value) in objects.flat_map(Parts::of) {
        let place = *places.entry(unquoted_key(key)).or_insert(members.len());
        match members.get_mut(place) {
            Some((_, known)) => *known = value,
            None => members.push((key, value)),
        }
    }
    Cow::Owned(listed(b'{', members.into_iter().map(member), b'}'))
}

fn keys(text: &[u8]) -> Cow<'_, [u8]> {
    let value = Value::parse(Cow::Borrowed(text));
    let keys = Parts::of(&value).map(|(key, _)| if value.is_object() { key } else { b"null" });
    Cow::Owned(listed(b'[', keys, b']'))
}

fn values(text: &[u8]) -> Cow<'_, [u8]> {
    let value = Value::parse(Cow::Borrowed(text));
    if value.is_array() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(listed(b'[', Parts::of(&value).map(item), b']'))
}

/// Of an object of arrays, an array of objects.
fn group(text: &[u8]) -> Vec<u8> {
    let value = Value::parse(Cow::Borrowed(text));
    if !value.is_object() {
        return Vec::new();
    }
    let mut objects: Vec<Vec<Vec<u8>>> = Vec::new();
    for (key, list) in Parts::of(&value).filter(|(_, list)| list.is_array()) {
        for (index, (_, item)) in Parts::of(&list).enumerate() {
            if index == objects.len() {
                objects.push(Vec::new());
            }
            objects[index].push(member((key, item)));
        }
    }
    listed(b'[', objects.into_iter().map(|members| listed(b'{', members, b'}')), b']')
}

/// What is at a path, in the value and in everything inside of it.
fn dig(budget: &Budget<'_>, text: &[u8], path: &[u8]) -> Result<Vec<u8>, Exhausted> {
    let mut found = Vec::new();
    dig_in(budget, &Value::parse(Cow::Borrowed(text)), path, &mut found)?;
    Ok(listed(b'[', found, b']'))
}

fn dig_in(budget: &Budget<'_>, value: &Value<'_>, path: &[u8], found: &mut Vec<Vec<u8>>) -> Result<(), Exhausted> {
    let _level = budget.descend(value.raw().len())?;
    let here = find(budget, value.raw(), path)?;
    if here.exists() {
        budget.make(here.raw().len())?;
        found.push(here.into_raw().into_owned());
    }
    if value.kind == Kind::Json {
        for (_, part) in Parts::of(value) {
            dig_in(budget, &part, path, found)?;
        }
    }
    Ok(())
}
