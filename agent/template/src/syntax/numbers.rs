//! Literals of Go.

use crate::syntax::Operand;
use crate::value::Text;

/// The number that a literal stands for. Go's imaginary numbers are not known.
pub(super) fn number(literal: &str) -> Option<Operand> {
    let (negative, digits) = match literal.strip_prefix(['+', '-']) {
        Some(digits) => (literal.starts_with('-'), digits),
        None => (false, literal),
    };
    let hex = has_prefix(digits, "0x");
    if digits.contains('.') || digits.contains(['p', 'P']) || !hex && digits.contains(['e', 'E']) {
        let float = float(digits)?;
        return Some(Operand::Float(if negative { -float } else { float }));
    }
    let magnitude = i128::from(unsigned(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok().map(Operand::Int)
}

fn has_prefix(digits: &str, prefix: &str) -> bool {
    digits.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A whole number with Go's prefixes and underscores.
pub(crate) fn unsigned(digits: &str) -> Option<u64> {
    let (base, rest) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // An underscore may stand between digits and after a prefix.
    let plain = if base == 10 { without_underscores(rest)? } else { without_underscores(&format!("0{rest}"))? };
    let only_prefix = rest.is_empty() && digits.len() > 1;
    if only_prefix || !plain.starts_with(|first: char| first.is_digit(base)) {
        return None;
    }
    u64::from_str_radix(&plain, base).ok()
}

fn without_underscores(digits: &str) -> Option<String> {
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    Some(digits.replace('_', ""))
}

/// A number with a point or an exponent, without sign.
pub(crate) fn float(digits: &str) -> Option<f64> {
    if has_prefix(digits, "0x") {
        return hex_float(&digits[2..]);
    }
    let digits = without_underscores(digits)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    digits.parse().ok().filter(|float: &f64| plain && float.is_finite())
}

/// `1.8p3`: the prefix is taken.
fn hex_float(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let mantissa = u64::from_str_radix(&digits, 16).ok().filter(|_| digits.len() <= 13)?;
    let places = i32::try_from(fraction.len()).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "13 digits fit")]
    let float = mantissa as f64 * 2_f64.powi(exponent.checked_sub(4 * places)?);
    float.is_finite().then_some(float)
}

/// What a quoted literal says, with its quotes: `"…"`, `` `…` `` or, for one character, `'…'`.
pub(crate) fn unquote(literal: &str) -> Option<Text> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let inner = literal.get(1..)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.replace('\r', "").into());
    }
    let (mut text, mut rest, mut units) = (Vec::new(), inner, 0);
    while let Some(next) = rest.chars().next() {
        units += 1;
        if next == '\n' || next == quote {
            return None;
        }
        rest = if next == '\\' {
            escape(&rest[1..], quote, &mut text)?
        } else {
            text.extend(next.encode_utf8(&mut [0; 4]).as_bytes());
            &rest[next.len_utf8()..]
        };
    }
    (quote == '"' || units == 1).then(|| text.into())
}

/// What follows a backslash; gives the rest.
fn escape<'a>(rest: &'a str, quote: char, text: &mut Vec<u8>) -> Option<&'a str> {
    let next = rest.chars().next()?;
    let byte = match next {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '\'' | '"' if next == quote => quote as u8,
        'x' => {
            text.push(u8::try_from(coded(rest.get(1..3)?, 16)?).ok()?);
            return rest.get(3..);
        }
        '0'..='7' => {
            text.push(u8::try_from(coded(rest.get(..3)?, 8)?).ok()?);
            return rest.get(3..);
        }
        'u' | 'U' => {
            let end = if next == 'u' { 5 } else { 9 };
            let letter = char::from_u32(coded(rest.get(1..end)?, 16)?)?;
            text.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return rest.get(end..);
        }
        _ => return None,
    };
    text.push(byte);
    rest.get(1..)
}

fn coded(digits: &str, base: u32) -> Option<u32> {
    if !digits.starts_with(|first: char| first.is_digit(base)) {
        return None;
    }
    u32::from_str_radix(digits, base).ok()
}
