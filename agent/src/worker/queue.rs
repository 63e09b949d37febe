//! The queue of objects that wait for their sync.
//!
//! Keyed by object: however often an object is asked for, it waits once and is handled by one worker at a time, and
//! what is asked while it is being handled makes it wait again. Urgent objects (an event named them) go before
//! routine ones (start-up, sweep, retries).

use std::collections::{BTreeSet, HashMap};
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

/// A request for a sync.
#[derive(Debug)]
pub struct Ask {
    /// Who goes first.
    pub urgency: Urgency,
    /// Not before this time.
    pub due: Instant,
    /// What was read before this is too old for it.
    pub asked: Instant,
    /// The messages that are held until it is done.
    pub tickets: Vec<Ticket>,
}

impl Ask {
    /// For now.
    pub fn now(urgency: Urgency) -> Self {
        let now = Instant::now();
        Self { urgency, due: now, asked: now, tickets: Vec::new() }
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: HashMap<ObjectKey, Job>,
    /// Who is next, for each urgency: by time, then by turn.
    order: [BTreeSet<(Instant, u64, ObjectKey)>; 2],
    /// What takes a place, and `None` where only the telling is left to do.
    running: HashMap<ObjectKey, Option<Urgency>>,
    turns: u64,
}

impl Queue {
    /// Asks for an object. If it waits already, the earlier time and the higher urgency win.
    pub fn push(&mut self, key: ObjectKey, ask: Ask) -> &mut Job {
        let Ask { urgency, due, asked, tickets } = ask;
        self.turns += 1;
        let mut job = Job { tickets, asked, holding: false, awaited: None, due, urgency, turn: self.turns };
        if let Some(mut waiting) = self.jobs.remove(&key) {
            self.order[waiting.urgency as usize].remove(&(waiting.due, waiting.turn, key.clone()));
            job.tickets.append(&mut waiting.tickets);
            job.urgency = job.urgency.min(waiting.urgency);
            job.due = job.due.min(waiting.due);
            job.asked = job.asked.max(waiting.asked);
            job.turn = waiting.turn;
            job.awaited = waiting.awaited;
            job.holding = waiting.holding;
        }
        if !self.running.contains_key(&key) {
            self.order[job.urgency as usize].insert((job.due, job.turn, key.clone()));
        }
        self.jobs.entry(key).insert_entry(job).into_mut()
    }

    /// Takes the next object that is due and whose turn it is; it counts as running until [`Queue::done`]. Routine ones
    /// may take `routine` places.
    pub fn pop(&mut self, now: Instant, routine: usize) -> Option<(ObjectKey, Job)> {
        let order = self.open(routine).find(|order| self.order[*order].first().is_some_and(|(due, ..)| *due <= now))?;
        let (_, _, key) = self.order[order].pop_first()?;
        let mut job = self.jobs.remove(&key)?;
        // A retry is asked for when its time has come, not when it was planned.
        job.asked = job.asked.max(job.due);
        self.running.insert(key.clone(), Some(job.urgency));
        Some((key, job))
    }

    /// The object takes no place any more. It is still being handled: nobody else gets it before [`Queue::done`].
    pub fn leave(&mut self, key: &ObjectKey) {
        if let Some(urgency) = self.running.get_mut(key) {
            *urgency = None;
        }
    }

    /// The object is no longer being handled; what was asked for meanwhile takes its turn.
    pub fn done(&mut self, key: &ObjectKey) {
        self.running.remove(key);
        if let Some(job) = self.jobs.get(key) {
            self.order[job.urgency as usize].insert((job.due, job.turn, key.clone()));
        }
    }

    /// Forgets what waits, and lets go of its messages.
    pub fn clear(&mut self) {
        self.jobs.clear();
        self.order = Default::default();
    }

    /// Is the object asked for again, for now or earlier?
    pub fn is_due(&self, key: &ObjectKey, now: Instant) -> bool {
        self.jobs.get(key).is_some_and(|job| job.due <= now)
    }

    /// When the next object is due that may be taken, if any waits.
    pub fn next_due(&self, routine: usize) -> Option<Instant> {
        self.open(routine).filter_map(|order| self.order[order].first().map(|(due, ..)| *due)).min()
    }

    /// The orders from which objects may be taken.
    fn open(&self, routine: usize) -> impl Iterator<Item = usize> + use<> {
        let taken = self.running.values().filter(|urgency| **urgency == Some(Urgency::Routine)).count();
        [Urgency::Urgent, Urgency::Routine]
            .into_iter()
            .filter(move |one| *one == Urgency::Urgent || taken < routine)
            .map(|one| one as usize)
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

    fn pop(queue: &mut Queue) -> Option<String> {
        queue.pop(Instant::now(), usize::MAX).map(|(key, _)| key.name)
    }

    #[test]
    fn one_object_waits_once_and_runs_once_at_a_time() {
        let mut queue = Queue::default();
        queue.push(key("a"), Ask::now(Urgency::Routine));
        queue.push(key("a"), Ask::now(Urgency::Routine));
        assert_eq!(pop(&mut queue).as_deref(), Some("a"));
        assert_eq!(pop(&mut queue), None);
        queue.push(key("a"), Ask::now(Urgency::Routine));
        assert_eq!(pop(&mut queue), None, "it is being handled");
        queue.done(&key("a"));
        assert_eq!(pop(&mut queue).as_deref(), Some("a"), "what came meanwhile is not lost");
    }

    #[test]
    fn an_event_does_not_wait_behind_a_start_up() {
        let mut queue = Queue::default();
        for n in 0..1000 {
            queue.push(key(&format!("start-{n}")), Ask::now(Urgency::Routine));
        }
        queue.push(key("start-999"), Ask::now(Urgency::Urgent));
        assert_eq!(pop(&mut queue).as_deref(), Some("start-999"));
        assert_eq!(pop(&mut queue).as_deref(), Some("start-0"));
        assert_eq!(queue.len(), 998);
    }

    #[test]
    fn a_start_up_leaves_places_for_events() {
        let mut queue = Queue::default();
        for n in 0..10 {
            queue.push(key(&format!("start-{n}")), Ask::now(Urgency::Routine));
        }
        let taken = std::iter::from_fn(|| queue.pop(Instant::now(), 3)).count();
        assert_eq!((taken, queue.next_due(3)), (3, None), "nobody is woken for what may not be taken");
        queue.push(key("start-9"), Ask::now(Urgency::Urgent));
        assert_eq!(queue.pop(Instant::now(), 3).map(|(key, _)| key.name).as_deref(), Some("start-9"));
        queue.leave(&key("start-0"));
        assert!(queue.pop(Instant::now(), 3).is_some());
        queue.push(key("start-0"), Ask::now(Urgency::Urgent));
        assert!(queue.pop(Instant::now(), 3).is_none(), "it is still being told of");
        queue.done(&key("start-0"));
        assert_eq!(queue.pop(Instant::now(), 3).map(|(key, _)| key.name).as_deref(), Some("start-0"));
    }

    #[test]
    fn a_retry_waits_for_its_time_unless_something_asks_earlier() {
        let mut queue = Queue::default();
        let later = Instant::now() + Duration::from_mins(1);
        queue.push(key("a"), Ask { due: later, ..Ask::now(Urgency::Routine) });
        assert_eq!(pop(&mut queue), None);
        assert_eq!(queue.next_due(1), Some(later));
        queue.push(key("a"), Ask::now(Urgency::Urgent));
        assert_eq!(pop(&mut queue).as_deref(), Some("a"));
        assert_eq!(pop(&mut queue), None, "its retry went with it");
    }
}
