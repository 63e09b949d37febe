//! What sprig makes of values of other types: texts by Go's `%v`, numbers as the Go package spf13/cast does. What is no
//! number is 0.

use crate::run::Run;
use crate::syntax::unsigned;
use crate::value::{IntType, Text, Value};
use crate::{Error, format};

/// A value as text.
pub(super) fn text(run: &Run<'_>, value: &Value) -> Result<Text, Error> {
    format::display(run, value)
}

/// `cast.ToInt64`
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(IntType::Duration, _) => 0,
        Value::Int(_, number) => *number,
        Value::Float(number) => truncated(*number),
        Value::Text(text) => text.utf8().and_then(|text| parsed(without_zero_decimals(text))).unwrap_or(0),
        Value::Bool(truth) => i64::from(*truth),
        _ => 0,
    }
}

/// `cast.ToFloat64`
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Text(text) => text.utf8().and_then(parsed_float).unwrap_or(0.0),
        Value::Float(number) => *number,
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        other => int(other) as f64,
    }
}

/// `int64(number)`
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the bounds are powers of two")]
pub(super) fn truncated(number: f64) -> i64 {
    let fits = number >= i64::MIN as f64 && number < -(i64::MIN as f64);
    if fits { number as i64 } else { i64::MIN }
}

/// `12.00` is 12.
fn without_zero_decimals(text: &str) -> &str {
    let zeros = text.len() - text.trim_end_matches('0').len();
    text[..text.len() - zeros].strip_suffix('.').filter(|_| zeros > 0).unwrap_or(text)
}

/// `strconv.ParseInt(text, 0, 64)`
fn parsed(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = i128::from(unsigned(digits)?);
    i64::try_from(if text.starts_with('-') { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseInt(text, base, 64)`: a number that is too large becomes the largest, one that is none becomes 0.
pub(super) fn parsed_int(text: &str, base: u32) -> i64 {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return 0;
    }
    i64::from_str_radix(text, base).unwrap_or(if negative { i64::MIN } else { i64::MAX })
}

/// `strconv.ParseFloat(text, 64)`
fn parsed_float(text: &str) -> Option<f64> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = match plain.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => crate::syntax::float(plain)?,
    };
    Some(if text.starts_with('-') { -number } else { number })
}
