//! One look at all objects: which are due, and what to ask of which store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::ledger::{Decision, Policy};
use rekey_core::listing::{BEARABLE_INTERVAL, LAG, take_along};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, check_interval};
use rekey_core::request::Request;
use rekey_core::store::AwsStore;
use rekey_core::sweep::{Begun, Due, should_be_announced};
use rekey_core::wanted::Wanted;

use super::Memory;
use crate::provider::Asked;
use crate::state::{Object, State};

/// With nothing due, the sweep looks again after this long: objects and stores may have come meanwhile.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// Looking at an object takes about a fortieth of this, so that no number of them keeps the sweep busy.
const NAP_PER_OBJECT: Duration = Duration::from_micros(50);

/// Why a round is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The agent starts, or took over: everything is compared.
    Start,
    /// A pipe changed its state: what it carries is compared.
    Flip,
    /// Time passed.
    Due,
}

/// What one store is asked.
#[derive(Default)]
pub(super) struct Group {
    /// Each wanted thing once.
    pub asked: Vec<Asked>,
    /// Who wants it, as places in `asked`.
    pub objects: Vec<(ObjectKey, Vec<usize>)>,
    places: HashMap<Wanted, usize>,
    /// The intervals of the objects that are due.
    intervals: BTreeSet<Duration>,
}

/// An object that is to be compared.
struct Chosen {
    key: ObjectKey,
    stores: usize,
    begun: Begun,
}

/// See the module's head.
pub(super) struct Round {
    /// What is asked.
    pub groups: BTreeMap<Arc<AwsStore>, Group>,
    /// Due objects whose sources cannot be told.
    pub nothing_to_compare: Vec<ObjectKey>,
    /// Nothing will be due before.
    pub nap: Duration,
}

impl Round {
    /// Looks, and opens the comparisons of what is due.
    pub fn new(state: &State, memory: &mut Memory, sweep: Duration, why: Why, now: Timestamp) -> Self {
        let mut round = Self { groups: BTreeMap::new(), nothing_to_compare: Vec::new(), nap: LONGEST_NAP };
        let mut due: Vec<Chosen> = Vec::new();
        let mut objects = 0;
        memory.comparisons.prune(now);
        state.visit(now, |key, object, pipe| {
            objects += 1;
            let Some(interval) = check_interval(pipe, refresh_of(object), sweep) else { return };
            let proven = pipe == PipeState::Proven;
            let before = memory.comparisons.begun(key).map(|begun| begun.proven).or(object.checked_proven);
            let at_once = why == Why::Start || (why == Why::Flip && before != Some(proven));
            match memory.comparisons.due(key, object.checked, interval, at_once, now) {
                Due::UnderWay => round.nap = round.nap.min(interval),
                Due::In(wait) | Due::Postponed(wait) => round.nap = round.nap.min(wait),
                Due::Now => {
                    round.nap = round.nap.min(interval);
                    // Nobody has looked since events about it, or the pipe, may have been lost: that cannot wait.
                    let prompt = why == Why::Flip || (why == Why::Due && object.checked.is_none());
                    let stores = round.ask(key, object, interval, !prompt && interval >= BEARABLE_INTERVAL);
                    due.push(Chosen::new(key, object, pipe, stores, memory, now));
                }
            }
        });
        round.take_along(state, memory, sweep, now, &mut due);
        for Chosen { key, stores, mut begun } in due {
            if stores == 0 {
                round.nothing_to_compare.push(key);
                continue;
            }
            // What was stale before the comparison is not the sweep's find.
            begun.announced = begun.announced && state.decide(&key, now) == Some(Decision::Skip);
            // A flip before its end asks for another one, and so does the next one if AWS does not answer.
            state.with_object(&key, |object| object.checked_proven = None);
            memory.comparisons.begin(key, stores, begun);
        }
        let recent = now.checked_sub(LAG).unwrap_or(Timestamp::MIN);
        for one in round.groups.values_mut().flat_map(|group| &mut group.asked) {
            one.known = state.known(&one.wanted);
            one.may_lag &= !state.heard_since(&one.wanted, recent);
            one.suspects = state.suspects(&one.wanted, now);
        }
        round.nap = round.nap.max(NAP_PER_OBJECT * objects).min(LONGEST_NAP);
        round
    }

    /// Adds the objects that are due soon and asked for in the same calls as those of their interval that are due now:
    /// the phases that creations and failures spread meet again, and listings and batches stay full. An object is only
    /// ever compared earlier for it, and once they have met, none is.
    fn take_along(
        &mut self,
        state: &State,
        memory: &mut Memory,
        sweep: Duration,
        now: Timestamp,
        due: &mut Vec<Chosen>,
    ) {
        if self.groups.is_empty() {
            return;
        }
        let under_way: HashSet<ObjectKey> = due.iter().map(|chosen| chosen.key.clone()).collect();
        state.visit(now, |key, object, pipe| {
            let Some(interval) = check_interval(pipe, refresh_of(object), sweep) else { return };
            let Due::In(wait) = memory.comparisons.due(key, object.checked, interval, false, now) else { return };
            let together = |store: &AwsStore| {
                take_along(store.service, interval).is_some_and(|early| wait <= early)
                    && self.groups.get(store).is_some_and(|group| group.intervals.contains(&interval))
            };
            let mut stores = requests(object).map(|request| &*request.store).peekable();
            if under_way.contains(key) || stores.peek().is_none() || !stores.all(together) {
                return;
            }
            let stores = self.ask(key, object, interval, interval >= BEARABLE_INTERVAL);
            due.push(Chosen::new(key, object, pipe, stores, memory, now));
        });
    }

    /// Puts what an object wants to the questions for its stores, and returns how many stores that makes.
    fn ask(&mut self, key: &ObjectKey, object: &Object, interval: Duration, may_lag: bool) -> usize {
        let mut wants: BTreeMap<&AwsStore, Vec<usize>> = BTreeMap::new();
        for request in requests(object) {
            let group = self.groups.entry(request.store.clone()).or_default();
            group.intervals.insert(interval);
            let place = group.place(&request.wanted, may_lag);
            wants.entry(&request.store).or_default().push(place);
        }
        let stores = wants.len();
        for (store, places) in wants {
            if let Some(group) = self.groups.get_mut(store) {
                group.objects.push((key.clone(), places));
            }
        }
        stores
    }
}

impl Chosen {
    fn new(key: &ObjectKey, object: &Object, pipe: PipeState, stores: usize, memory: &Memory, now: Timestamp) -> Self {
        let announced = should_be_announced(pipe, object.checked, object.checked_proven, memory.flipped);
        Self { key: key.clone(), stores, begun: Begun { at: now, announced, proven: pipe == PipeState::Proven } }
    }
}

impl Group {
    fn place(&mut self, wanted: &Wanted, may_lag: bool) -> usize {
        let place = *self.places.entry(wanted.clone()).or_insert_with(|| {
            self.asked.push(Asked { wanted: wanted.clone(), known: None, may_lag: true, suspects: Vec::new() });
            self.asked.len() - 1
        });
        // Late is only good enough if it is for everybody who asks.
        self.asked[place].may_lag &= may_lag;
        place
    }
}

/// What the object asks for. A fixed version is compared like the others: its source may be gone.
fn requests(object: &Object) -> impl Iterator<Item = &Request> {
    object.requests.iter().flat_map(|requests| requests.iter())
}

fn refresh_of(object: &Object) -> Option<Duration> {
    match object.policy() {
        Policy::Periodic(interval) => Some(interval),
        Policy::Once | Policy::OnChange | Policy::CreatedOnce => None,
    }
}
