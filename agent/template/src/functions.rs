//! Go's own functions, where the engine's need a guard: those that make text could make any amount of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use gotmpl::{FuncMap, Template, TemplateError, Value, ValueFunc};
use zeroize::Zeroizing;

use crate::Input;
use crate::limits::Budget;

/// The functions of Go's text/template.
pub(crate) const GO: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Those among them whose result can be longer than what they are given, or given often.
const MAKE_TEXT: [&str; 6] = ["html", "js", "print", "printf", "println", "urlquery"];

/// The name of the function that counts steps. No template can call it: it has a space.
pub(crate) const STEP: &str = "rekey step";

/// The name of the function whose result has no key and is not true.
pub(crate) const NOTHING: &str = "rekey nothing";

/// Widest that the engine pads to.
const WIDEST: u64 = 65_535;

/// The functions that replace the engine's for one run.
pub(crate) fn guarded(budget: &Budget, input: &Input) -> FuncMap {
    let mut functions = FuncMap::new();
    for name in MAKE_TEXT {
        let budget = budget.clone();
        functions.insert(name.to_owned(), function(move |args| make_text(name, args, &budget)));
    }
    let binary = input.binary().clone();
    functions.insert("index".to_owned(), function(move |args| index(args, &binary)));
    let budget = budget.clone();
    let step = move |args: &[Value]| {
        let steps = args.first().and_then(Value::as_int).map_or(1, i64::unsigned_abs);
        if budget.steps(steps) { Ok(Value::Nil) } else { Err(stop()) }
    };
    functions.insert(STEP.to_owned(), function(step));
    functions.insert(NOTHING.to_owned(), function(|_| Ok(Value::Map(Arc::default()))));
    functions
}

fn function(body: impl Fn(&[Value]) -> Result<Value, TemplateError> + Send + Sync + 'static) -> ValueFunc {
    Arc::new(body)
}

/// Ends the run; the budget knows why.
fn stop() -> TemplateError {
    TemplateError::Exec(String::new())
}

/// `index` of a map of strings gives the empty string for a key that is not there, missingkey or not. `binary` are the
/// keys that are there but have no text.
fn index(args: &[Value], binary: &BTreeSet<String>) -> Result<Value, TemplateError> {
    let Some((first, keys)) = args.split_first() else {
        return Err(TemplateError::ArgCount { name: "index".to_owned(), expected: 1, got: 0 });
    };
    keys.iter().try_fold(first.clone(), |value, key| match (&value, key, value.index(key)?) {
        (Value::Map(_), Value::String(key), Value::Nil) if binary.contains(&**key) => {
            Err(TemplateError::MissingKey { key: key.to_string() })
        }
        (Value::Map(_), _, Value::Nil) => Ok(Value::String("".into())),
        (_, _, found) => Ok(found),
    })
}

fn make_text(name: &'static str, args: &[Value], budget: &Budget) -> Result<Value, TemplateError> {
    let filled_in = if name == "printf" { padding(args) } else { 0 };
    if !budget.text(args.iter().map(size).sum::<u64>().saturating_add(filled_in)) {
        return Err(stop());
    }
    let escape = match name {
        "html" => gotmpl::html_escape,
        "js" => gotmpl::js_escape,
        "urlquery" => gotmpl::url_encode,
        _ => return engine(name, args),
    };
    // Go escapes what print makes of the arguments; the engine's own functions take one.
    let plain = match args {
        [Value::String(text)] => Value::String(Arc::clone(text)),
        _ => engine("print", args)?,
    };
    match plain {
        Value::String(text) => Ok(Value::String(Zeroizing::new(escape(&text)).as_str().into())),
        other => Ok(other),
    }
}

/// Calls the engine's own function. It offers no other way to them than a template.
fn engine(name: &str, args: &[Value]) -> Result<Value, TemplateError> {
    let mut call = format!("{{{{{name}");
    for number in 0..args.len() {
        write!(call, " (index . {number})")?;
    }
    call.push_str("}}");
    let output = Template::new("").parse(&call)?.execute_to_string(&Value::List(args.into()))?;
    Ok(Value::String(Zeroizing::new(output).as_str().into()))
}

/// Bytes that a format can add to its arguments: widths and precisions, and arguments that it names again.
fn padding(args: &[Value]) -> u64 {
    let Some(Value::String(format)) = args.first() else { return 0 };
    let widths: u64 = format
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse::<u64>().map_or(WIDEST, |width| width.min(WIDEST)))
        .sum();
    let starred = format.matches('*').count() as u64 * WIDEST;
    let repeated = if format.contains('[') {
        let longest = args.iter().skip(1).map(size).max().unwrap_or_default();
        longest.saturating_mul(format.matches('%').count() as u64)
    } else {
        0
    };
    widths.saturating_add(starred).saturating_add(repeated)
}

/// About how long a value is as text.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| key.len() as u64 + size(value)).sum(),
        _ => 24,
    }
}
