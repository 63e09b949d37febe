//! The queue of objects that wait for their sync.
//!
//! Keyed by object: however often an object is asked for, it waits once and is handled by one worker at a time, and
//! what is asked while it is being handled makes it wait again. Urgent objects (an event named them) go before
//! routine ones (start-up, sweep, retries).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use rekey_core::object::ObjectKey;

use crate::intake::Ticket;

/// Who goes first among the objects that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A change was announced, or somebody edited something and waits.
    Urgent,
    /// Start-up, sweep, retry.
    Routine,
}

/// What an object waits for, or is being handled for.
#[derive(Debug)]
pub struct Job {
    /// The messages that are held until it is done.
    pub tickets: Vec<Ticket>,
    /// Failures in a row.
    pub failures: u32,
    /// When it was last asked for: what was read before that is too old for it.
    pub asked: Instant,
    /// Did it fail last in a way that its messages wait for?
    pub holding: bool,
    /// The target whose restarts wait for this job, once they do.
    pub awaited: Option<ObjectKey>,
    due: Instant,
    urgency: Urgency,
    turn: u64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: HashMap<ObjectKey, Job>,
    /// Who is next, for each urgency: by time, then by turn.
    order: [BTreeSet<(Instant, u64, ObjectKey)>; 2],
    running: HashSet<ObjectKey>,
    turns: u64,
}

impl Queue {
    /// Asks for an object at `due`. If it waits already, the earlier time and the higher urgency win.
    pub fn push(
        &mut self,
        key: ObjectKey,
        urgency: Urgency,
        due: Instant,
        tickets: Vec<Ticket>,
        failures: u32,
    ) -> &mut Job {
        self.turns += 1;
        let mut job = Job {
            tickets,
            failures,
            asked: Instant::now(),
            holding: false,
            awaited: None,
            due,
            urgency,
            turn: self.turns,
        };
        if let Some(mut waiting) = self.jobs.remove(&key) {
            self.order[waiting.urgency as usize].remove(&(waiting.due, waiting.turn, key.clone()));
            job.tickets.append(&mut waiting.tickets);
            job.failures = job.failures.max(waiting.failures);
            job.urgency = job.urgency.min(waiting.urgency);
            job.due = job.due.min(waiting.due);
            job.turn = waiting.turn;
            job.awaited = waiting.awaited;
            job.holding = waiting.holding;
        }
        if !self.running.contains(&key) {
            self.order[job.urgency as usize].insert((job.due, job.turn, key.clone()));
        }
        self.jobs.entry(key).insert_entry(job).into_mut()
    }

    /// Takes the next object that is due and whose turn it is; it counts as running until [`Queue::done`].
    pub fn pop(&mut self, now: Instant) -> Option<(ObjectKey, Job)> {
        let order = self.order.iter_mut().find(|order| order.first().is_some_and(|(due, ..)| *due <= now))?;
        let (_, _, key) = order.pop_first()?;
        let mut job = self.jobs.remove(&key)?;
        // A retry is asked for when its time has come, not when it was planned.
        job.asked = job.asked.max(job.due);
        self.running.insert(key.clone());
        Some((key, job))
    }

    /// The object is no longer being handled; what was asked for meanwhile takes its turn.
    pub fn done(&mut self, key: &ObjectKey) {
        self.running.remove(key);
        if let Some(job) = self.jobs.get(key) {
            self.order[job.urgency as usize].insert((job.due, job.turn, key.clone()));
        }
    }

    /// Is the object asked for again, for now or earlier?
    pub fn is_due(&self, key: &ObjectKey, now: Instant) -> bool {
        self.jobs.get(key).is_some_and(|job| job.due <= now)
    }

    /// When the next object is due, if any waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.order.iter().filter_map(|order| order.first().map(|(due, ..)| *due)).min()
    }

    /// Objects that wait, without those being handled.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn pop(queue: &mut Queue, now: Instant) -> Option<String> {
        queue.pop(now).map(|(key, _)| key.name)
    }

    #[test]
    fn one_object_waits_once_and_runs_once_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(key("a"), Urgency::Routine, now, vec![], 0);
        queue.push(key("a"), Urgency::Routine, now, vec![], 0);
        assert_eq!(pop(&mut queue, now).as_deref(), Some("a"));
        assert_eq!(pop(&mut queue, now), None);
        queue.push(key("a"), Urgency::Routine, now, vec![], 0);
        assert_eq!(pop(&mut queue, now), None, "it is being handled");
        queue.done(&key("a"));
        assert_eq!(pop(&mut queue, now).as_deref(), Some("a"), "what came meanwhile is not lost");
    }

    #[test]
    fn an_event_does_not_wait_behind_a_start_up() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for n in 0..1000 {
            queue.push(key(&format!("start-{n}")), Urgency::Routine, now, vec![], 0);
        }
        queue.push(key("start-999"), Urgency::Urgent, now, vec![], 0);
        assert_eq!(pop(&mut queue, now).as_deref(), Some("start-999"));
        assert_eq!(pop(&mut queue, now).as_deref(), Some("start-0"));
        assert_eq!(queue.len(), 998);
    }

    #[test]
    fn a_retry_waits_for_its_time_unless_something_asks_earlier() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let later = now + Duration::from_mins(1);
        queue.push(key("a"), Urgency::Routine, later, vec![], 3);
        assert_eq!(pop(&mut queue, now), None);
        assert_eq!(queue.next_due(), Some(later));
        queue.push(key("a"), Urgency::Urgent, now, vec![], 0);
        let (_, job) = queue.pop(now).expect("due now");
        assert_eq!(job.failures, 3, "its failures are not forgotten");
    }
}
