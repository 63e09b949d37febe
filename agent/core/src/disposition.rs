//! What becomes of a message: one table, one function.
//!
//! | what it was | deleted? | outcome |
//! |---|---|---|
//! | no event at all, or one with missing fields | no: handed back at once until the DLQ has it | malformed |
//! | a kind that Rekey does not act on | yes | ignored |
//! | a heartbeat | yes | heartbeat |
//! | a change that no object here is concerned by | yes | foreign |
//! | each object is as it should be | yes | unchanged |
//! | each object was written or was as it should be | yes | applied |
//! | each object was done, or failed in a way that redelivery cannot help | yes | failed |
//! | an object is not done: the agent lost track of it | no: it comes again when its visibility ends | abandoned |
//! | an object is not done: the agent stops | no: handed back at once to the next agent | abandoned |
//! | any of these, but another agent may lead by now, and know objects that this one does not | no: it comes again when its visibility ends, to whoever leads | as above |

use std::fmt;

/// How the sync of one object ended, as far as its message is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectOutcome {
    /// It held the right version already.
    Unchanged,
    /// Its target was written.
    Applied,
    /// It failed in a way that its condition and its own retries own from here on.
    Failed,
}

/// How a message ended; the label of `rekey_messages_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageOutcome {
    /// See the module's table for each.
    Malformed,
    /// Of no interest.
    Ignored,
    /// A sign of life.
    Heartbeat,
    /// Nobody here uses that source.
    Foreign,
    /// Everything was up to date.
    Unchanged,
    /// Something was written.
    Applied,
    /// Something failed for good.
    Failed,
    /// Not everything was done.
    Abandoned,
}

impl MessageOutcome {
    /// Folds what became of the objects that a change concerned. `concerned` counts them all; those without an
    /// outcome were not finished.
    #[must_use]
    pub fn of_change(concerned: usize, outcomes: &[ObjectOutcome]) -> Self {
        if concerned == 0 {
            return Self::Foreign;
        }
        if outcomes.len() < concerned {
            return Self::Abandoned;
        }
        match outcomes.iter().max() {
            Some(ObjectOutcome::Failed) => Self::Failed,
            Some(ObjectOutcome::Applied) => Self::Applied,
            Some(ObjectOutcome::Unchanged) | None => Self::Unchanged,
        }
    }

    /// What to tell the queue.
    #[must_use]
    pub fn disposition(self, standing: Standing) -> Disposition {
        match (self, standing) {
            (_, Standing::Overtaken) | (Self::Abandoned, Standing::Working) => Disposition::Leave,
            (Self::Malformed, _) | (Self::Abandoned, Standing::Stopping) => Disposition::HandBack,
            _ => Disposition::Delete,
        }
    }

    /// The label's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Ignored => "ignored",
            Self::Heartbeat => "heartbeat",
            Self::Foreign => "foreign",
            Self::Unchanged => "unchanged",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for MessageOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What this agent is when it has to tell the queue about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The one that works.
    Working,
    /// The one that works, about to end; another will take over.
    Stopping,
    /// Another one may work by now: what this one knows may be old, and the messages are no longer its own.
    Overtaken,
}

/// What the queue is told about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Redelivery can help no object any more.
    Delete,
    /// Visibility 0: it comes again at once, to whoever receives, until the queue's redrive policy moves it to the DLQ.
    HandBack,
    /// Nothing: it comes again when its visibility timeout ends.
    Leave,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ObjectOutcome::{Applied, Failed, Unchanged};

    #[test]
    fn each_row_of_the_table() {
        for (concerned, outcomes, outcome, disposition) in [
            (0, vec![], MessageOutcome::Foreign, Disposition::Delete),
            (1, vec![Unchanged], MessageOutcome::Unchanged, Disposition::Delete),
            (2, vec![Unchanged, Applied], MessageOutcome::Applied, Disposition::Delete),
            (3, vec![Applied, Failed, Unchanged], MessageOutcome::Failed, Disposition::Delete),
            (2, vec![Applied], MessageOutcome::Abandoned, Disposition::Leave),
            (1, vec![], MessageOutcome::Abandoned, Disposition::Leave),
        ] {
            let folded = MessageOutcome::of_change(concerned, &outcomes);
            let told = folded.disposition(Standing::Working);
            assert_eq!((folded, told), (outcome, disposition), "{concerned} {outcomes:?}");
            assert_eq!(folded.disposition(Standing::Overtaken), Disposition::Leave, "{concerned} {outcomes:?}");
        }
        assert_eq!(MessageOutcome::Abandoned.disposition(Standing::Stopping), Disposition::HandBack);
        assert_eq!(MessageOutcome::Malformed.disposition(Standing::Working), Disposition::HandBack);
        assert_eq!(MessageOutcome::Malformed.disposition(Standing::Overtaken), Disposition::Leave);
        assert_eq!(MessageOutcome::Ignored.disposition(Standing::Stopping), Disposition::Delete);
        assert_eq!(MessageOutcome::Heartbeat.disposition(Standing::Working), Disposition::Delete);
    }
}
