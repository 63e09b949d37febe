//! Reads shared between the objects that ask for the same thing as the same identity.
//!
//! A read may be shared by a sync only if it began after the sync was asked for and after the newest announcement:
//! otherwise it may be older than what the message behind the sync announced. Values stay here only while syncs are
//! under way; [`Reads::clear`] wipes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rekey_core::ledger::Verdict;
use rekey_core::store::AwsStore;
use rekey_core::wanted::Wanted;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::provider::{Answer, Provider, ReadProblem};
use crate::state::State;

/// No read is shared for longer, however busy the agent is.
const KEPT: Duration = Duration::from_secs(30);

type Shared = Arc<OnceCell<Result<Arc<Answer>, ReadProblem>>>;

struct Slot {
    generation: u64,
    began: Instant,
    answer: Shared,
}

/// See the module's head.
#[derive(Clone)]
pub struct Reads {
    provider: Provider,
    state: State,
    slots: Arc<Mutex<HashMap<(AwsStore, Wanted), Slot>>>,
}

impl Reads {
    /// Reads through `provider` and keeps `state`'s ledger.
    #[must_use]
    pub fn new(provider: Provider, state: State) -> Self {
        Self { provider, state, slots: Arc::default() }
    }

    /// What AWS holds, by a read that began after `asked`.
    pub async fn get(&self, store: &AwsStore, wanted: &Wanted, asked: Instant) -> Result<Arc<Answer>, ReadProblem> {
        let shared = self.slot(store, wanted, asked);
        let answer = shared.get_or_init(|| self.read(store, wanted)).await;
        answer.clone()
    }

    /// Wipes what was read. Called when nothing is being synced.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn slot(&self, store: &AwsStore, wanted: &Wanted, asked: Instant) -> Shared {
        let generation = self.state.generation(wanted);
        let mut slots = self.lock();
        slots.retain(|_, slot| slot.began.elapsed() < KEPT);
        let place = (store.clone(), wanted.clone());
        if let Some(slot) = slots.get(&place).filter(|slot| slot.generation == generation && slot.began >= asked) {
            return Arc::clone(&slot.answer);
        }
        let answer = Shared::default();
        slots.insert(place, Slot { generation, began: Instant::now(), answer: Arc::clone(&answer) });
        answer
    }

    /// The one retry loop of a source: reads until AWS returns what was announced, or until its answer has to stand.
    async fn read(&self, store: &AwsStore, wanted: &Wanted) -> Result<Arc<Answer>, ReadProblem> {
        let mut reads = 0;
        loop {
            let generation = self.state.generation(wanted);
            let answer = self.provider.read(store, wanted).await?;
            reads += 1;
            match self.state.judge(wanted, &answer.known, reads) {
                Verdict::Accept => {
                    self.state.settle(wanted, generation, answer.known.clone(), answer.account.clone());
                    return Ok(Arc::new(answer));
                }
                Verdict::ReadAgain(after) => {
                    debug!(source = %wanted, token = %answer.known.token, ?after, "AWS does not return the announced version yet");
                    tokio::time::sleep(after).await;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(AwsStore, Wanted), Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
