//! The functions of Go's text/template. `and` and `or` are the executor's, which evaluates no more than they need; here
//! they have a place in the table. `slice` is sprig's.

use std::cmp::Ordering;

use super::{Rest, Table};
use crate::run::Run;
use crate::value::{IntType, Text, Value};
use crate::{Error, format};

pub(super) fn add(table: &mut Table) {
    table.add("and", |first: Value, _: Rest<Value>| first);
    table.add("or", |first: Value, _: Rest<Value>| first);
    table.add("not", |value: Value| !value.is_true());
    table.add("call", call);
    table.add("eq", eq);
    table.add("ne", |run: &Run<'_>, a: Value, b: Value| equal(run, &a, &b).map(|equal| !equal));
    table.add("lt", |run: &Run<'_>, a: Value, b: Value| order(run, &a, &b).map(Ordering::is_lt));
    table.add("le", |run: &Run<'_>, a: Value, b: Value| order(run, &a, &b).map(Ordering::is_le));
    table.add("gt", |run: &Run<'_>, a: Value, b: Value| order(run, &a, &b).map(Ordering::is_gt));
    table.add("ge", |run: &Run<'_>, a: Value, b: Value| order(run, &a, &b).map(Ordering::is_ge));
    table.add("index", index);
    table.add("len", len);
    table.add("print", |run: &Run<'_>, values: Rest<Value>| format::sprint(run, &values.0));
    table.add("println", |run: &Run<'_>, values: Rest<Value>| format::sprintln(run, &values.0));
    table.add("printf", |run: &Run<'_>, format: Text, values: Rest<Value>| format::sprintf(run, &format, &values.0));
    table.add("html", |run: &Run<'_>, values: Rest<Value>| escaped(run, &values.0, html));
    table.add("js", |run: &Run<'_>, values: Rest<Value>| escaped(run, &values.0, js));
    table.add("urlquery", |run: &Run<'_>, values: Rest<Value>| escaped(run, &values.0, url_query));
}

fn failed<T>(words: impl Into<String>) -> Result<T, Error> {
    Err(Error::Failed(words.into()))
}

/// Nothing that a template can hold is a function.
fn call(function: Value, _: Rest<Value>) -> Result<Value, Error> {
    failed(format!("call of a value of type {}", function.type_name()))
}

fn eq(run: &Run<'_>, first: Value, others: Rest<Value>) -> Result<bool, Error> {
    if others.0.is_empty() {
        return failed("missing argument for comparison");
    }
    for other in &others.0 {
        if equal(run, &first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(run: &Run<'_>, a: &Value, b: &Value) -> Result<bool, Error> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::List(_) | Value::Dict(_) | Value::Object(_), other) if a.kind() == other.kind() => {
            failed(format!("non-comparable type {}", a.type_name()))
        }
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => order(run, a, b).map(Ordering::is_eq),
    }
}

fn order(run: &Run<'_>, a: &Value, b: &Value) -> Result<Ordering, Error> {
    match (a, b) {
        (Value::Int(_, a), Value::Int(_, b)) => Ok(a.cmp(b)),
        // Nothing compares with NaN, so nothing is true of it.
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).map_or_else(|| failed("a comparison with NaN"), Ok),
        (Value::Text(a), Value::Text(b)) => {
            run.read(a.len().min(b.len()))?;
            Ok(a.cmp(b))
        }
        _ if a.kind() == b.kind() => failed("invalid type for comparison"),
        _ => failed(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())),
    }
}

fn index(item: Value, keys: Rest<Value>) -> Result<Value, Error> {
    if matches!(item, Value::Nil) {
        return failed("index of untyped nil");
    }
    keys.0.iter().try_fold(item, |item, key| match (&item, key) {
        (Value::List(list), Value::Int(_, number)) => element(list, *number).cloned(),
        (Value::Text(text), Value::Int(_, number)) => {
            element(text, *number).map(|byte| Value::Int(IntType::Uint8, i64::from(*byte)))
        }
        (Value::Dict(dict), Value::Text(key)) => Ok(dict.get(key).unwrap_or_else(|| dict.of().zero())),
        (Value::Nil, _) => failed("index of nil"),
        _ => failed(format!("cannot index {} with {}", item.type_name(), key.type_name())),
    })
}

fn element<T>(items: &[T], number: i64) -> Result<&T, Error> {
    usize::try_from(number)
        .ok()
        .and_then(|number| items.get(number))
        .map_or_else(|| failed("an index is out of range"), Ok)
}

fn len(value: Value) -> Result<usize, Error> {
    match &value {
        Value::Text(text) => Ok(text.len()),
        Value::List(list) => Ok(list.len()),
        Value::Dict(dict) => Ok(dict.len()),
        other => failed(format!("len of type {}", other.type_name())),
    }
}

/// Escapes what `print` makes of the values, but nil as a template prints it.
fn escaped(run: &Run<'_>, values: &[Value], escape: fn(&Text) -> Vec<u8>) -> Result<Vec<u8>, Error> {
    let text = if let [Value::Text(text)] = values {
        text.clone()
    } else {
        let nothing = || Value::from("<no value>");
        let shown = |value: &Value| if matches!(value, Value::Nil) { nothing() } else { value.clone() };
        format::sprint(run, &values.iter().map(shown).collect::<Vec<_>>())?
    };
    // The escapes below make six bytes of one at most.
    run.make(text.len().saturating_mul(6))?;
    Ok(escape(&text))
}

fn html(text: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text.iter() {
        match byte {
            0 => out.extend("\u{FFFD}".as_bytes()),
            b'"' => out.extend(b"&#34;"),
            b'\'' => out.extend(b"&#39;"),
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            other => out.push(*other),
        }
    }
    out
}

fn js(text: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    for letter in text.chars() {
        match letter {
            '\\' | '\'' | '"' => out.extend([b'\\', letter as u8]),
            '<' | '>' | '&' | '=' | '\0'..' ' => out.extend(format!("\\u{:04X}", u32::from(letter)).bytes()),
            _ if letter.is_ascii() || format::is_print(letter) => {
                out.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            }
            _ => out.extend(format!("\\u{:04X}", u32::from(letter)).bytes()),
        }
    }
    out
}

/// `url.QueryEscape`
pub(super) fn url_query(text: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            other => out.extend(format!("%{other:02X}").bytes()),
        }
    }
    out
}
