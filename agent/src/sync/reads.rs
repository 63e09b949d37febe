//! Reads shared between the objects that ask for the same thing as the same identity.
//!
//! A read may be shared by a sync only if it began after the sync was asked for and after the newest announcement:
//! otherwise it may be older than what the message behind the sync announced. How often a source is read at all is the
//! ledger's to say. Values stay here only while syncs are under way; [`Reads::clear`] wipes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rekey_core::ledger::{Absence, Look};
use rekey_core::store::AwsStore;
use rekey_core::wanted::Wanted;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::provider::{Answer, Provider, ReadProblem};
use crate::state::State;

/// No read is shared for longer, however busy the agent is.
const KEPT: Duration = Duration::from_secs(30);
const WIPED_EVERY: Duration = Duration::from_secs(1);
/// An answer that does not stand is asked for again after this long, if the ledger does not want more.
const AGAIN: SignedDuration = SignedDuration::from_millis(200);

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Unread {
    /// Something went wrong.
    Failed(ReadProblem),
    /// It is not there.
    Missing(ReadProblem, Absence),
    /// It was read often enough for the moment, or AWS's answer does not stand.
    NotBefore(Timestamp),
}

type Outcome = Result<Arc<Answer>, Unread>;

struct Slot {
    generation: u64,
    began: Instant,
    look: Look,
    answer: Arc<OnceCell<Outcome>>,
}

/// See the module's head.
#[derive(Clone)]
pub struct Reads {
    provider: Provider,
    state: State,
    slots: Arc<Mutex<Slots>>,
}

#[derive(Default)]
struct Slots {
    by_place: HashMap<(AwsStore, Wanted), Slot>,
    /// When old ones were last wiped; a look at all of them, so not at each read.
    wiped: Option<Instant>,
}

impl Slots {
    fn wipe_old(&mut self) {
        if self.wiped.is_none_or(|wiped| wiped.elapsed() >= WIPED_EVERY) {
            self.by_place.retain(|_, slot| slot.began.elapsed() < KEPT);
            self.wiped = Some(Instant::now());
        }
    }
}

impl Reads {
    /// Reads through `provider` and keeps `state`'s ledger.
    #[must_use]
    pub fn new(provider: Provider, state: State) -> Self {
        Self { provider, state, slots: Arc::default() }
    }

    /// What AWS holds, by a read that began after `asked`; or, where another read has to wait, by the last one, if the
    /// ledger still takes its answer for the newest.
    pub async fn get(&self, store: &AwsStore, wanted: &Wanted, asked: Instant) -> Outcome {
        let (look, shared) = self.slot(store, wanted, asked).map_err(Unread::NotBefore)?;
        shared.get_or_init(|| self.read(store, wanted, look)).await.clone()
    }

    /// Wipes what was read. Called when nothing is being synced.
    pub fn clear(&self) {
        self.lock().by_place.clear();
    }

    fn slot(
        &self,
        store: &AwsStore,
        wanted: &Wanted,
        asked: Instant,
    ) -> Result<(Look, Arc<OnceCell<Outcome>>), Timestamp> {
        let generation = self.state.generation(wanted);
        let mut slots = self.lock();
        slots.wipe_old();
        let place = (store.clone(), wanted.clone());
        let last = slots.by_place.get(&place);
        if let Some(slot) = last.filter(|slot| slot.generation == generation && slot.began >= asked) {
            return Ok((slot.look, Arc::clone(&slot.answer)));
        }
        match self.state.begin_read(wanted, Timestamp::now()) {
            Ok(look) => {
                let answer = Arc::default();
                slots
                    .by_place
                    .insert(place, Slot { generation, began: Instant::now(), look, answer: Arc::clone(&answer) });
                Ok((look, answer))
            }
            Err(until) => {
                let newest = self.state.known(wanted);
                let token = |slot: &Slot| Some(slot.answer.get()?.as_ref().ok()?.known.token.clone());
                let slot = last.filter(|slot| newest.is_some() && token(slot) == newest).ok_or(until)?;
                Ok((slot.look, Arc::clone(&slot.answer)))
            }
        }
    }

    async fn read(&self, store: &AwsStore, wanted: &Wanted, look: Look) -> Outcome {
        let suspects = self.state.suspects(wanted, Timestamp::now());
        match self.provider.read(store, wanted, &suspects).await {
            Ok(answer) => {
                if self.state.settle(wanted, look, answer.known.clone(), answer.account.clone()) {
                    return Ok(Arc::new(answer));
                }
                debug!(source = %wanted, token = %answer.known.token, "AWS answered with an older version than before; asking again");
                Err(Unread::NotBefore(Timestamp::now().checked_add(AGAIN).unwrap_or(Timestamp::MAX)))
            }
            Err(problem @ ReadProblem::NotFound { .. }) => {
                let absence = self.state.settle_absent(wanted, look, Timestamp::now());
                Err(Unread::Missing(problem, absence))
            }
            Err(problem) => Err(Unread::Failed(problem)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
