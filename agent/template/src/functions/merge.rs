//! Dicts merged as the Go package mergo merges maps.

use crate::run::Run;
use crate::value::{DEEPEST, Dict, Of, Text, Value};
use crate::{Error, limits};

/// What happens to a value that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It stays, unless it is empty.
    Fill,
    /// It goes.
    Overwrite,
}

/// Merges the second dict into the first; dicts that both have are merged in turn.
pub(super) fn merge_into(run: &Run<'_>, into: &Dict, from: &Dict, mode: Mode, depth: usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep);
    }
    // The two may be one.
    let entries: Vec<(Text, Value)> = from.entries().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    run.make(entries.len().saturating_mul(limits::ITEM))?;
    for (key, value) in entries {
        let present = into.get(&key);
        if let (Value::Dict(from), Some(Value::Dict(into))) = (&value, &present) {
            merge_into(run, into, from, mode, depth + 1)?;
        }
        let has_content = present.as_ref().is_some_and(Value::is_true);
        let keeps = match (&value, &present) {
            (Value::Nil, _) => mode == Mode::Fill,
            (Value::Dict(_), Some(Value::Dict(_))) => has_content,
            _ => mode == Mode::Fill && has_content,
        };
        if !keeps {
            if into.of() != Of::Any && !matches!(value, Value::Text(_)) {
                return Err(Error::Failed(format!("a value of type {} does not fit into the dict", value.type_name())));
            }
            into.set(key, value);
        }
    }
    Ok(())
}
