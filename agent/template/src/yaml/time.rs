//! Does a scalar look like a time to Go's YAML? It is a text all the same, but gets quotes where it is written.

/// One of `2006-1-2`, `2006-1-2 15:4:5.9`, `2006-1-2T15:4:5.9Z` and `2006-1-2t15:4:5.9-07:00`.
pub(super) fn is_time(text: &str) -> bool {
    let mut rest = text;
    let year = rest.bytes().take_while(u8::is_ascii_digit).count() == 4;
    year && date(&mut rest) && (rest.is_empty() || time(&mut rest) && rest.is_empty())
}

fn date(rest: &mut &str) -> bool {
    let year = number(rest, 4);
    let month = follows(rest, "-").then(|| number(rest, 2)).flatten();
    let day = follows(rest, "-").then(|| number(rest, 2)).flatten();
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=days).contains(&day)
}

fn time(rest: &mut &str) -> bool {
    let zoned = !follows(rest, " ");
    if zoned && !follows(rest, "T") && !follows(rest, "t") {
        return false;
    }
    let clock = below(rest, 24) && follows(rest, ":") && below(rest, 60) && follows(rest, ":") && below(rest, 60);
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            *rest = &fraction[digits..];
        }
    }
    clock && (!zoned || zone(rest))
}

fn zone(rest: &mut &str) -> bool {
    if follows(rest, "Z") {
        return true;
    }
    let two_digits = |rest: &mut &str, limit| {
        let before = rest.len();
        below(rest, limit) && before - rest.len() == 2
    };
    (follows(rest, "+") || follows(rest, "-")) && two_digits(rest, 25) && follows(rest, ":") && two_digits(rest, 60)
}

fn below(rest: &mut &str, limit: u32) -> bool {
    number(rest, 2).is_some_and(|number| number < limit)
}

/// The number that follows, of so many digits at most.
fn number(rest: &mut &str, digits: usize) -> Option<u32> {
    let length = rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(length);
    *rest = after;
    number.parse().ok()
}

fn follows(rest: &mut &str, expected: &str) -> bool {
    let after = rest.strip_prefix(expected);
    *rest = after.unwrap_or(rest);
    after.is_some()
}
