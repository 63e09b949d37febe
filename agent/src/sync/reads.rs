//! Reads shared between the objects that ask for the same thing as the same identity.
//!
//! A read may be shared by a sync only if it began after the sync was asked for and after the newest announcement:
//! otherwise it may be older than what the message behind the sync announced. How often a source is read at all is the
//! ledger's to say. Values stay here only while syncs are under way; [`Reads::clear`] wipes them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use rekey_core::ledger::{Absence, Look};
use rekey_core::request::Request;
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
/// Reads of one object at a time. One that asks for thousands of sources must not stand before all others in the queue of
/// calls.
const AT_A_TIME: usize = 16;

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
    by_wanted: HashMap<Wanted, Slot>,
    /// When old ones were last wiped; a look at all of them, so not at each read.
    wiped: Option<Instant>,
}

impl Slots {
    fn wipe_old(&mut self) {
        if self.wiped.is_none_or(|wiped| wiped.elapsed() >= WIPED_EVERY) {
            self.by_wanted.retain(|_, slot| slot.began.elapsed() < KEPT);
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
        let (look, shared) = self.slot(wanted, asked).map_err(Unread::NotBefore)?;
        shared.get_or_init(|| self.read(store, wanted, look)).await.clone()
    }

    /// [`Reads::get`] for all that an object asks for. Each wanted thing is read once: two reads of one source could show two
    /// versions, and the target would hold a part of each.
    pub async fn get_all<'r>(&self, requests: &'r [Request], asked: Instant) -> Vec<(&'r Request, Outcome)> {
        let (mut seen, mut reads) = (HashSet::new(), Vec::new());
        for Request { store, wanted, .. } in requests {
            if seen.insert(wanted) {
                reads.push(async move { (wanted, self.get(store, wanted, asked).await) });
            }
        }
        let outcomes: HashMap<_, _> = stream::iter(reads).buffer_unordered(AT_A_TIME).collect().await;
        requests.iter().filter_map(|request| Some((request, outcomes.get(&request.wanted)?.clone()))).collect()
    }

    /// Wipes what was read. Called when nothing is being synced.
    pub fn clear(&self) {
        self.lock().by_wanted.clear();
    }

    fn slot(&self, wanted: &Wanted, asked: Instant) -> Result<(Look, Arc<OnceCell<Outcome>>), Timestamp> {
        let generation = self.state.generation(wanted);
        let mut slots = self.lock();
        slots.wipe_old();
        let last = slots.by_wanted.get(wanted);
        if let Some(slot) = last.filter(|slot| slot.generation == generation && slot.began >= asked) {
            return Ok((slot.look, Arc::clone(&slot.answer)));
        }
        match self.state.begin_read(wanted, Timestamp::now()) {
            Ok(look) => {
                let answer = Arc::default();
                let slot = Slot { generation, began: Instant::now(), look, answer: Arc::clone(&answer) };
                slots.by_wanted.insert(wanted.clone(), slot);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rekey_core::identity::Service;
    use rekey_core::request::Take;
    use rekey_core::resource::external_secret::{DecodingStrategy, NullBytePolicy};
    use rekey_core::wanted::Selector;
    use serde_json::json;

    use super::*;
    use crate::cluster::Writer;
    use crate::cluster::target::Targets;
    use crate::cluster::token::Tokens;
    use crate::gate::Gate;
    use crate::provider::Cluster;
    use crate::provider::testing::{FakeAws, Reply, arn, store, wanted};
    use crate::state::StateOptions;

    fn reads(aws: &FakeAws) -> Reads {
        let kubernetes = kube::Config::new("http://127.0.0.1:9".parse().expect("a URI"));
        let writer = Writer::new(kube::Client::try_from(kubernetes).expect("a client"), Gate::open());
        let cluster = Cluster { secrets: Targets::new(writer.clone()), tokens: Tokens::new(writer) };
        let state = State::new(StateOptions {
            stores: rekey_core::store::Rules::default(),
            companion: false,
            all_follow_events: false,
            heartbeat_period: Duration::from_mins(10),
        });
        Reads::new(aws.provider(cluster), state)
    }

    fn request(store: AwsStore, key: &str) -> Request {
        Request {
            store: store.into(),
            wanted: wanted(Service::SecretsManager, key, Selector::Stage("AWSCURRENT".to_owned())),
            written_key: key.to_owned(),
            take: Take::Value { secret_key: "v".to_owned(), property: None },
            decoding: DecodingStrategy::default(),
            null_bytes: NullBytePolicy::default(),
        }
    }

    #[tokio::test]
    async fn an_object_reads_each_source_once_through_however_many_stores() {
        // A rotation at every moment: no two reads show the same version.
        let version = AtomicUsize::new(0);
        let aws = FakeAws::new(move |_, request| {
            let version = version.fetch_add(1, Ordering::Relaxed).to_string();
            let name = request["SecretId"].as_str().expect("a name");
            Reply::Json(json!({"ARN": arn(name), "Name": name, "VersionId": version, "SecretString": version}))
        });
        let other = AwsStore { prefix: "team/".to_owned(), ..store(Service::SecretsManager) };
        let requests = [("team/db", store(Service::SecretsManager)), ("team/web", other.clone()), ("team/db", other)];
        let requests = requests.map(|(key, store)| request(store, key));
        let read = reads(&aws).get_all(&requests, Instant::now()).await;
        let tokens: Vec<_> =
            read.into_iter().map(|(_, outcome)| outcome.expect("an answer").known.token.clone()).collect();
        assert_eq!(aws.operations().len(), 2);
        assert!(tokens[0] == tokens[2] && tokens[0] != tokens[1], "{tokens:?}");
    }
}
