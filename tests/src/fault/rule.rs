//! Which requests meet a fault, and what becomes of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http::Response;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use super::answer::Answer;
use super::passed::Call;

/// Which requests. Every condition that is named must hold.
#[derive(Debug, Clone, Default)]
pub struct When {
    actions: Vec<String>,
    path: Option<String>,
    body: Option<String>,
    chance: Option<f64>,
    times: Option<u32>,
}

impl When {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of this action: AWS's name (`GetSecretValue`), its service (`secretsmanager`, `AmazonSQS`, `AmazonSSM`), or
    /// an HTTP method (`PUT`).
    #[must_use]
    pub fn action(action: &str) -> Self {
        Self::default().or_action(action)
    }

    /// Or of this one.
    #[must_use]
    pub fn or_action(mut self, action: &str) -> Self {
        self.actions.push(action.to_owned());
        self
    }

    /// Whose path and query contain this.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Whose body contains this.
    #[must_use]
    pub fn body(mut self, part: &str) -> Self {
        self.body = Some(part.to_owned());
        self
    }

    /// Only this share of them, drawn with a fixed seed.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = Some(chance);
        self
    }

    /// Only the first so many.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn describes(&self, call: &Call) -> bool {
        let action = |wanted: &String| *wanted == call.action || *wanted == call.service;
        (self.actions.is_empty() || self.actions.iter().any(action))
            && self.path.as_ref().is_none_or(|part| call.path.contains(part.as_str()))
            && self.body.as_ref().is_none_or(|part| contains(&call.body, part.as_bytes()))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// It arrives later.
    Delay(Duration),
    /// It does not arrive, and nothing ever comes back.
    Silence,
    /// It does not arrive, and its connection is closed.
    Cut,
    /// The server does it, and the connection is closed in place of the answer.
    CutAnswer,
    /// It does not arrive and is answered with this.
    Answer(Answer),
    /// It is answered as the same request was answered before the fault began; AWS, lagging behind itself.
    Replay,
    /// It waits here until the fault is released or dropped, then arrives.
    Hold,
    /// The server does it, and the answer waits here until the fault is released or dropped.
    HoldAnswer,
}

/// Answers by request, as they were given last.
pub(super) type Memory = HashMap<(String, Bytes), Response<Bytes>>;

/// A fault as the proxy sees it.
#[derive(Debug)]
pub(super) struct Rule {
    when: When,
    pub(super) effect: Effect,
    random: Mutex<StdRng>,
    hits: AtomicU32,
    arrived: watch::Sender<u32>,
    released: watch::Sender<bool>,
    memory: Mutex<Memory>,
}

impl Rule {
    pub(super) fn new(when: When, effect: Effect, memory: Memory) -> Arc<Self> {
        Arc::new(Self {
            when,
            effect,
            random: Mutex::new(StdRng::seed_from_u64(4)),
            hits: AtomicU32::new(0),
            arrived: watch::Sender::new(0),
            released: watch::Sender::new(false),
            memory: Mutex::new(memory),
        })
    }

    /// Whether this request meets the fault. Counts it if so.
    pub(super) fn takes(&self, call: &Call) -> bool {
        if *self.released.borrow() || !self.when.describes(call) {
            return false;
        }
        if let Some(chance) = self.when.chance {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            if !random.random_bool(chance) {
                return false;
            }
        }
        let limit = self.when.times.unwrap_or(u32::MAX);
        let counted =
            self.hits.fetch_update(Ordering::AcqRel, Ordering::Acquire, |hits| (hits < limit).then(|| hits + 1));
        counted.is_ok()
    }

    /// Waits here until the fault is over.
    pub(super) async fn wait(&self) {
        let mut released = self.released.subscribe();
        self.arrived.send_modify(|arrived| *arrived += 1);
        // The sender lives as long as this rule does.
        let _ = released.wait_for(|released| *released).await;
    }

    /// What was answered to this before; `remember` fills it in where nothing was.
    pub(super) fn remembered(&self, key: &(String, Bytes)) -> Option<Response<Bytes>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn remember(&self, key: (String, Bytes), answer: Response<Bytes>) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(answer);
    }
}

/// The faults of one proxy, newest last.
pub(super) type Rules = Mutex<Vec<Arc<Rule>>>;

/// A fault that was switched on. Dropping it switches it off and lets go what it held.
#[must_use = "a fault ends when it is dropped"]
#[derive(Debug)]
pub struct Fault {
    rule: Arc<Rule>,
    rules: Weak<Rules>,
}

impl Fault {
    pub(super) fn switch_on(rules: &Arc<Rules>, rule: Arc<Rule>) -> Self {
        rules.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&rule));
        Self { rule, rules: Arc::downgrade(rules) }
    }

    /// How many requests have met it.
    #[must_use]
    pub fn hits(&self) -> u32 {
        self.rule.hits.load(Ordering::Acquire)
    }

    /// Waits until `count` requests are, or were, held here.
    pub async fn arrived(&self, count: u32, timeout: Duration) -> Result<()> {
        let mut arrived = self.rule.arrived.subscribe();
        let waiting = arrived.wait_for(|arrived| *arrived >= count);
        match tokio::time::timeout(timeout, waiting).await {
            Ok(_) => Ok(()),
            Err(_) => Err(anyhow!("waited {timeout:?} in vain for {count} requests that are {:?}", self.rule.when)),
        }
    }

    /// Switches it off; what is held goes on.
    pub fn release(&self) {
        self.rule.released.send_replace(true);
        if let Some(rules) = self.rules.upgrade() {
            rules.lock().unwrap_or_else(PoisonError::into_inner).retain(|rule| !Arc::ptr_eq(rule, &self.rule));
        }
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.release();
    }
}
