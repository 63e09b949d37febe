//! Formats of fmt.Printf.

use super::{Flags, Printer};
use crate::Error;
use crate::value::Value;

/// Largest width and precision.
const WIDEST: usize = 1_000_000;

/// Prints values by a format.
pub(super) fn print(printer: &mut Printer<'_, '_>, format: &str, values: &[Value]) -> Result<(), Error> {
    let mut rest = format;
    let mut arguments = Arguments { values, next: 0, reordered: false, good: true };
    while let Some(percent) = rest.find('%') {
        printer.push(&rest.as_bytes()[..percent])?;
        rest = verb(printer, &rest[percent + 1..], &mut arguments)?;
    }
    printer.push(rest.as_bytes())?;
    if !arguments.reordered && arguments.next < values.len() {
        printer.flags = Flags::default();
        printer.push(b"%!(EXTRA ")?;
        for (number, value) in values[arguments.next..].iter().enumerate() {
            if number > 0 {
                printer.push(b", ")?;
            }
            if !matches!(value, Value::Nil) {
                printer.push(format!("{}=", value.type_name()).as_bytes())?;
            }
            printer.argument(value, 'v')?;
        }
        printer.push(b")")?;
    }
    Ok(())
}

struct Arguments<'v> {
    values: &'v [Value],
    next: usize,
    /// Some were named by number, so that nobody knows which were used.
    reordered: bool,
    /// The verb at hand names one that there is.
    good: bool,
}

impl Arguments<'_> {
    /// `[2]`; gives the rest and whether it was there.
    fn named<'f>(&mut self, format: &'f str) -> (&'f str, bool) {
        let Some(inside) = format.strip_prefix('[') else { return (format, false) };
        self.reordered = true;
        let Some((digits, rest)) = inside.split_once(']') else {
            self.good = false;
            return (inside, false);
        };
        let (number, after) = number(digits);
        match number {
            Some(number) if after.is_empty() && (1..=self.values.len()).contains(&number) => {
                self.next = number - 1;
                (rest, true)
            }
            number => {
                self.good = false;
                (rest, number.is_some() && after.is_empty())
            }
        }
    }

    /// A width or precision that `*` takes from the arguments.
    fn starred(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(_, number) if number.unsigned_abs() <= WIDEST as u64 => Some(*number),
            _ => None,
        }
    }
}

/// Prints what one `%` asks for; gives the rest of the format.
fn verb<'f>(printer: &mut Printer<'_, '_>, format: &'f str, arguments: &mut Arguments<'_>) -> Result<&'f str, Error> {
    arguments.good = true;
    let mut flags = Flags::default();
    let mut rest = format.trim_start_matches(|letter| {
        match letter {
            '#' => flags.sharp = true,
            '0' => flags.zero = true,
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            ' ' => flags.space = true,
            _ => return false,
        }
        true
    });
    let mut named;
    (rest, named) = arguments.named(rest);
    if let Some(after) = rest.strip_prefix('*') {
        rest = after;
        match arguments.starred() {
            Some(width) => {
                flags.minus |= width < 0;
                flags.zero &= width >= 0;
                flags.width = usize::try_from(width.unsigned_abs()).ok();
            }
            None => printer.push(b"%!(BADWIDTH)")?,
        }
        named = false;
    } else {
        (flags.width, rest) = number(rest);
        arguments.good &= !(named && flags.width.is_some());
    }
    if let Some(after) = rest.strip_prefix('.').filter(|after| !after.is_empty()) {
        arguments.good &= !named;
        (rest, named) = arguments.named(after);
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
            flags.precision = arguments.starred().and_then(|precision| usize::try_from(precision).ok());
            if flags.precision.is_none() {
                printer.push(b"%!(BADPREC)")?;
            }
            named = false;
        } else {
            let digits;
            (digits, rest) = number(rest);
            flags.precision = Some(digits.unwrap_or(0));
        }
    }
    if !named {
        (rest, _) = arguments.named(rest);
    }
    let Some(verb) = rest.chars().next() else {
        printer.push(b"%!(NOVERB)")?;
        return Ok(rest);
    };
    let rest = &rest[verb.len_utf8()..];
    if verb == '%' {
        printer.push(b"%")?;
    } else if !arguments.good {
        printer.push(format!("%!{verb}(BADINDEX)").as_bytes())?;
    } else if let Some(value) = arguments.values.get(arguments.next) {
        arguments.next += 1;
        if verb == 'v' {
            flags.go_syntax = std::mem::take(&mut flags.sharp);
            flags.plus = false;
        }
        printer.flags = flags;
        printer.argument(value, verb)?;
    } else {
        printer.push(format!("%!{verb}(MISSING)").as_bytes())?;
    }
    Ok(rest)
}

/// The number that a text starts with, and the rest. One that is too large takes the rest with it.
fn number(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    match digits.parse() {
        Ok(number) if number <= 10 * WIDEST => (Some(number), rest),
        Err(_) if digits.is_empty() => (None, rest),
        Ok(_) | Err(_) => (None, ""),
    }
}
