//! Validates stores and writes their condition, as `kubectl get secretstore` shows it: can the identity be obtained?
//!
//! Each store is validated when it is new or changed, when what its credentials are made of changed, and then again and
//! again. Stores do not wait for each other. The objects of one that recovered are tried at once.

mod book;
mod validate;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::api::ObjectMeta;
use rekey_core::resource::SecretStoreStatus;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::cluster::event::Events;
use crate::cluster::status::Statuses;
use crate::provider::Provider;
use crate::state::{State, StoreKey};
use crate::worker::Work;
use book::Book;
use validate::{Validated, Validation};

/// Stores validated at a time.
const CONCURRENT: usize = 16;

/// A store as the watch showed it, with what this agent wrote since.
#[derive(Clone)]
struct Seen {
    metadata: ObjectMeta,
    status: Option<SecretStoreStatus>,
}

enum Told {
    Seen(StoreKey, Box<Seen>),
    Look(StoreKey),
}

/// Where the watch says what was seen of stores.
#[derive(Clone)]
pub struct Stores(UnboundedSender<Told>);

impl Stores {
    /// A store is there or has changed.
    pub fn seen(&self, key: StoreKey, metadata: ObjectMeta, status: Option<SecretStoreStatus>) {
        let metadata = ObjectMeta { managed_fields: None, ..metadata };
        self.tell(Told::Seen(key, Box::new(Seen { metadata, status })));
    }

    /// What a store's credentials are made of has changed.
    pub fn look(&self, key: StoreKey) {
        self.tell(Told::Look(key));
    }

    fn tell(&self, told: Told) {
        // Nobody listens only when the agent goes down.
        let _ = self.0.send(told);
    }
}

/// See the module's head.
pub struct Validator {
    validation: Arc<Validation>,
    told: UnboundedReceiver<Told>,
    book: Book,
}

impl Validator {
    /// A validator and the place to tell it what was seen. `work` wakes the objects of stores that recovered.
    #[must_use]
    pub fn new(state: State, provider: Provider, statuses: Statuses, events: Events, work: Work) -> (Self, Stores) {
        let (sender, told) = tokio::sync::mpsc::unbounded_channel();
        let validation = Arc::new(Validation { state, provider, statuses, events, work });
        (Self { validation, told, book: Book::default() }, Stores(sender))
    }

    /// Only remembers which stores are to be validated, for as long as it is polled: what a standby does.
    pub async fn stand_by(&mut self) {
        while let Some(told) = self.told.recv().await {
            self.take(told);
        }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut running: JoinSet<(StoreKey, Option<Validated>)> = JoinSet::new();
        loop {
            while let Ok(told) = self.told.try_recv() {
                self.take(told);
            }
            while running.len() < CONCURRENT
                && let Some((key, seen, failures)) = self.book.begin(Instant::now())
            {
                let validation = Arc::clone(&self.validation);
                running.spawn(async move {
                    // A panic must not end the store's validations.
                    let validated = AssertUnwindSafe(validation.run(&key, seen, failures)).catch_unwind().await;
                    (key, validated.unwrap_or_else(|_| Some(panicked())))
                });
            }
            let next = self.book.next().filter(|_| running.len() < CONCURRENT);
            tokio::select! {
                () = shutdown.cancelled() => return,
                told = self.told.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                Some(Ok((key, validated))) = running.join_next(), if !running.is_empty() => {
                    self.book.end(&key, validated, Instant::now());
                }
                () = sleep_until(next) => {}
            }
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Seen(key, seen) => self.book.seen(key, *seen, Instant::now()),
            Told::Look(key) => self.book.look(&key, Instant::now()),
        }
    }
}

fn panicked() -> Validated {
    error!("the validation of a store ended in a panic; please report the line \"panic\" of the log");
    Validated { written: None, works: false, again: Duration::from_mins(5) }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
