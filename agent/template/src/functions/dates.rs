//! Dates. The local zone is UTC, as it is where ESO runs.

mod layout;
mod read;
mod time;

use std::rc::Rc;
use std::slice::Iter;

use jiff::Timestamp;

use super::{Argument, Table, convert, duration};
use crate::Error;
use crate::format;
use crate::run::Run;
use crate::value::{IntType, Text, Value};

use time::{Time, Zone};

pub(super) fn add(table: &mut Table) {
    table.add("now", |run: &Run<'_>| Time::utc(run.env().now()));
    table.add("date", |run: &Run<'_>, layout: Text, date: Value| in_zone(run, &layout, &date, "UTC"));
    for name in ["dateInZone", "date_in_zone"] {
        table.add(name, |run: &Run<'_>, layout: Text, date: Value, zone: Text| {
            in_zone(run, &layout, &date, &zone.lossy())
        });
    }
    table.add("htmlDate", |run: &Run<'_>, date: Value| in_zone(run, &"2006-01-02".into(), &date, "UTC"));
    table.add("htmlDateInZone", |run: &Run<'_>, date: Value, zone: Text| {
        in_zone(run, &"2006-01-02".into(), &date, &zone.lossy())
    });
    for name in ["dateModify", "date_modify"] {
        table.add(name, |change: Text, date: Time| match changed(&change, &date)? {
            Some(changed) => Ok::<_, Error>(changed),
            None => Ok(date),
        });
    }
    for name in ["mustDateModify", "must_date_modify"] {
        table.add(name, |change: Text, date: Time| {
            changed(&change, &date)?.ok_or_else(|| Error::Failed("a duration cannot be read".to_owned()))
        });
    }
    table.add("toDate", |layout: Text, text: Text| {
        read::read(&layout.lossy(), &text.lossy()).unwrap_or_else(Time::zero)
    });
    table.add("mustToDate", |layout: Text, text: Text| {
        let problem = || Error::Failed("the text is no date in this layout".to_owned());
        read::read(&layout.lossy(), &text.lossy()).ok_or_else(problem)
    });
    table.add("unixEpoch", |date: Time| date.at().as_second().to_string());
    table.add("ago", ago);
    table.add("duration", seconds);
    table.add("durationRound", duration_round);
}

impl Argument for Time {
    fn take(arguments: &mut Iter<'_, Value>) -> Result<Self, Error> {
        let value = arguments.next().unwrap_or(&Value::Nil);
        value.object::<Self>().cloned().ok_or_else(|| {
            Error::Failed(format!("wrong type for value; expected time.Time; got {}", value.type_name()))
        })
    }
}

impl super::Returned for Time {
    fn value(self, _run: &Run<'_>) -> Result<Value, Error> {
        Ok(Value::Object(Rc::new(self)))
    }
}

/// The moment that a value stands for: a time, or seconds since 1970; any other value is the present.
fn moment(run: &Run<'_>, value: &Value) -> Result<Timestamp, Error> {
    match value {
        Value::Int(IntType::Int | IntType::Int64, seconds) => {
            Timestamp::from_second(*seconds).map_err(|_| time::out_of_range())
        }
        value => Ok(value.object::<Time>().map_or_else(|| run.env().now(), Time::at)),
    }
}

/// A date in a layout and a zone, which is UTC if it is not known.
fn in_zone(run: &Run<'_>, layout: &Text, date: &Value, zone: &str) -> Result<Value, Error> {
    // To read a zone takes a while.
    run.steps(20)?;
    let zone = Zone::load(zone).unwrap_or(Zone::Utc);
    layout::print(run, &layout.lossy(), &Time::new(moment(run, date)?, zone)).map(Value::Text)
}

fn changed(change: &Text, date: &Time) -> Result<Option<Time>, Error> {
    let change = change.utf8().and_then(duration::parse);
    change.map(|nanoseconds| date.plus(nanoseconds)).transpose()
}

/// The time since a moment. Nanoseconds beyond an int64 are cut off, as in Go.
fn since(run: &Run<'_>, moment: Timestamp) -> i64 {
    let nanoseconds = run.env().now().as_nanosecond() - moment.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

fn ago(run: &Run<'_>, date: Value) -> Result<String, Error> {
    const SECOND: i64 = 1_000_000_000;
    let since = since(run, moment(run, &date)?);
    // Half a second counts for a whole one, away from zero.
    let rounded = since.saturating_add(SECOND / 2 * since.signum()) / SECOND;
    Ok(format::duration(rounded.saturating_mul(SECOND)))
}

/// Seconds as a duration.
fn seconds(value: Value) -> String {
    let seconds = match &value {
        Value::Text(text) => text.utf8().map_or(0, |text| convert::parsed_int(text, 10)),
        Value::Int(IntType::Int64, seconds) => *seconds,
        _ => 0,
    };
    format::duration(seconds.wrapping_mul(1_000_000_000))
}

/// A duration in its largest unit.
fn duration_round(run: &Run<'_>, value: Value) -> String {
    let nanoseconds = match &value {
        Value::Text(text) => text.utf8().and_then(duration::parse).unwrap_or(0),
        Value::Int(IntType::Int64, nanoseconds) => *nanoseconds,
        value => value.object::<Time>().map_or(0, |time| since(run, time.at())),
    };
    let left = nanoseconds.unsigned_abs();
    let hour = 3_600_000_000_000;
    [
        (365 * 24 * hour, "y"),
        (30 * 24 * hour, "mo"),
        (24 * hour, "d"),
        (hour, "h"),
        (hour / 60, "m"),
        (hour / 3600, "s"),
    ]
    .into_iter()
    .find(|(unit, _)| left > *unit)
    .map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", left / unit))
}
