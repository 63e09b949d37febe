//! Go's layouts: a date is printed as the layout prints Monday, January 2 2006, 15:04:05 in zone -0700.

use std::fmt::Write as _;

use super::time::{Shown, Time};
use crate::Error;
use crate::format::{DAYS, MONTHS};
use crate::run::Run;
use crate::value::Text;

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Month { long: bool },
    MonthNumber { padded: bool },
    Weekday { long: bool },
    Day { pad: Option<char> },
    YearDay { pad: char },
    Year { long: bool },
    Hour,
    Hour12 { padded: bool },
    Minute { padded: bool },
    Second { padded: bool },
    Half { upper: bool },
    ZoneName,
    Offset(Offset),
    Fraction { digits: usize, trims: bool, point: char },
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// UTC itself is `Z`.
    pub(super) z: bool,
    pub(super) colons: bool,
    pub(super) to: Unit,
}

/// The smallest unit that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Unit {
    Hour,
    Minute,
    Second,
}

const OFFSETS: [(&str, Offset); 5] = [
    ("070000", Offset { z: false, colons: false, to: Unit::Second }),
    ("07:00:00", Offset { z: false, colons: true, to: Unit::Second }),
    ("0700", Offset { z: false, colons: false, to: Unit::Minute }),
    ("07:00", Offset { z: false, colons: true, to: Unit::Minute }),
    ("07", Offset { z: false, colons: false, to: Unit::Hour }),
];

/// The first part of a layout, with what stands before and after it.
pub(super) fn next_part(layout: &str) -> (&str, Option<Part>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((part, length)) = part_at(&layout[at..]) {
            // Of `_2006`, the line is a letter.
            let skipped = usize::from(layout[at..].starts_with("_2006"));
            return (&layout[..at + skipped], Some(part), &layout[at + length..]);
        }
    }
    (layout, None, "")
}

fn part_at(layout: &str) -> Option<(Part, usize)> {
    const FIXED: [(&str, Part); 24] = [
        ("January", Part::Month { long: true }),
        ("Monday", Part::Weekday { long: true }),
        ("MST", Part::ZoneName),
        ("01", Part::MonthNumber { padded: true }),
        ("02", Part::Day { pad: Some('0') }),
        ("03", Part::Hour12 { padded: true }),
        ("04", Part::Minute { padded: true }),
        ("05", Part::Second { padded: true }),
        ("06", Part::Year { long: false }),
        ("002", Part::YearDay { pad: '0' }),
        ("15", Part::Hour),
        ("1", Part::MonthNumber { padded: false }),
        ("2006", Part::Year { long: true }),
        ("2", Part::Day { pad: None }),
        ("_2006", Part::Year { long: true }),
        ("_2", Part::Day { pad: Some(' ') }),
        ("__2", Part::YearDay { pad: ' ' }),
        ("3", Part::Hour12 { padded: false }),
        ("4", Part::Minute { padded: false }),
        ("5", Part::Second { padded: false }),
        ("PM", Part::Half { upper: true }),
        ("pm", Part::Half { upper: false }),
        ("Jan", Part::Month { long: false }),
        ("Mon", Part::Weekday { long: false }),
    ];
    let first = layout.chars().next()?;
    if let Some(digits) = layout.strip_prefix(['-', 'Z']) {
        let (text, offset) = OFFSETS.iter().find(|(text, _)| digits.starts_with(text))?;
        return Some((Part::Offset(Offset { z: first == 'Z', ..*offset }), 1 + text.len()));
    }
    if matches!(first, '.' | ',') {
        let digit = layout[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
        let rest = layout[1..].trim_start_matches(digit);
        let digits = layout.len() - 1 - rest.len();
        let ends = !rest.starts_with(|next: char| next.is_ascii_digit());
        return ends.then_some((Part::Fraction { digits, trims: digit == '9', point: first }, 1 + digits));
    }
    let (text, part) = FIXED.iter().find(|(text, _)| layout.starts_with(text))?;
    let short_name = matches!(part, Part::Month { long: false } | Part::Weekday { long: false });
    // A word that only begins like a name is none.
    let is_word = layout[text.len()..].starts_with(|next: char| next.is_ascii_lowercase());
    (!(short_name && is_word)).then_some((*part, text.len()))
}

/// A date in a layout, counted.
pub(super) fn print(run: &Run<'_>, layout: &str, time: &Time) -> Result<Text, Error> {
    // Nothing grows longer than this.
    run.make(layout.len().saturating_mul(9))?;
    Ok(printed(layout, time).into())
}

/// A date in a layout.
pub(super) fn printed(layout: &str, time: &Time) -> String {
    let shown = time.shown();
    let (mut out, mut rest) = (String::new(), layout);
    loop {
        let (before, part, after) = next_part(rest);
        out.push_str(before);
        let Some(part) = part else { return out };
        push(&mut out, part, &shown);
        rest = after;
    }
}

fn push(out: &mut String, part: Part, shown: &Shown) {
    let Shown { date, offset, zone } = shown;
    let name = |names: &[&'static str], number: i8, long: bool| {
        let name = usize::try_from(number).ok().and_then(|number| names.get(number)).copied().unwrap_or_default();
        if long { name } else { &name[..3] }
    };
    let number = |value: i32, padded: bool| if padded { format!("{value:02}") } else { value.to_string() };
    let hour12 = match date.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let text = match part {
        Part::Month { long } => name(&MONTHS, date.month() - 1, long).to_owned(),
        Part::Weekday { long } => name(&DAYS, date.date().weekday().to_sunday_zero_offset(), long).to_owned(),
        Part::MonthNumber { padded } => number(date.month().into(), padded),
        Part::Day { pad: None } => date.day().to_string(),
        Part::Day { pad: Some(pad) } => padded(&date.day().to_string(), pad, 2),
        Part::YearDay { pad } => padded(&date.date().day_of_year().to_string(), pad, 3),
        Part::Year { long: true } if date.year() < 0 => format!("-{:04}", date.year().unsigned_abs()),
        Part::Year { long: true } => format!("{:04}", date.year()),
        Part::Year { long: false } => format!("{:02}", date.year().unsigned_abs() % 100),
        Part::Hour => number(date.hour().into(), true),
        Part::Hour12 { padded } => number(hour12.into(), padded),
        Part::Minute { padded } => number(date.minute().into(), padded),
        Part::Second { padded } => number(date.second().into(), padded),
        Part::Half { upper } => {
            let half = if date.hour() < 12 { "am" } else { "pm" };
            if upper { half.to_ascii_uppercase() } else { half.to_owned() }
        }
        Part::ZoneName if zone.is_empty() => offset_text(*offset, OFFSETS[2].1),
        Part::ZoneName => zone.clone(),
        Part::Offset(style) => offset_text(*offset, style),
        Part::Fraction { digits, trims, point } => {
            let nanoseconds = format!("{:09}", date.subsec_nanosecond());
            let digits = &nanoseconds[..digits.min(9)];
            let digits = if trims { digits.trim_end_matches('0') } else { digits };
            if digits.is_empty() { String::new() } else { format!("{point}{digits}") }
        }
    };
    out.push_str(&text);
}

fn padded(text: &str, pad: char, width: usize) -> String {
    let missing = width.saturating_sub(text.len());
    std::iter::repeat_n(pad, missing).chain(text.chars()).collect()
}

fn offset_text(offset: i32, style: Offset) -> String {
    if style.z && offset == 0 {
        return "Z".to_owned();
    }
    // Seconds do not make a sign.
    let sign = if offset / 60 < 0 { '-' } else { '+' };
    let seconds = offset.unsigned_abs();
    let mut out = format!("{sign}{:02}", seconds / 3600);
    for (unit, value) in [(Unit::Minute, seconds / 60 % 60), (Unit::Second, seconds % 60)] {
        if unit <= style.to {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}{value:02}", if style.colons { ":" } else { "" });
        }
    }
    out
}
