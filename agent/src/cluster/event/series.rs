//! What was told lately, so that the same again is the same Event, counted. Another note is another Event: whoever learns a
//! new cause must not read the old one.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::backoff::after;

/// What is told again within so long is counted. Kubernetes' own recorders keep a series as long
/// (<https://github.com/kubernetes/client-go/blob/v0.35.0/tools/events/event_broadcaster.go>, `finishTime`).
const LASTS: Duration = Duration::from_mins(6);

/// Something said of an object.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Sentence {
    pub uid: Option<String>,
    pub reason: String,
    pub note: String,
}

/// The Event that told it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub name: String,
    pub count: i32,
    pub last: Timestamp,
}

#[derive(Default)]
pub(super) struct Series {
    told: HashMap<Sentence, Told>,
    /// When the old ones were last thrown away.
    swept: Timestamp,
}

impl Series {
    /// Takes out what has told this lately. It is put back as it is then, if it could be counted up.
    pub fn take(&mut self, sentence: &Sentence, now: Timestamp) -> Option<Told> {
        self.told.remove(sentence).filter(|told| after(told.last, LASTS) > now)
    }

    /// This Event told it.
    pub fn put(&mut self, sentence: Sentence, told: Told) {
        let now = told.last;
        if after(self.swept, LASTS) <= now {
            self.swept = now;
            self.told.retain(|_, told| after(told.last, LASTS) > now);
        }
        self.told.insert(sentence, told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(note: &str) -> Sentence {
        Sentence { uid: Some("u".to_owned()), reason: "ReloadFail".to_owned(), note: note.to_owned() }
    }

    fn told(second: i64) -> Told {
        Told { name: "app.1".to_owned(), count: 1, last: Timestamp::from_second(second).unwrap() }
    }

    #[test]
    fn a_series_ends_when_nothing_comes_for_a_while_and_nothing_is_kept_for_ever() {
        let (mut series, at) = (Series::default(), |second| Timestamp::from_second(second).unwrap());
        series.put(sentence("a"), told(1000));
        assert_eq!(series.take(&sentence("b"), at(1001)), None);
        assert_eq!(series.take(&sentence("a"), at(1359)), Some(told(1000)));
        series.put(sentence("a"), told(1359));
        assert_eq!(series.take(&sentence("a"), at(1719)), None);
        for minute in 0..60 {
            series.put(sentence(&minute.to_string()), told(2000 + minute * 60));
        }
        assert!(series.told.len() <= 12, "{}", series.told.len());
    }
}
