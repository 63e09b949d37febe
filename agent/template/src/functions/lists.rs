//! Lists. What sprig has in two forms, one that panics and one that returns its error, fails here either way: Go's
//! templates make an error of a panic.

use super::types::deep_equal;
use super::{Rest, Table, convert};
use crate::draft::Draft;
use crate::run::Run;
use crate::value::{List, Of, Text, Value};
use crate::{Error, limits};

pub(super) fn add(table: &mut Table) {
    for name in ["list", "tuple"] {
        table.add(name, |run: &Run<'_>, items: Rest<Value>| run.list(Of::Any, items.0));
    }
    for name in ["append", "push", "mustAppend", "mustPush"] {
        table.add(name, |run: &Run<'_>, list: Value, item: Value| joined(run, &[items(&list)?, &[item]]));
    }
    for name in ["prepend", "mustPrepend"] {
        table.add(name, |run: &Run<'_>, list: Value, item: Value| joined(run, &[&[item], items(&list)?]));
    }
    for name in ["first", "mustFirst"] {
        table.add(name, |list: Value| items(&list).map(|items| items.first().cloned().unwrap_or(Value::Nil)));
    }
    for name in ["last", "mustLast"] {
        table.add(name, |list: Value| items(&list).map(|items| items.last().cloned().unwrap_or(Value::Nil)));
    }
    for name in ["rest", "mustRest"] {
        table.add(name, |run: &Run<'_>, list: Value| some(run, items(&list)?.split_first().map(|(_, rest)| rest)));
    }
    for name in ["initial", "mustInitial"] {
        table.add(name, |run: &Run<'_>, list: Value| some(run, items(&list)?.split_last().map(|(_, rest)| rest)));
    }
    for name in ["reverse", "mustReverse"] {
        table.add(name, |run: &Run<'_>, list: Value| run.list(Of::Any, items(&list)?.iter().rev().cloned().collect()));
    }
    for name in ["compact", "mustCompact"] {
        table.add(name, |run: &Run<'_>, list: Value| {
            run.list(Of::Any, items(&list)?.iter().filter(|item| item.is_true()).cloned().collect())
        });
    }
    for name in ["uniq", "mustUniq"] {
        table.add(name, uniq);
    }
    for name in ["without", "mustWithout"] {
        table.add(name, without);
    }
    for name in ["has", "mustHas"] {
        table.add(name, |run: &Run<'_>, item: Value, list: Value| match list {
            Value::Nil => Ok(false),
            list => contains(run, items(&list)?, &item),
        });
    }
    for name in ["slice", "mustSlice"] {
        table.add(name, slice);
    }
    for name in ["chunk", "mustChunk"] {
        table.add(name, chunk);
    }
    table.add("concat", concat);
    table.add("join", join);
    table.add("sortAlpha", sort_alpha);
    table.add("toStrings", |run: &Run<'_>, value: Value| {
        texts(run, &value).and_then(|texts| run.list(Of::Text, texts.into_iter().map(Value::Text).collect()))
    });
}

/// The items of a value that has to be a list.
fn items(value: &Value) -> Result<&[Value], Error> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(Error::Failed(format!("a list is needed, not a value of type {}", other.type_name()))),
    }
}

fn joined(run: &Run<'_>, parts: &[&[Value]]) -> Result<List, Error> {
    run.list(Of::Any, parts.concat())
}

fn some(run: &Run<'_>, items: Option<&[Value]>) -> Result<List, Error> {
    items.map_or_else(|| Ok(List::nil(Of::Any)), |items| run.list(Of::Any, items.to_vec()))
}

fn contains(run: &Run<'_>, items: &[Value], wanted: &Value) -> Result<bool, Error> {
    for item in items {
        if deep_equal(run, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(run: &Run<'_>, list: Value) -> Result<List, Error> {
    let mut kept = Vec::new();
    for item in items(&list)? {
        if !contains(run, &kept, item)? {
            kept.push(item.clone());
        }
    }
    run.list(Of::Any, kept)
}

fn without(run: &Run<'_>, list: Value, omitted: Rest<Value>) -> Result<List, Error> {
    let mut kept = Vec::new();
    for item in items(&list)? {
        if !contains(run, &omitted.0, item)? {
            kept.push(item.clone());
        }
    }
    run.list(Of::Any, kept)
}

fn slice(run: &Run<'_>, list: Value, bounds: Rest<Value>) -> Result<Value, Error> {
    let all = items(&list)?;
    if all.is_empty() {
        return Ok(Value::Nil);
    }
    let place = |value: &Value| usize::try_from(convert::int(value)).ok();
    let start = bounds.0.first().map_or(Some(0), place);
    let end = bounds.0.get(1).map_or(Some(all.len()), place);
    let part = start.zip(end).and_then(|(start, end)| all.get(start..end));
    let part = part.ok_or_else(|| Error::Failed("the bounds of slice are out of range".to_owned()))?;
    let of = if let Value::List(list) = &list { list.of() } else { Of::Any };
    run.list(of, part.to_vec()).map(Value::List)
}

fn chunk(run: &Run<'_>, size: i64, list: Value) -> Result<List, Error> {
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Error::Failed("chunk needs a size above 0".to_owned()))?;
    let chunks = items(&list)?.chunks(size).map(|chunk| run.list(Of::Any, chunk.to_vec()).map(Value::List));
    let chunks = chunks.collect::<Result<_, _>>()?;
    run.list(Of::Lists, chunks)
}

fn concat(run: &Run<'_>, lists: Rest<Value>) -> Result<List, Error> {
    let lists = lists.0.iter().map(items).collect::<Result<Vec<_>, _>>()?;
    if lists.iter().all(|items| items.is_empty()) { Ok(List::nil(Of::Any)) } else { joined(run, &lists) }
}

/// The texts of a value's items, without nil; of any other value, its own.
fn texts(run: &Run<'_>, value: &Value) -> Result<Vec<Text>, Error> {
    let items = match value {
        Value::List(list) => list,
        Value::Nil => return Ok(Vec::new()),
        other => std::slice::from_ref(other),
    };
    run.read(items.len().saturating_mul(limits::ITEM))?;
    items.iter().filter(|item| !matches!(item, Value::Nil)).map(|item| convert::text(run, item)).collect()
}

fn join(run: &Run<'_>, separator: Text, value: Value) -> Result<Value, Error> {
    let mut draft = Draft::new(run);
    for (number, text) in texts(run, &value)?.iter().enumerate() {
        if number > 0 {
            draft.push(&separator)?;
        }
        draft.push(text)?;
    }
    Ok(draft.value())
}

fn sort_alpha(run: &Run<'_>, value: Value) -> Result<List, Error> {
    // Even nil has a text here.
    let mut sorted = match value {
        Value::Nil => vec![convert::text(run, &value)?],
        value => texts(run, &value)?,
    };
    run.read(sorted.iter().map(|text| text.len()).sum::<usize>().saturating_mul(sorted.len().max(1).ilog2() as usize))?;
    sorted.sort_unstable();
    run.list(Of::Text, sorted.into_iter().map(Value::Text).collect())
}
