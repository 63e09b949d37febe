//! Defaults and decisions. What `if` takes for false is empty.

use super::{Rest, Table};
use crate::run::Run;
use crate::value::{Text, Value};

pub(super) fn add(table: &mut Table) {
    table.add("default", |fallback: Value, given: Rest<Value>| {
        given.0.into_iter().next().filter(Value::is_true).unwrap_or(fallback)
    });
    table.add("empty", |value: Value| !value.is_true());
    table.add("coalesce", |values: Rest<Value>| values.0.into_iter().find(Value::is_true).unwrap_or(Value::Nil));
    table.add("all", |values: Rest<Value>| values.0.iter().all(Value::is_true));
    table.add("any", |values: Rest<Value>| values.0.iter().any(Value::is_true));
    table.add("ternary", |yes: Value, no: Value, decision: bool| if decision { yes } else { no });
    table.add("fail", |run: &Run<'_>, words: Text| Err::<Value, _>(run.said(&words)));
}
