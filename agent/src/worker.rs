//! The worker: runs syncs, one at a time for each object, a bounded number in all, and is the one place that retries.

mod controller;
mod queue;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use jiff::Timestamp;
use rand::RngExt;
use rekey_core::backoff::Backoff;
use rekey_core::disposition::ObjectOutcome;
use rekey_core::ledger::Decision;
use rekey_core::object::ObjectKey;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use controller::Controller;
pub use queue::Urgency;
use queue::{Ask, Job, Queue};

use crate::intake::Ticket;
use crate::metrics::Metrics;
use crate::rollout::Rollouts;
use crate::state::{Object, State};
use crate::sync::{SyncError, Synced};

/// A message waits for AWS to return what it announced as long as AWS is asked for it, which is nearly five seconds.
const READ_YOUR_EVENT: Duration = Duration::from_millis(4500);

/// A place to ask for syncs. Clones share one queue.
#[derive(Clone)]
pub struct Work {
    queue: Arc<Mutex<Queue>>,
    wake: Arc<Notify>,
    state: State,
    rollouts: Rollouts,
}

impl Work {
    /// An empty queue. `rollouts` is told which targets are about to change, so that a workload whose Secrets change
    /// together is restarted once.
    #[must_use]
    pub fn new(state: State, rollouts: Rollouts) -> Self {
        Self { queue: Arc::default(), wake: Arc::default(), state, rollouts }
    }

    /// Asks for an object, now.
    pub fn push(&self, key: ObjectKey, urgency: Urgency) {
        self.ask(key, Ask::now(urgency));
    }

    /// Asks for an object on behalf of a message that is held until it is done.
    pub fn push_held(&self, key: ObjectKey, ticket: Ticket) {
        // Whatever began after the message was here serves it, so that all its objects share a read.
        let asked = ticket.received();
        self.ask(key, Ask { asked, tickets: vec![ticket], ..Ask::now(Urgency::Urgent) });
    }

    /// Objects that wait for their turn or their retry.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// Forgets what waits, and lets go of its messages.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Asks for an object again at `due`; `holding` says whether its messages wait for that.
    fn again(&self, key: ObjectKey, due: Instant, urgency: Urgency, job: Job, holding: bool) {
        let ask = Ask { urgency, due, asked: job.asked, tickets: job.tickets };
        self.lock().push(key, ask).holding = holding;
        self.wake.notify_one();
    }

    fn ask(&self, key: ObjectKey, ask: Ask) {
        let target = self.state.with_object(&key, |object| object.target());
        let mut queue = self.lock();
        let job = queue.push(key, ask);
        if job.awaited.is_none() {
            job.awaited = target;
            if let Some(target) = &job.awaited {
                self.rollouts.sync_queued(target);
            }
        }
        drop(queue);
        self.wake.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module's head.
#[derive(Clone)]
pub struct Worker {
    /// What is asked for.
    pub work: Work,
    /// What does it.
    pub controller: Controller,
    /// Counters.
    pub metrics: Metrics,
    /// Syncs at a time, each until its target is as it should be; what it tells then takes no place from others.
    pub concurrency: usize,
    /// The longest pause between two tries of an object that is not Ready.
    pub max_retry_interval: Duration,
}

impl Worker {
    /// Works until told to stop; then finishes what is under way, and lets go of the rest.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        let places = Arc::new(Semaphore::new(self.concurrency));
        // Some places are left to changes, however much a start-up or a sweep has to do.
        let routine = self.concurrency - self.concurrency / 8;
        loop {
            let mut next_due = None;
            while !shutdown.is_cancelled() {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { break };
                let (popped, due) = {
                    let mut queue = self.work.lock();
                    let popped = queue.pop(Instant::now(), routine);
                    (popped, queue.next_due(routine))
                };
                next_due = due;
                let Some((key, job)) = popped else { break };
                let worker = self.clone();
                let turn = Turn { work: self.work.clone(), key, awaited: job.awaited.clone(), place: Some(place) };
                running.spawn(async move { worker.handle(turn, job).await });
            }
            if running.is_empty() {
                self.controller.reads().clear();
                if shutdown.is_cancelled() {
                    // Their messages go back to the queue, for the next agent.
                    self.work.clear();
                    return;
                }
            }
            tokio::select! {
                Some(done) = running.join_next(), if !running.is_empty() => if done.is_err() {
                    // The panic's text may quote data; where it happened is in the panic hook's own line.
                    error!("a sync ended in a panic; its messages will be redelivered");
                },
                () = self.work.wake.notified(), if !shutdown.is_cancelled() => {}
                () = sleep_until(next_due), if places.available_permits() > 0 && !shutdown.is_cancelled() => {}
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
                else => {}
            }
        }
    }

    async fn handle(&self, mut turn: Turn, mut job: Job) {
        let key = turn.key.clone();
        let began = Instant::now();
        for waited in job.tickets.iter_mut().filter_map(Ticket::begin) {
            self.metrics.sync_started(waited);
        }
        // A panic must not take the object's retries and its condition with it.
        let mut done = || turn.target_is_done();
        let sync = AssertUnwindSafe(self.controller.sync(&key, job.asked, &mut done)).catch_unwind();
        let outcome = sync.await.unwrap_or(Err(SyncError::Panicked));
        turn.target_is_done();
        self.count(&key, &job.tickets, &outcome, began.elapsed());
        match outcome {
            Ok(Synced::Applied) => self.synced(key, job, began, ObjectOutcome::Applied),
            Ok(Synced::Unchanged) => self.synced(key, job, began, ObjectOutcome::Unchanged),
            Ok(Synced::Current | Synced::Gone) => resolve(job.tickets, ObjectOutcome::Unchanged),
            Ok(Synced::LookAgain(until)) => self.work.again(key, instant(until), Urgency::Urgent, job, true),
            Ok(Synced::Closed(until)) => {
                resolve(std::mem::take(&mut job.tickets), ObjectOutcome::Unchanged);
                self.work.again(key, instant(until), Urgency::Routine, job, false);
            }
            Ok(Synced::NotBefore(until)) => {
                let holding = job.holding;
                if !holding {
                    // It failed for good before this message came, and the message is no news: its retry owns it.
                    resolve(std::mem::take(&mut job.tickets), ObjectOutcome::Failed);
                }
                self.work.again(key, instant(until), Urgency::Routine, job, holding);
            }
            Err(error) => Box::pin(self.failed(key, job, error)).await,
        }
    }

    /// The target is as AWS has it. If an event said more, its message is held for a moment, and AWS is asked again;
    /// after that the answer stands.
    fn synced(&self, key: ObjectKey, mut job: Job, began: Instant, outcome: ObjectOutcome) {
        let Some(Decision::LookAgain(until)) = self.controller.state().decide(&key, Timestamp::now()) else {
            return resolve(job.tickets, outcome);
        };
        let answered = job.tickets.extract_if(.., |ticket| ticket.asked(began) >= READ_YOUR_EVENT).collect();
        resolve(answered, outcome);
        self.work.again(key, instant(until), Urgency::Urgent, job, true);
    }

    fn count(&self, key: &ObjectKey, tickets: &[Ticket], outcome: &Result<Synced, SyncError>, took: Duration) {
        self.metrics.sync(outcome_label(outcome));
        if matches!(outcome, Ok(Synced::Current | Synced::NotBefore(_) | Synced::LookAgain(_) | Synced::Closed(_))) {
            // Nothing was done, in no time.
            return;
        }
        self.metrics.synced_in(took);
        self.controller.state().with_object(key, |object| object.tally.count(outcome.is_err(), took));
        if matches!(outcome, Ok(Synced::Applied)) {
            let now = Timestamp::now();
            for ticket in tickets {
                self.metrics.carried(now, ticket.happened());
            }
        }
    }

    async fn failed(&self, key: ObjectKey, mut job: Job, error: SyncError) {
        self.controller.report_failure(&key, &error).await;
        let longest = self.max_retry_interval;
        // What was asked for meanwhile is tried now, not after the back-off.
        let again = self.work.lock().is_due(&key, Instant::now());
        let retry = |object: &mut Object| {
            let jitter = rand::rng().random_range(0.0..=1.0);
            let wait = Backoff::FAILURE.up_to(longest).wait(object.failures() + 1, jitter);
            object.failed(Timestamp::now(), if again { Duration::ZERO } else { wait });
            wait
        };
        let Some(wait) = self.controller.state().with_object(&key, retry) else {
            return resolve(job.tickets, ObjectOutcome::Unchanged);
        };
        let holding = error.is_transient();
        if !holding {
            resolve(std::mem::take(&mut job.tickets), ObjectOutcome::Failed);
        }
        // It had its turn: what did not fail goes first.
        self.work.again(key, Instant::now() + wait, Urgency::Routine, job, holding);
    }
}

/// An object's turn: while it lasts nobody else works on the object. It ends with the sync, also when that panics.
struct Turn {
    work: Work,
    key: ObjectKey,
    awaited: Option<ObjectKey>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Nothing more is going to be written to the target in this turn: restarts need not wait for it any longer, and another
    /// object may have the place.
    fn target_is_done(&mut self) {
        if let Some(target) = self.awaited.take() {
            self.work.rollouts.sync_finished(&target);
        }
        if self.place.take().is_some() {
            self.work.lock().leave(&self.key);
            self.work.wake.notify_one();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.target_is_done();
        self.work.lock().done(&self.key);
        self.work.wake.notify_one();
    }
}

fn resolve(tickets: Vec<Ticket>, outcome: ObjectOutcome) {
    for ticket in tickets {
        ticket.resolve(outcome);
    }
}

fn instant(until: Timestamp) -> Instant {
    let wait = until.duration_since(Timestamp::now());
    Instant::now() + Duration::try_from(wait).unwrap_or_default()
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn outcome_label(outcome: &Result<Synced, SyncError>) -> &'static str {
    match outcome {
        Ok(Synced::Applied) => "applied",
        Ok(Synced::Unchanged | Synced::Current) => "unchanged",
        Ok(Synced::NotBefore(_) | Synced::LookAgain(_) | Synced::Closed(_)) => "waiting",
        Ok(Synced::Gone) => "gone",
        Err(error) => error.category(),
    }
}
