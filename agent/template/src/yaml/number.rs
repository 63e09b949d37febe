//! Numbers as Go's `strconv` reads and writes them, as far as Rust's own way differs.

/// `FormatFloat(number, 'g', -1, 64)`.
pub(super) fn text(number: f64) -> String {
    general(&format!("{number:e}"))
}

/// `FormatFloat(number, 'g', -1, 32)`: rounded to what 32 bits can tell apart.
#[expect(clippy::cast_possible_truncation, reason = "that is the rounding")]
pub(super) fn short_text(number: f64) -> String {
    general(&format!("{:e}", number as f32))
}

/// From Rust's shortest digits with an exponent to Go's form: no exponent from -4 to 5, else two digits of it or more.
fn general(scientific: &str) -> String {
    let (sign, unsigned) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let Some((mantissa, exponent)) = unsigned.split_once('e') else {
        return match unsigned {
            "inf" => format!("{}Inf", if sign.is_empty() { "+" } else { sign }),
            _ => "NaN".to_owned(),
        };
    };
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..6).contains(&exponent) {
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{exponent_sign}{:02}", exponent.unsigned_abs());
    }
    let whole = usize::try_from(exponent + 1).unwrap_or_default();
    if whole == 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    let (before, after) = digits.split_at(whole);
    format!("{sign}{before}.{after}")
}

/// `ParseInt(digits, 0, 64)`, or the same with `ParseUint`: bases by prefix, octal after a lone zero.
pub(super) fn whole(digits: &str) -> Option<i128> {
    let (negative, unsigned) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let (base, rest) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    // A second sign is not for Rust to accept.
    if !rest.starts_with(|letter: char| letter.is_digit(base)) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(rest, base).ok()?);
    let number = if negative { -size } else { size };
    let signed = digits.starts_with(['-', '+']);
    let fits = i64::try_from(number).is_ok() || !signed;
    fits.then_some(number)
}

/// `ParseFloat` for what starts with a point: underscores may stand between digits.
pub(super) fn fraction(text: &str) -> Option<f64> {
    let between = |(at, _)| {
        let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        digit(at - 1) && digit(at + 1)
    };
    if text.match_indices('_').all(between) { float(&text.replace('_', "")) } else { None }
}

/// `ParseFloat`, for what matches `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` and is not too large.
pub(super) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if exponent.is_empty()
        || before.is_empty() && after.is_empty()
        || ![before, after, exponent].into_iter().all(digits)
    {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
