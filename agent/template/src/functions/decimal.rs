//! Arithmetic on decimals, as the Go package shopspring/decimal does it for sprig: 0.1 and 0.2 are 0.3.

use super::convert;
use crate::Error;
use crate::value::Value;

/// Places behind the point of a quotient.
const PLACES: i32 = 16;

#[derive(Clone, Copy)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Goes through numbers from the left.
pub(super) fn decimal(first: &Value, others: &[Value], operation: Operation) -> Result<f64, Error> {
    let number = |value: &Value| {
        let float = convert::float(value);
        if float.is_finite() { Ok(float) } else { Err(Error::Failed("a number is not finite".to_owned())) }
    };
    let mut exact = Decimal::new(number(first)?);
    let mut float = number(first)?;
    for other in others {
        let other = number(other)?;
        if matches!(operation, Operation::Divide) && other == 0.0 {
            return Err(Error::Failed("division by zero".to_owned()));
        }
        float = match operation {
            Operation::Add => float + other,
            Operation::Subtract => float - other,
            Operation::Multiply => float * other,
            Operation::Divide => float / other,
        };
        exact = exact.zip(Decimal::new(other)).and_then(|(a, b)| a.apply(operation, b));
    }
    // Numbers of very different sizes do not fit; what floats make of them has to do.
    Ok(exact.map_or(float, Decimal::float))
}

/// `digits` times ten to the power of `exponent`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal that stands for the number.
    fn new(number: f64) -> Option<Self> {
        let printed = format!("{number:e}");
        let (mantissa, exponent) = printed.split_once('e')?;
        let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(places).ok()?)?;
        Some(Self { digits: mantissa.replace('.', "").parse().ok()?, exponent })
    }

    fn float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    fn apply(self, operation: Operation, other: Self) -> Option<Self> {
        let done = match operation {
            Operation::Add => self.plus(other)?,
            Operation::Subtract => self.plus(Self { digits: -other.digits, ..other })?,
            Operation::Multiply => Self {
                digits: self.digits.checked_mul(other.digits)?,
                exponent: self.exponent.checked_add(other.exponent)?,
            },
            Operation::Divide => self.over(other)?,
        };
        Some(done.shortened())
    }

    /// The same with an exponent that is not larger.
    fn with_exponent(self, exponent: i32) -> Option<i128> {
        let places = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(places)?)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        Some(Self { digits: self.with_exponent(exponent)?.checked_add(other.with_exponent(exponent)?)?, exponent })
    }

    /// Rounds half away from zero.
    fn over(self, other: Self) -> Option<Self> {
        let exponent = other.exponent.checked_sub(PLACES)?;
        let (dividend, divisor) = if self.exponent < exponent {
            let other = Self { exponent, ..other };
            (self.digits, other.with_exponent(self.exponent)?)
        } else {
            (self.with_exponent(exponent)?, other.digits)
        };
        let (quotient, remainder) = (dividend / divisor, dividend % divisor);
        let rounds = remainder.unsigned_abs().checked_mul(2)? >= divisor.unsigned_abs();
        let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
        Some(Self { digits: quotient + if rounds { away } else { 0 }, exponent: -PLACES })
    }

    /// Without zeros at the end, so that more fits.
    fn shortened(mut self) -> Self {
        while self.digits != 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.exponent += 1;
        }
        self
    }
}
