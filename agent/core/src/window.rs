//! `spec.syncWindows`: when the sources of an object may be followed.
//!
//! A window opens when its schedule fires and stays open for its duration, both ends included. `allow`: sources are
//! followed inside the windows only; `deny`: outside only. What cannot be read never opens, as with ESO; what it is, the
//! object's Events tell. Only what the sources do waits: edits of the object, and of its target, are answered at once.

mod cron;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::backoff::after;
use crate::duration;
use crate::ledger::Window;
use crate::resource::external_secret::{SyncWindowKind, SyncWindows};
use cron::Cron;

/// Windows of one object. One that never opens takes a moment to find out, at each decision about the object.
pub const MOST: usize = 100;
/// Nobody waits longer before looking again, however far the next window is.
const LONGEST: Duration = Duration::from_hours(24);

/// An object's windows, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// `None` where there are none: then all is allowed.
    kind: Option<SyncWindowKind>,
    spans: Vec<Span>,
    /// What cannot be read, by field.
    problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    schedule: Schedule,
    open_for: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Schedule {
    /// At the minutes that five fields name.
    Cron(Cron),
    /// `@every`: so long after whatever moment one looks from.
    Every(Duration),
}

impl Windows {
    /// Reads an object's windows.
    #[must_use]
    pub fn new(windows: Option<&SyncWindows>) -> Self {
        let mut read = Self::default();
        let Some(windows) = windows.filter(|windows| !windows.windows.is_empty()) else { return read };
        read.kind = Some(windows.kind);
        for (index, window) in windows.windows.iter().enumerate().take(MOST) {
            let problem = |field, problem| format!("spec.syncWindows.windows[{index}].{field} {problem}");
            let open_for = match duration::parse(&window.duration) {
                Ok(open_for) => open_for,
                Err(error) => {
                    read.problems.push(problem("duration", error.to_string()));
                    continue;
                }
            };
            match Schedule::parse(&window.schedule) {
                Ok(schedule) => read.spans.push(Span { schedule, open_for }),
                Err(error) => read.problems.push(problem("schedule", error)),
            }
        }
        read
    }

    /// What is wrong with windows that therefore never open.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// May the sources be followed at this time? If not, the answer may be another one at the time that is given.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Window {
        let until = match self.kind {
            None => return Window::Open,
            Some(SyncWindowKind::Allow) if self.spans.iter().any(|span| span.closes(now).is_some()) => {
                return Window::Open;
            }
            Some(SyncWindowKind::Allow) => self.spans.iter().filter_map(|span| span.opens(now)).min(),
            Some(SyncWindowKind::Deny) => match self.spans.iter().filter_map(|span| span.closes(now)).max() {
                None => return Window::Open,
                // The end is still inside.
                Some(end) => Some(after(end, Duration::from_secs(1))),
            },
        };
        let latest = after(now, LONGEST);
        Window::Closed(until.map_or(latest, |until| until.min(latest)))
    }
}

impl Span {
    /// When it closes, if it is open.
    fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.schedule {
            Schedule::Cron(cron) => {
                let opened = cron.last(now)?;
                Some(after(opened, self.open_for)).filter(|end| now <= *end)
            }
            // ESO looks from the moment before the duration, and whole seconds count.
            Schedule::Every(pause) => (*pause <= self.open_for + Duration::from_secs(1)).then_some(Timestamp::MAX),
        }
    }

    /// When it opens next, if it is closed.
    fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.schedule {
            Schedule::Cron(cron) => cron.next(now),
            Schedule::Every(_) => None,
        }
    }
}

impl Schedule {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(pause) = text.strip_prefix("@every ") {
            let length = pause.strip_prefix('-').map_or_else(|| duration::parse(pause), |_| Ok(Duration::ZERO));
            let whole = length.map_err(|error| error.to_string())?.as_secs();
            return Ok(Self::Every(Duration::from_secs(whole.max(1))));
        }
        Cron::parse(text).map(Self::Cron)
    }
}

/// The start of the minute of a time.
fn minute_of(time: Timestamp) -> Timestamp {
    let seconds = time.as_second().rem_euclid(60);
    let within = SignedDuration::new(seconds, time.subsec_nanosecond().max(0));
    time.checked_sub(within).unwrap_or(time)
}

#[cfg(test)]
mod tests;
