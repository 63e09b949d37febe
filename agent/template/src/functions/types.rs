//! Types: asking for them and changing them.

use super::{Table, convert};
use crate::run::Run;
use crate::value::{DEEPEST, IntType, Text, Value};
use crate::{Error, format};

pub(super) fn add(table: &mut Table) {
    table.add("typeOf", |value: Value| value.type_name());
    table.add("typeIs", |name: Text, value: Value| value.type_name().as_bytes() == &*name);
    table.add("typeIsLike", |name: Text, value: Value| {
        value.type_name().strip_prefix('*').is_some_and(|plain| plain.as_bytes() == &*name)
            || value.type_name().as_bytes() == &*name
    });
    table.add("kindOf", |value: Value| value.kind().to_owned());
    table.add("kindIs", |name: Text, value: Value| value.kind().as_bytes() == &*name);
    table.add("deepEqual", |run: &Run<'_>, a: Value, b: Value| deep_equal(run, &a, &b));
    table.add("toString", |run: &Run<'_>, value: Value| convert::text(run, &value));
    table.add("atoi", |text: Text| {
        Value::Int(IntType::Int, text.utf8().map_or(0, |text| convert::parsed_int(text, 10)))
    });
    table.add("int", |value: Value| Value::Int(IntType::Int, convert::int(&value)));
    table.add("int64", |value: Value| convert::int(&value));
    table.add("float64", |value: Value| convert::float(&value));
    table.add("toDecimal", to_decimal);
}

/// Reads an octal number, such as the mode of a file.
fn to_decimal(run: &Run<'_>, value: Value) -> Result<i64, Error> {
    let octal = format::display(run, &value)?;
    let number = octal.utf8().map_or(0, |octal| convert::parsed_int(octal, 8));
    // Here, one that is too large is none.
    Ok(if matches!(number, i64::MIN | i64::MAX) { 0 } else { number })
}

/// `reflect.DeepEqual`
pub(super) fn deep_equal(run: &Run<'_>, a: &Value, b: &Value) -> Result<bool, Error> {
    equal_at(run, a, b, 0)
}

fn equal_at(run: &Run<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep);
    }
    run.read(1)?;
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(type_a, a), Value::Int(type_b, b)) => Ok(type_a == type_b && a == b),
        #[expect(clippy::float_cmp, reason = "as Go compares")]
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => {
            run.read(a.len().min(b.len()))?;
            Ok(a == b)
        }
        (Value::Object(_), Value::Object(_)) => {
            Ok(a.type_name() == b.type_name() && format::display(run, a)? == format::display(run, b)?)
        }
        (Value::List(a), Value::List(b)) => {
            if a.of() != b.of() || a.is_nil() != b.is_nil() || a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal_at(run, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.same(b) {
                return Ok(true);
            }
            if a.of() != b.of() || a.len() != b.len() {
                return Ok(false);
            }
            for ((key_a, a), (key_b, b)) in a.entries().iter().zip(b.entries().iter()) {
                if key_a != key_b || !equal_at(run, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}
