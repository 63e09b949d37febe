//! Cron schedules as the Go module robfig/cron reads its "standard" ones: minute, hour, day of the month, month, day of
//! the week, all in UTC; or one of the `@daily` kind.
//!
//! Where both kinds of day are restricted, either one suffices; a `*` or `?` in one of them, and both have to fit.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::minute_of;

/// Days that never come (30 February) are looked for no longer than this.
const YEARS: i16 = 5;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The minutes at which it fires, each field as a set of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set {
    bits: u64,
    /// Was it written as `*` or `?`?
    any: bool,
}

/// One of the five fields.
struct Field {
    name: &'static str,
    range: RangeInclusive<u32>,
    /// Words for its values, from the first on.
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", range: 0..=59, words: &[] },
    Field { name: "hour", range: 0..=23, words: &[] },
    Field { name: "day of the month", range: 1..=31, words: &[] },
    Field { name: "month", range: 1..=12, words: &MONTHS },
    Field { name: "day of the week", range: 0..=6, words: &WEEKDAYS },
];

impl Cron {
    /// Reads five fields, or a name for some.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            named if named.starts_with('@') => return Err(format!("{named:?} is no schedule that has a name")),
            fields if fields.starts_with("TZ=") || fields.starts_with("CRON_TZ=") => {
                return Err("names a time zone; schedules are in UTC".to_owned());
            }
            fields => fields,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!("{text:?} has {} fields; five are needed, as in \"0 22 * * 1-5\"", fields.len()));
        };
        let [minute, hour, day, month, weekday] = FIELDS;
        Ok(Self {
            minutes: minute.read(minutes)?,
            hours: hour.read(hours)?,
            days: day.read(days)?,
            months: month.read(months)?,
            weekdays: weekday.read(weekdays)?,
        })
    }

    /// When it fires next, after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let first = minute_of(now).checked_add(jiff::SignedDuration::from_mins(1)).ok()?.to_zoned(TimeZone::UTC);
        let (mut date, mut earliest) = (first.date(), (first.hour(), first.minute()));
        let limit = date.year().checked_add(YEARS)?;
        while date.year() <= limit {
            if !self.months.has(date.month()) {
                date = date.last_of_month();
            } else if let Some((hour, minute)) = self.first(earliest).filter(|_| self.fires_on(date)) {
                return Some(date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp());
            }
            date = date.tomorrow().ok()?;
            earliest = (0, 0);
        }
        None
    }

    /// When it fired last, at `now` or before.
    pub fn last(&self, now: Timestamp) -> Option<Timestamp> {
        let last = minute_of(now).to_zoned(TimeZone::UTC);
        let (mut date, mut latest) = (last.date(), (last.hour(), last.minute()));
        let limit = date.year().checked_sub(YEARS)?;
        while date.year() >= limit {
            if !self.months.has(date.month()) {
                date = date.first_of_month();
            } else if let Some((hour, minute)) = self.final_(latest).filter(|_| self.fires_on(date)) {
                return Some(date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp());
            }
            date = date.yesterday().ok()?;
            latest = (23, 59);
        }
        None
    }

    fn fires_on(&self, date: Date) -> bool {
        let (day, weekday) = (self.days.has(date.day()), self.weekdays.has(date.weekday().to_sunday_zero_offset()));
        if self.days.any || self.weekdays.any { day && weekday } else { day || weekday }
    }

    /// The first hour and minute of a day, from these on.
    fn first(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        let this = self.minutes.from(minute).filter(|_| self.hours.has(hour)).map(|minute| (hour, minute));
        this.or_else(|| Some((self.hours.from(hour + 1)?, self.minutes.from(0)?)))
    }

    /// The last hour and minute of a day, up to these.
    fn final_(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        let this = self.minutes.to(minute).filter(|_| self.hours.has(hour)).map(|minute| (hour, minute));
        this.or_else(|| Some((self.hours.to(hour - 1)?, self.minutes.to(59)?)))
    }
}

impl Set {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits >> value & 1 == 1)
    }

    /// The least that is not below.
    fn from(self, least: i8) -> Option<i8> {
        let bits = self.bits & u64::MAX << u32::try_from(least).ok()?;
        (bits != 0).then(|| i8::try_from(bits.trailing_zeros()).ok()).flatten()
    }

    /// The greatest that is not above.
    fn to(self, most: i8) -> Option<i8> {
        let bits = self.bits & !(u64::MAX << (u32::try_from(most).ok()? + 1));
        (bits != 0).then(|| i8::try_from(bits.ilog2()).ok()).flatten()
    }
}

impl Field {
    /// A list of parts, separated by commas.
    fn read(&self, text: &str) -> Result<Set, String> {
        let mut set = Set { bits: 0, any: false };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let problem = |problem: String| format!("has the {} {part:?}, which {problem}", self.name);
            let one = self.part(part).map_err(problem)?;
            set = Set { bits: set.bits | one.bits, any: set.any || one.any };
        }
        Ok(set)
    }

    /// `*`, a value, a range of them, and perhaps a step: `5`, `1-5`, `*/15`, `10/5` (from 10 on), `mon-fri/2`.
    fn part(&self, text: &str) -> Result<Set, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let (low, high) = range.split_once('-').map_or((range, None), |(low, high)| (low, Some(high)));
        let any = low == "*" || low == "?";
        let (first, last) = if any {
            (*self.range.start(), *self.range.end())
        } else {
            let first = self.value(low)?;
            let last = match (high, step) {
                (Some(high), _) => self.value(high)?,
                (None, Some(_)) => *self.range.end(),
                (None, None) => first,
            };
            (first, last)
        };
        if first > last || !self.range.contains(&first) || !self.range.contains(&last) {
            return Err(format!("is not within {} to {}", self.range.start(), self.range.end()));
        }
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err("has the step 0".to_owned());
        }
        let values = (first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        Ok(Set { bits: values.fold(0, |bits, value| bits | 1 << value), any: any && step == 1 })
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let word = self.words.iter().position(|word| text.eq_ignore_ascii_case(word));
        match word.and_then(|position| u32::try_from(position).ok()) {
            Some(position) => Ok(self.range.start() + position),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "is no number".to_owned())
}
