//! Paths into JSON, as ESO has them from Go's library gjson (github.com/tidwall/gjson 1.18): members, indexes, wildcards,
//! queries, multipaths and modifiers.
//!
//! The library's answers are part of what manifests mean, and that includes its answers to JSON that is not valid: it
//! looks for what can start a value and skips the rest. The Rust crate of that name answers otherwise in many places (in
//! `{"a":{"x":1,"y":{"k":2}}}` it finds nothing at `a.*.k`). Paths come from manifests and JSON from AWS, so a look-up has
//! a limit of depth, and draws on what rendering its object may cost; beyond that it finds nothing.

mod array;
mod budget;
mod glob;
mod modifier;
mod multipath;
mod pretty;
mod query;
mod scan;
mod step;
mod value;

use std::borrow::Cow;

use rekey_template::Env;

use budget::{Budget, Exhausted};
use multipath::Multipath;
use scan::Next;
use step::{ObjectStep, Rest};
pub use value::Value;

/// What is at a path; nothing where there is nothing, or where finding it takes too much.
#[must_use]
pub fn get<'t>(env: &Env, text: &'t [u8], path: &str) -> Option<Value<'t>> {
    let found = find(&Budget::new(env), text, path.as_bytes());
    found.ok().filter(Value::exists)
}

/// [`get`] with what is left of the limits. A value that does not exist is one too, for a pipe can make something of it.
fn find<'t>(budget: &Budget<'_>, text: &'t [u8], path: &[u8]) -> Result<Value<'t>, Exhausted> {
    let _level = budget.descend(text.len() + path.len())?;
    let mut path = path;
    let made = match path {
        [b'@', _, ..] => modifier::run(budget, text, path)?,
        [b'!', _, ..] => modifier::fixed(path),
        [b'[' | b'{', _, ..] => {
            let Multipath { made, rest } = multipath::run(budget, text, path)?;
            path = rest;
            made.map(|made| (made.into(), rest))
        }
        _ => None,
    };
    if let Some((made, rest)) = made {
        return match rest {
            [b'|' | b'.', rest @ ..] => within(budget, made, rest),
            _ => Ok(Value::parse(made)),
        };
    }
    let mut search = Search { budget, value: Value::missing(), pipe: None };
    if let Some(rest) = path.strip_prefix(b"..") {
        // Each line is an item.
        search.array(text, rest)?;
    } else if let Some(start) = text.iter().position(|byte| matches!(byte, b'{' | b'[')) {
        search.container(&text[start..], path)?;
    }
    let Search { value, pipe, .. } = search;
    match pipe {
        Some(pipe) => within(budget, value.into_raw(), pipe),
        None => Ok(value),
    }
}

/// [`find`] in a text that may have been made on the way.
fn within<'t>(budget: &Budget<'_>, text: Cow<'t, [u8]>, path: &[u8]) -> Result<Value<'t>, Exhausted> {
    match text {
        Cow::Borrowed(text) => find(budget, text, path),
        Cow::Owned(text) => Ok(find(budget, &text, path)?.into_owned()),
    }
}

/// A search for one path in one text.
struct Search<'s, 't> {
    budget: &'s Budget<'s>,
    value: Value<'t>,
    /// The path to follow in the value that was found.
    pipe: Option<&'s [u8]>,
}

impl<'s, 't> Search<'s, 't> {
    /// Searches an object or array, beginning at its bracket. Returns whether that ends the search.
    fn container(&mut self, text: &'t [u8], path: &'s [u8]) -> Result<bool, Exhausted> {
        let _level = self.budget.descend(text.len())?;
        match text {
            [b'{', members @ ..] => self.object(members, path),
            [_, items @ ..] => self.array(items, path),
            [] => Ok(false),
        }
    }

    /// Searches the members of an object.
    fn object(&mut self, text: &'t [u8], path: &'s [u8]) -> Result<bool, Exhausted> {
        let step = ObjectStep::parse(path);
        if let Rest::Pipe(pipe) = step.rest {
            self.pipe = Some(pipe);
        }
        let mut at = 0;
        while let Some(start) = scan::key(text, at) {
            let Some(end) = scan::text_end(text, start) else { break };
            let name = value::unquoted(&text[start..end]);
            let matches = if step.wild { glob::matches(self.budget, &name, &step.part)? } else { name == step.part };
            let Next::Value(value, end) = scan::value(text, end, false) else { break };
            at = end;
            if matches && self.at(value, step.rest)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on at a value: in it, if it is an object or array, or nowhere. Returns whether that ends the search.
    fn at(&mut self, value: Value<'t>, rest: Rest<'s>) -> Result<bool, Exhausted> {
        match (rest, value.json()) {
            (Rest::More(rest), Some(text)) => self.container(text, rest),
            (Rest::More(_), None) => Ok(false),
            (Rest::Pipe(_) | Rest::End, _) => {
                self.value = value;
                Ok(true)
            }
        }
    }
}
