//! Dicts. Where Go's order is by chance, the order here is that of the keys.

use std::collections::BTreeMap;

use super::merge::{Mode, merge_into};
use super::{Rest, Table, convert};
use crate::run::Run;
use crate::value::{DEEPEST, Dict, List, Of, Text, Value};
use crate::{Error, limits};

pub(super) fn add(table: &mut Table) {
    table.add("dict", dict);
    table.add("get", |dict: Dict, key: Text| dict.get(&key).unwrap_or_else(|| "".into()));
    table.add("set", |run: &Run<'_>, dict: Dict, key: Text, value: Value| {
        run.make(limits::ITEM)?;
        dict.set(key, value);
        Ok(dict)
    });
    table.add("unset", |dict: Dict, key: Text| {
        dict.unset(&key);
        dict
    });
    table.add("hasKey", |dict: Dict, key: Text| dict.has(&key));
    table.add("keys", |run: &Run<'_>, dicts: Rest<Dict>| {
        let keys = |dict: &Dict| dict.entries().keys().cloned().map(Value::Text).collect::<Vec<_>>();
        run.list(Of::Text, dicts.0.iter().flat_map(keys).collect())
    });
    table.add("values", |run: &Run<'_>, dict: Dict| {
        let values = dict.entries().values().cloned().collect();
        run.list(Of::Any, values)
    });
    table.add("pluck", |run: &Run<'_>, key: Text, dicts: Rest<Dict>| {
        run.list(Of::Any, dicts.0.iter().filter_map(|dict| dict.get(&key)).collect())
    });
    table.add("pick", |run: &Run<'_>, dict: Dict, keys: Rest<Text>| {
        run.dict(Of::Any, keys.0.into_iter().filter_map(|key| dict.get(&key).map(|value| (key, value))).collect())
    });
    table.add("omit", |run: &Run<'_>, dict: Dict, keys: Rest<Text>| {
        let mut kept = dict.entries().clone();
        for key in &keys.0 {
            kept.remove(&**key);
        }
        run.dict(Of::Any, kept)
    });
    table.add("dig", dig);
    for name in ["deepCopy", "mustDeepCopy"] {
        table.add(name, |run: &Run<'_>, value: Value| copy(run, &value, 0));
    }
    for (name, mode) in [
        ("merge", Mode::Fill),
        ("mustMerge", Mode::Fill),
        ("mergeOverwrite", Mode::Overwrite),
        ("mustMergeOverwrite", Mode::Overwrite),
    ] {
        table.add(name, move |run: &Run<'_>, into: Dict, others: Rest<Dict>| {
            for other in &others.0 {
                merge_into(run, &into, other, mode, 0)?;
            }
            Ok(into)
        });
    }
}

fn dict(run: &Run<'_>, pairs: Rest<Value>) -> Result<Dict, Error> {
    let entry = |pair: &[Value]| {
        let value = pair.get(1).cloned().unwrap_or_else(|| "".into());
        pair.first().map_or(Ok(Text::default()), |key| convert::text(run, key)).map(|key| (key, value))
    };
    let entries = pairs.0.chunks(2).map(entry).collect::<Result<BTreeMap<_, _>, _>>()?;
    run.dict(Of::Any, entries)
}

/// `dig "a" "b" default dict`
fn dig(path: Rest<Value>) -> Result<Value, Error> {
    let failed = |words: &str| Err(Error::Failed(words.to_owned()));
    let [keys @ .., fallback, from] = &*path.0 else { return failed("dig needs at least three arguments") };
    if keys.is_empty() {
        return failed("dig needs at least three arguments");
    }
    let mut found = from.clone();
    for key in keys {
        let Value::Dict(dict) = &found else { return failed("dig meets a value that is no dict") };
        if dict.of() != Of::Any {
            return failed("dig meets a dict of another type");
        }
        let Value::Text(key) = key else { return failed("dig needs keys that are strings") };
        let Some(next) = dict.get(key) else { return Ok(fallback.clone()) };
        found = next;
    }
    Ok(found)
}

/// A value that shares no dict with the original.
fn copy(run: &Run<'_>, value: &Value, depth: usize) -> Result<Value, Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep);
    }
    match value {
        Value::List(list) if list.is_nil() => Ok(Value::List(List::nil(list.of()))),
        Value::List(list) => {
            let items = list.iter().map(|item| copy(run, item, depth + 1)).collect::<Result<_, _>>()?;
            run.list(list.of(), items).map(Value::List)
        }
        Value::Dict(dict) => {
            let copied = |(key, value): (&Text, &Value)| Ok((key.clone(), copy(run, value, depth + 1)?));
            let entries = dict.entries().iter().map(copied).collect::<Result<_, Error>>()?;
            run.dict(dict.of(), entries).map(Value::Dict)
        }
        plain => Ok(plain.clone()),
    }
}
