//! The pause between a change and its rollout that a Deployment asks for, so that later changes join the same rollout.
//!
//! The Deployment itself says when the pause began, in an annotation that makes the pause ours to end. So it ends in
//! time whoever runs by then, and whoever takes that annotation away, or ends the pause, takes it out of our hands.

use std::time::Duration;

use jiff::Timestamp;

use super::annotations::Annotations;
use super::keys::Keys;
use super::mistake::Mistake;
use crate::backoff::after;
use crate::duration;

/// What becomes of a Deployment's pause, as part of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It begins: `spec.paused` is set, and the annotation [`Keys::paused_at`] gets [`Pause::paused_at`].
    Begin(Timestamp),
    /// It ends: `spec.paused` is cleared and the annotation removed.
    End,
}

impl Pause {
    /// The annotation's text, in whole seconds as Stakater Reloader writes it; nothing if it is removed.
    #[must_use]
    pub fn paused_at(self) -> Option<String> {
        match self {
            Self::Begin(at) => Some(Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()),
            Self::End => None,
        }
    }

    /// What `spec.paused` becomes.
    #[must_use]
    pub fn paused(self) -> bool {
        matches!(self, Self::Begin(_))
    }
}

/// What a Deployment says about pauses. Its template says nothing about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pausing {
    /// How long it stays paused after a change; nothing, or no time at all, if it does not pause.
    pub period: Duration,
    /// Since when a pause of ours lasts; nothing if none does.
    pub since: Option<Timestamp>,
    /// The period is not to be understood; then it does not pause.
    pub mistake: Option<Box<Mistake>>,
}

impl Pausing {
    /// Reads the annotations of a Deployment.
    #[must_use]
    pub fn read(annotations: &Annotations, keys: &Keys) -> Self {
        let text = annotations.get(&keys.pause_period).filter(|text| !text.is_empty());
        // A period below zero is over before it begins.
        let period = text.map_or(Ok(Duration::ZERO), |text| match text.strip_prefix('-') {
            Some(positive) if !positive.starts_with(['+', '-']) => duration::parse(positive).map(|_| Duration::ZERO),
            _ => duration::parse(text),
        });
        let (period, mistake) = match period {
            Ok(period) => (period, None),
            Err(error) => {
                let mistake = Mistake::Period { annotation: keys.pause_period.clone(), reason: error.to_string() };
                (Duration::ZERO, Some(Box::new(mistake)))
            }
        };
        let since = annotations.get(&keys.paused_at).and_then(|text| text.parse().ok());
        Self { period, since, mistake }
    }

    /// When a pause of ours ends. If it is no longer `paused`, somebody else has ended it, and only the annotation is left.
    #[must_use]
    pub fn ends(&self, paused: bool) -> Option<Timestamp> {
        self.since.map(|since| if paused { after(since, self.period) } else { since })
    }

    /// What becomes of the pause with a restart. Pauses of others stay, and ours is not prolonged.
    #[must_use]
    pub fn of_restart(&self, paused: bool, now: Timestamp) -> Option<Pause> {
        if !paused && !self.period.is_zero() {
            return Some(Pause::Begin(now));
        }
        self.ends(paused).filter(|end| *end <= now).map(|_| Pause::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::testing::at;

    const PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
    const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";

    fn read(annotations: &[(&str, &str)]) -> Pausing {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Pausing::read(&annotations, &Keys::default())
    }

    #[test]
    fn periods_are_gos_durations_and_bad_ones_are_told() {
        for (text, seconds) in [("5m", 300), ("1h30m", 5400), ("0", 0), ("0s", 0), ("-5m", 0), ("", 0)] {
            let pausing = read(&[(PERIOD, text)]);
            assert_eq!((pausing.period.as_secs(), pausing.mistake), (seconds, None), "{text}");
        }
        for text in ["soon", "5", "5 m", "--5m", "-soon", "1d"] {
            let pausing = read(&[(PERIOD, text)]);
            assert_eq!(pausing.period, Duration::ZERO, "{text}");
            let mistake = pausing.mistake.expect(text).to_string();
            assert!(mistake.contains(PERIOD) && mistake.contains(text.trim_start_matches('-')), "{mistake}");
        }
    }

    #[test]
    fn the_beginning_is_written_as_stakater_writes_it_and_read_back() {
        let text = Pause::Begin(at(400)).paused_at().unwrap();
        assert_eq!(text, "2027-01-15T08:00:00Z");
        let pausing = read(&[(PERIOD, "10s"), (PAUSED_AT, &text)]);
        assert_eq!((pausing.since, pausing.ends(true)), (Some(at(0)), Some(at(10_000))));
        assert_eq!(read(&[(PAUSED_AT, "2027-01-15T10:00:00+02:00")]).since, Some(at(0)));
        // Whatever else stands there is not ours.
        assert_eq!(read(&[(PAUSED_AT, "yesterday")]).since, None);
        assert_eq!(Pause::End.paused_at(), None);
    }

    #[test]
    fn what_a_restart_does_to_a_pause() {
        let began = at(0).to_string();
        let (period, ours) = ((PERIOD, "10s"), (PAUSED_AT, began.as_str()));
        for (why, annotations, paused, expected) in [
            ("it does not pause", &[][..], false, None),
            ("it pauses", &[period], false, Some(Pause::Begin(at(5_000)))),
            ("it pauses for no time", &[(PERIOD, "0s")], false, None),
            ("a pause of ours lasts", &[period, ours], true, None),
            ("a pause of ours is over", &[(PERIOD, "5s"), ours], true, Some(Pause::End)),
            ("the period of our pause was taken away", &[ours], true, Some(Pause::End)),
            ("somebody else paused it", &[period], true, None),
            ("somebody ended our pause", &[period, ours], false, Some(Pause::Begin(at(5_000)))),
            ("somebody ended our pause and took the period away", &[ours], false, Some(Pause::End)),
        ] {
            assert_eq!(read(annotations).of_restart(paused, at(5_000)), expected, "{why}");
        }
    }
}
