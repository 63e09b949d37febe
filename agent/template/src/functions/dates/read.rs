//! `time.Parse`

use jiff::civil::DateTime;

use super::layout::{Offset, Part, Unit, next_part};
use super::time::{Time, Zone};
use crate::format::{DAYS, MONTHS};

/// The date that a text gives in a layout. What the layout does not say is the least there is.
pub(super) fn read(layout: &str, text: &str) -> Option<Time> {
    let (mut layout, mut rest) = (layout, text);
    let mut read = Read::default();
    loop {
        let (before, part, after) = next_part(layout);
        rest = skip(rest, before)?;
        let Some(part) = part else { break };
        rest = read.part(part, rest, after)?;
        layout = after;
    }
    if rest.is_empty() { read.time() } else { None }
}

/// Takes what a layout says literally. Any number of spaces stands for any other.
fn skip<'t>(mut text: &'t str, literal: &str) -> Option<&'t str> {
    let mut literal = literal;
    while let Some(next) = literal.chars().next() {
        if next == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            (literal, text) = (literal.trim_start_matches(' '), text.trim_start_matches(' '));
        } else {
            text = text.strip_prefix(next)?;
            literal = &literal[next.len_utf8()..];
        }
    }
    Some(text)
}

/// What was read so far.
#[derive(Default)]
struct Read {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    half: Option<Half>,
    utc: bool,
    offset: Option<i32>,
    zone: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Evening,
}

/// One or two digits, or just two.
fn number(text: &str, two: bool) -> Option<(i8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || two && digits == 1 {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn below(number: (i8, &str), end: i8) -> Option<(i8, &str)> {
    (number.0 < end).then_some(number)
}

/// The place of the name that a text starts with, in any case.
fn name<'t>(names: &[&str], text: &'t str, long: bool) -> Option<(i8, &'t str)> {
    names.iter().zip(0..).find_map(|(name, number)| {
        let name = if long { name } else { &name[..3] };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (number, &text[name.len()..]))
    })
}

/// Nanoseconds behind a point, all digits that there are.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let inside = text.strip_prefix(['.', ','])?;
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let nanoseconds = format!("{:0<9.9}", &inside[..digits]).parse().ok()?;
    Some((nanoseconds, &inside[digits..]))
}

impl Read {
    fn part<'t>(&mut self, part: Part, text: &'t str, layout: &str) -> Option<&'t str> {
        let rest;
        match part {
            Part::Year { long } => {
                let digits = if long { 4 } else { 2 };
                let year = text.get(..digits).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()))?;
                let year: i16 = year.parse().ok()?;
                self.year = match (long, year) {
                    (true, year) => year,
                    (false, 69..) => year + 1900,
                    (false, _) => year + 2000,
                };
                rest = &text[digits..];
            }
            Part::Month { long } => {
                let (month, after) = name(&MONTHS, text, long)?;
                (self.month, rest) = (Some(month + 1), after);
            }
            Part::MonthNumber { padded } => {
                let (month, after) = number(text, padded).filter(|(month, _)| (1..=12).contains(month))?;
                (self.month, rest) = (Some(month), after);
            }
            Part::Weekday { long } => (_, rest) = name(&DAYS, text, long)?,
            Part::Day { pad } => {
                let text = if pad == Some(' ') { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (day, after) = number(text, pad == Some('0'))?;
                (self.day, rest) = (Some(day), after);
            }
            Part::YearDay { pad } => {
                let mut text = text;
                for _ in 0..2 {
                    text = if pad == ' ' { text.strip_prefix(' ').unwrap_or(text) } else { text };
                }
                let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
                if pad == '0' && digits < 3 {
                    return None;
                }
                self.year_day = Some(text[..digits].parse().ok()?);
                rest = &text[digits..];
            }
            Part::Hour => (self.hour, rest) = below(number(text, false)?, 24)?,
            Part::Hour12 { padded } => (self.hour, rest) = below(number(text, padded)?, 13)?,
            Part::Minute { padded } => (self.minute, rest) = below(number(text, padded)?, 60)?,
            Part::Second { padded } => {
                let after;
                (self.second, after) = below(number(text, padded)?, 60)?;
                rest = self.unasked_fraction(after, layout);
            }
            Part::Half { upper } => {
                let names = if upper { ["AM", "PM"] } else { ["am", "pm"] };
                self.half = match text.get(..2)? {
                    half if half == names[0] => Some(Half::Morning),
                    half if half == names[1] => Some(Half::Evening),
                    _ => return None,
                };
                rest = &text[2..];
            }
            Part::ZoneName => rest = self.zone_name(text)?,
            Part::Offset(style) => rest = self.offset(style, text)?,
            Part::Fraction { trims: true, .. } => match fraction(text) {
                Some((nanosecond, after)) => (self.nanosecond, rest) = (nanosecond, after),
                None => rest = text,
            },
            Part::Fraction { digits, .. } => {
                let (nanosecond, after) = fraction(text.get(..=digits)?).filter(|(_, after)| after.is_empty())?;
                debug_assert!(after.is_empty(), "all of it was read");
                (self.nanosecond, rest) = (nanosecond, &text[1 + digits..]);
            }
        }
        Some(rest)
    }

    /// A second may have a fraction that the layout does not ask for.
    fn unasked_fraction<'t>(&mut self, text: &'t str, layout: &str) -> &'t str {
        let asked = matches!(next_part(layout).1, Some(Part::Fraction { .. }));
        match fraction(text) {
            Some((nanosecond, after)) if !asked => {
                self.nanosecond = nanosecond;
                after
            }
            _ => text,
        }
    }

    fn zone_name<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.utc = true;
            return Some(rest);
        }
        let length = zone_name_length(text)?;
        self.zone = Some(text[..length].to_owned());
        Some(&text[length..])
    }

    fn offset<'t>(&mut self, style: Offset, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| style.z) {
            self.utc = true;
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = number(&text[1..], true)?;
        let mut seconds = i32::from(hours) * 3600;
        let mut valid = hours <= 24;
        for (unit, length) in [(Unit::Minute, 60), (Unit::Second, 1)] {
            if unit <= style.to {
                let digits = if style.colons { rest.strip_prefix(':')? } else { rest };
                let (value, after) = number(digits, true)?;
                valid &= value <= 60;
                seconds += i32::from(value) * length;
                rest = after;
            }
        }
        self.offset = Some(sign * seconds);
        valid.then_some(rest)
    }

    /// Month and day, of the day of the year if that was given.
    fn month_and_day(&self) -> Option<(i8, i8)> {
        let Some(year_day) = self.year_day else { return Some((self.month.unwrap_or(1), self.day.unwrap_or(1))) };
        let first = jiff::civil::Date::new(self.year, 1, 1).ok()?;
        if !(1..=first.days_in_year()).contains(&year_day) {
            return None;
        }
        let date = first.checked_add(jiff::Span::new().days(i64::from(year_day) - 1)).ok()?;
        let fits = self.month.is_none_or(|month| month == date.month()) && self.day.is_none_or(|day| day == date.day());
        fits.then(|| (date.month(), date.day()))
    }

    fn time(self) -> Option<Time> {
        let hour = match self.half {
            Some(Half::Evening) if self.hour < 12 => self.hour + 12,
            Some(Half::Morning) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = self.month_and_day()?;
        let date = DateTime::new(self.year, month, day, hour, self.minute, self.second, self.nanosecond).ok()?;
        let at = |offset: i32| {
            let utc = jiff::tz::Offset::UTC.to_timestamp(date).ok()?;
            utc.checked_sub(jiff::SignedDuration::from_secs(offset.into())).ok()
        };
        let (offset, zone) = match (self.utc, self.offset, self.zone) {
            (false, Some(offset), name) if offset != 0 || name.is_some() => {
                (offset, Zone::Fixed(name.unwrap_or_default(), offset))
            }
            // What a name means is not known, but for hours of Greenwich.
            (false, None, Some(name)) => {
                let hours: i32 = name.strip_prefix("GMT").and_then(|hours| hours.parse().ok()).unwrap_or(0);
                (0, Zone::Fixed(name, hours * 3600))
            }
            _ => (0, Zone::Utc),
        };
        Some(Time::new(at(offset)?, zone))
    }
}

/// How long the name of a zone is that a text starts with.
fn zone_name_length(text: &str) -> Option<usize> {
    let signed = |text: &str| {
        let digits = text.strip_prefix(['+', '-'])?;
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        digits[..length].parse::<u64>().ok().filter(|hours| *hours <= 23).map(|_| 1 + length)
    };
    if text.len() < 3 {
        return None;
    }
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(after) = text.strip_prefix("GMT") {
        return Some(3 + signed(after).unwrap_or(0));
    }
    if text.starts_with(['+', '-']) {
        return signed(text);
    }
    let bytes = text.as_bytes();
    match bytes.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count() {
        5 if bytes[4] == b'T' => Some(5),
        4 if bytes[3] == b'T' || text.starts_with("WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}
