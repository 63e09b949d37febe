//! Arithmetic. Whole numbers wrap around, as Go's do.

use std::cmp::Ordering;

use super::decimal::{Operation, decimal};
use super::{Rest, Table, convert};
use crate::Error;
use crate::draft::Draft;
use crate::run::Run;
use crate::value::{List, Of, Value};

pub(super) fn add(table: &mut Table) {
    let int = convert::int;
    table.add("add1", move |value: Value| int(&value).wrapping_add(1));
    table.add("add", move |values: Rest<Value>| values.0.iter().map(int).fold(0, i64::wrapping_add));
    table.add("sub", move |a: Value, b: Value| int(&a).wrapping_sub(int(&b)));
    table.add("mul", move |first: Value, others: Rest<Value>| {
        others.0.iter().map(int).fold(int(&first), i64::wrapping_mul)
    });
    table.add("div", |a: Value, b: Value| divisor(&b).map(|b| convert::int(&a).wrapping_div(b)));
    table.add("mod", |a: Value, b: Value| divisor(&b).map(|b| convert::int(&a).wrapping_rem(b)));
    for name in ["max", "biggest"] {
        table.add(name, move |first: Value, others: Rest<Value>| others.0.iter().map(int).fold(int(&first), i64::max));
    }
    table.add("min", move |first: Value, others: Rest<Value>| others.0.iter().map(int).fold(int(&first), i64::min));
    table.add("maxf", |first: Value, others: Rest<Value>| extreme(&first, &others.0, Ordering::is_ge));
    table.add("minf", |first: Value, others: Rest<Value>| extreme(&first, &others.0, Ordering::is_le));
    table.add("ceil", |value: Value| convert::float(&value).ceil());
    table.add("floor", |value: Value| convert::float(&value).floor());
    table.add("round", round);
    table.add("add1f", |value: Value| decimal(&value, &[Value::int(1)], Operation::Add));
    table.add("addf", |values: Rest<Value>| decimal(&Value::int(0), &values.0, Operation::Add));
    table.add("subf", |first: Value, others: Rest<Value>| decimal(&first, &others.0, Operation::Subtract));
    table.add("mulf", |first: Value, others: Rest<Value>| decimal(&first, &others.0, Operation::Multiply));
    table.add("divf", |first: Value, others: Rest<Value>| decimal(&first, &others.0, Operation::Divide));
    table.add("until", |run: &Run<'_>, count: i64| list(run, &steps(0, count, if count < 0 { -1 } else { 1 })));
    table.add("untilStep", |run: &Run<'_>, start: i64, stop: i64, step: i64| list(run, &steps(start, stop, step)));
    table.add("seq", seq);
}

fn divisor(value: &Value) -> Result<i64, Error> {
    match convert::int(value) {
        0 => Err(Error::Failed("division by zero".to_owned())),
        number => Ok(number),
    }
}

/// `math.Max` and `math.Min`: what is no number wins.
fn extreme(first: &Value, others: &[Value], stays: fn(Ordering) -> bool) -> f64 {
    others
        .iter()
        .map(convert::float)
        .fold(convert::float(first), |a, b| if a.is_nan() || !b.is_nan() && stays(a.total_cmp(&b)) { a } else { b })
}

/// Rounds up from a threshold on, which is a half if none is given.
fn round(value: Value, places: i64, threshold: Rest<f64>) -> f64 {
    let power = 10_f64.powi(i32::try_from(places).unwrap_or(if places < 0 { i32::MIN } else { i32::MAX }));
    let digits = power * convert::float(&value);
    let up = digits.fract() >= threshold.0.first().copied().unwrap_or(0.5);
    (if up { digits.ceil() } else { digits.floor() }) / power
}

/// Numbers in equal steps: the first, the step and how many.
struct Steps {
    start: i64,
    step: i64,
    count: usize,
}

impl Steps {
    fn numbers(&self) -> impl Iterator<Item = i64> {
        let (start, step) = (self.start, self.step);
        (0..self.count).scan(start, move |next, _| Some(std::mem::replace(next, next.saturating_add(step))))
    }
}

/// Up to a number, but without it.
fn steps(start: i64, end: i64, step: i64) -> Steps {
    let towards = if end < start { step < 0 } else { step > 0 };
    let count = if towards { end.abs_diff(start).div_ceil(step.unsigned_abs()) } else { 0 };
    Steps { start, step, count: usize::try_from(count).unwrap_or(usize::MAX) }
}

fn list(run: &Run<'_>, steps: &Steps) -> Result<List, Error> {
    // Before they are made: there may be very many.
    run.make(steps.count.saturating_mul(crate::limits::ITEM))?;
    let int = |number| Value::Int(crate::value::IntType::Int, number);
    run.list(Of::Int, steps.numbers().map(int).collect())
}

/// As the shell's seq: `last`, `first last` or `first step last`.
fn seq(run: &Run<'_>, bounds: Rest<i64>) -> Result<Value, Error> {
    let (first, step, last) = match *bounds.0 {
        [last] => (1, None, last),
        [first, last] => (first, None, last),
        [first, step, last] => (first, Some(step), last),
        _ => return Ok("".into()),
    };
    let mut draft = Draft::new(run);
    let direction = if last < first { -1 } else { 1 };
    if !(direction < 0 && step.is_some_and(|step| step > 0)) {
        let steps = steps(first, last.saturating_add(direction), step.unwrap_or(direction));
        for (number, value) in steps.numbers().enumerate() {
            if number > 0 {
                draft.push(b" ")?;
            }
            draft.push(value.to_string().as_bytes())?;
        }
    }
    Ok(draft.value())
}
