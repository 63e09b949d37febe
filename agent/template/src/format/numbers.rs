//! Numbers as Go's packages fmt and strconv print them.

use super::Flags;
use crate::value::{IntType, Value};

/// No `f64` has more decimal places than this.
const PLACES: usize = 1100;

/// What stands before the digits.
#[derive(Clone, Copy)]
pub(super) struct Sign {
    pub(super) negative: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
}

/// A whole number. Widths are padded with zeros here, with spaces elsewhere.
pub(super) fn integer(magnitude: u64, base: u32, upper: bool, octal: bool, sign: Sign, flags: Flags) -> String {
    if flags.precision == Some(0) && magnitude == 0 {
        return String::new();
    }
    let signed = sign.negative || sign.plus || sign.space;
    let least = match flags.precision {
        Some(precision) => precision,
        None if flags.zero && !flags.minus => flags.width.unwrap_or(0).saturating_sub(usize::from(signed)),
        None => 0,
    };
    let digits = match (base, upper) {
        (2, _) => format!("{magnitude:b}"),
        (8, _) => format!("{magnitude:o}"),
        (16, false) => format!("{magnitude:x}"),
        (16, true) => format!("{magnitude:X}"),
        _ => magnitude.to_string(),
    };
    let digits = filled(&digits, least);
    let prefix = match (base, flags.sharp) {
        _ if octal => "0o",
        (2, true) => "0b",
        (8, true) if !digits.starts_with('0') => "0",
        (16, true) if upper => "0X",
        (16, true) => "0x",
        _ => "",
    };
    let sign = match sign {
        Sign { negative: true, .. } => "-",
        Sign { plus: true, .. } => "+",
        Sign { space: true, .. } => " ",
        _ => "",
    };
    format!("{sign}{prefix}{digits}")
}

/// With zeros before it. (Rust's own formats panic where they are to be wider than 65,535.)
fn filled(digits: &str, least: usize) -> String {
    "0".repeat(least.saturating_sub(digits.len())) + digits
}

/// `U+0041`, with the letter itself when `#` asks for it.
pub(super) fn unicode(number: i64, flags: Flags) -> String {
    let code = number.cast_unsigned();
    let least = flags.precision.unwrap_or(0).max(4);
    let letter = u32::try_from(code).ok().and_then(char::from_u32).filter(|letter| super::quote::is_print(*letter));
    let digits = filled(&format!("{code:X}"), least);
    match letter {
        Some(letter) if flags.sharp => format!("U+{digits} '{letter}'"),
        _ => format!("U+{digits}"),
    }
}

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(crate) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What `String()` gives for the number types that have it.
pub(super) fn named(type_: IntType, number: i64) -> Option<String> {
    let name = |names: &[&str], number: i64| {
        usize::try_from(number).ok().and_then(|number| names.get(number)).map(|name| (*name).to_owned())
    };
    match type_ {
        IntType::Duration => Some(duration(number)),
        IntType::Month => name(&MONTHS, number.checked_sub(1)?),
        IntType::Weekday => name(&DAYS, number),
        _ => None,
    }
}

/// What the methods of the number types give that have some.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
pub(crate) fn method(type_: IntType, number: i64, name: &str) -> Option<Value> {
    let name_of_value = named(type_, number)?;
    let unit = match (type_, name) {
        (_, "String") => return Some(name_of_value.as_str().into()),
        (IntType::Duration, "Hours") => 3.6e12,
        (IntType::Duration, "Minutes") => 6e10,
        (IntType::Duration, "Seconds") => 1e9,
        _ => return None,
    };
    Some(Value::Float(number as f64 / unit))
}

/// `time.Duration.String` of nanoseconds.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let left = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let digits = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let digits = digits.trim_end_matches('0');
        if unit == 1 || digits.is_empty() { (value / unit).to_string() } else { format!("{}.{digits}", value / unit) }
    };
    let text = match left {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{left}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(left, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(left, 1_000_000)),
        _ => {
            let (minutes, rest) = (left / 60_000_000_000, left % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// A number that is not negative, in one of the verbs `efgEG`; `#` keeps the point and the zeros.
pub(super) fn float(number: f64, verb: char, precision: Option<usize>, sharp: bool) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return "Inf".to_owned();
    }
    let printed = match verb {
        'f' => match precision {
            None => number.to_string(),
            Some(precision) => {
                let shown = precision.min(PLACES);
                format!("{number:.shown$}") + &"0".repeat(precision - shown)
            }
        },
        'e' | 'E' => match precision {
            None => exponent(&format!("{number:e}"), 0),
            Some(precision) => {
                let shown = precision.min(PLACES);
                exponent(&format!("{number:.shown$e}"), precision - shown)
            }
        },
        _ => general(number, precision),
    };
    let printed = if sharp { with_zeros(&printed, verb, precision) } else { printed };
    if matches!(verb, 'E' | 'G') { printed.replace('e', "E") } else { printed }
}

/// `1.5e7` of Rust is `1.5e+07` of Go. So many zeros are added before the exponent.
fn exponent(printed: &str, zeros: usize) -> String {
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}{}e{sign}{digits:0>2}", "0".repeat(zeros))
}

fn general(number: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{number:.*e}", precision.clamp(1, PLACES) - 1),
        None => format!("{number:e}"),
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i64 = power.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let most = match precision {
        None => 6,
        Some(precision) => {
            let precision = i64::try_from(precision.max(1)).unwrap_or(i64::MAX);
            if precision > count && count > power { count.max(1) } else { precision }
        }
    };
    let most = if number == 0.0 { 1 } else { most };
    if power < -4 || power >= most {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return exponent(&format!("{first}{point}{rest}e{power}"), 0);
    }
    let places = usize::try_from(count - 1 - power).unwrap_or(0);
    if number == 0.0 { "0".to_owned() } else { format!("{number:.places$}") }
}

/// The `#` flag.
fn with_zeros(printed: &str, verb: char, precision: Option<usize>) -> String {
    let (mantissa, tail) = printed.find('e').map_or((printed, ""), |at| printed.split_at(at));
    let mut mantissa = mantissa.to_owned();
    let significant = mantissa.trim_start_matches(['0', '.']).chars().filter(char::is_ascii_digit).count();
    let zero_counts = usize::from(mantissa == "0");
    if !mantissa.contains('.') {
        mantissa.push('.');
    }
    if matches!(verb, 'g' | 'G') {
        let wanted = precision.unwrap_or(6).saturating_sub(significant + zero_counts);
        mantissa.push_str(&"0".repeat(wanted));
    }
    mantissa + tail
}
