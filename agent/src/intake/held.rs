//! A message while its objects are being synced.
//!
//! Each object that a message concerns holds a [`Ticket`]. When the last ticket is gone, the outcomes are folded and
//! the message's fate is sent to the acknowledger. A ticket that is dropped without an outcome (a panic, a shutdown)
//! leaves the message to be redelivered: nothing is deleted by accident.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rekey_core::disposition::{MessageOutcome, ObjectOutcome};
use tokio::sync::mpsc::UnboundedSender;

/// A message that is finished with, one way or the other.
#[derive(Debug)]
pub struct Finished {
    /// What the queue needs to delete it or to hand it back.
    pub receipt: String,
    /// What became of it.
    pub outcome: MessageOutcome,
    /// When it was received.
    pub received: Instant,
}

#[derive(Debug)]
struct Held {
    receipt: String,
    received: Instant,
    happened: Timestamp,
    concerned: usize,
    outcomes: Mutex<Vec<ObjectOutcome>>,
    finished: UnboundedSender<Finished>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let outcomes = std::mem::take(self.outcomes.get_mut().unwrap_or_else(PoisonError::into_inner));
        let outcome = MessageOutcome::of_change(self.concerned, &outcomes);
        // Nobody listens any more only when the agent is going down; the message then comes again by itself.
        let _ = self.finished.send(Finished {
            receipt: std::mem::take(&mut self.receipt),
            outcome,
            received: self.received,
        });
    }
}

/// One object's share of a message.
#[derive(Debug)]
pub struct Ticket {
    held: Arc<Held>,
    begun: bool,
    /// When AWS was first asked for it.
    asked: Option<Instant>,
}

impl Ticket {
    /// Makes one ticket for each of `concerned` objects. With none, the message is finished at once. `happened` is when
    /// that happened which the message tells of.
    #[must_use]
    pub fn issue(
        receipt: String,
        received: Instant,
        happened: Timestamp,
        concerned: usize,
        finished: UnboundedSender<Finished>,
    ) -> Vec<Self> {
        let held = Arc::new(Held { receipt, received, happened, concerned, outcomes: Mutex::default(), finished });
        (0..concerned).map(|_| Self { held: Arc::clone(&held), begun: false, asked: None }).collect()
    }

    /// Work on the object begins. Returns how long the message waited for that; nothing when it had begun before.
    pub fn begin(&mut self) -> Option<Duration> {
        (!std::mem::replace(&mut self.begun, true)).then(|| self.held.received.elapsed())
    }

    /// AWS was asked, from `began` on, and its answer was used. Returns for how long it has been asked by then.
    pub fn asked(&mut self, began: Instant) -> Duration {
        began.saturating_duration_since(*self.asked.get_or_insert(began))
    }

    /// When that happened which the message tells of, by AWS's clock.
    #[must_use]
    pub fn happened(&self) -> Timestamp {
        self.held.happened
    }

    /// When the message was received.
    #[must_use]
    pub fn received(&self) -> Instant {
        self.held.received
    }

    /// The object is done, as far as this message is concerned.
    pub fn resolve(self, outcome: ObjectOutcome) {
        self.held.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn issue(concerned: usize) -> (Vec<Ticket>, UnboundedReceiver<Finished>) {
        let (sender, receiver) = unbounded_channel();
        (Ticket::issue("receipt".to_owned(), Instant::now(), Timestamp::UNIX_EPOCH, concerned, sender), receiver)
    }

    #[test]
    fn finishes_with_the_last_ticket_and_not_before() {
        let (mut tickets, mut finished) = issue(2);
        tickets.pop().expect("two tickets").resolve(ObjectOutcome::Applied);
        assert!(finished.try_recv().is_err());
        tickets.pop().expect("one ticket").resolve(ObjectOutcome::Unchanged);
        assert_eq!(finished.try_recv().expect("finished").outcome, MessageOutcome::Applied);
    }

    #[test]
    fn a_dropped_ticket_abandons_the_message() {
        let (mut tickets, mut finished) = issue(2);
        tickets.pop().expect("two tickets").resolve(ObjectOutcome::Applied);
        drop(tickets);
        assert_eq!(finished.try_recv().expect("finished").outcome, MessageOutcome::Abandoned);
    }

    #[test]
    fn how_long_it_waited_is_told_once_for_each_object() {
        let (mut tickets, _finished) = issue(2);
        assert!(tickets[0].begin().is_some());
        assert_eq!(tickets[0].begin(), None, "it is being tried again");
        assert!(tickets[1].begin().is_some());
    }

    #[test]
    fn a_message_that_concerns_nobody_is_foreign_at_once() {
        let (tickets, mut finished) = issue(0);
        assert!(tickets.is_empty());
        assert_eq!(finished.try_recv().expect("finished").outcome, MessageOutcome::Foreign);
    }
}
