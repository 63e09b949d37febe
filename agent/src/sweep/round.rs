//! One look at all objects: which are due, and what to ask of which store.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::ledger::{Decision, Policy};
use rekey_core::listing::{BEARABLE_INTERVAL, LAG};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::check_interval;
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
    /// A pipe changed its state: everything is compared.
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
}

/// See the module's head.
pub(super) struct Round {
    /// What is asked.
    pub groups: BTreeMap<AwsStore, Group>,
    /// Due objects whose sources cannot change, or cannot be told.
    pub nothing_to_compare: Vec<ObjectKey>,
    /// Nothing will be due before.
    pub nap: Duration,
}

impl Round {
    /// Looks, and opens the comparisons of what is due.
    pub fn new(state: &State, memory: &mut Memory, sweep: Duration, why: Why, now: Timestamp) -> Self {
        let mut round = Self { groups: BTreeMap::new(), nothing_to_compare: Vec::new(), nap: LONGEST_NAP };
        let mut due: Vec<(ObjectKey, usize, bool)> = Vec::new();
        let mut objects = 0;
        memory.comparisons.prune(now);
        state.visit(now, |key, object, pipe| {
            objects += 1;
            let Some(interval) = check_interval(pipe, refresh_of(object), sweep) else { return };
            match memory.comparisons.due(key, object.checked, interval, why != Why::Due, now) {
                Due::UnderWay => round.nap = round.nap.min(interval),
                Due::In(wait) => round.nap = round.nap.min(wait),
                Due::Now => {
                    round.nap = round.nap.min(interval);
                    // Nobody has looked since events about it, or the pipe, may have been lost: that cannot wait.
                    let prompt = why == Why::Flip || (why == Why::Due && object.checked.is_none());
                    let stores = round.ask(key, object, !prompt && interval >= BEARABLE_INTERVAL);
                    let announced = should_be_announced(pipe, object.checked, memory.flipped);
                    due.push((key.clone(), stores, announced));
                }
            }
        });
        for (key, stores, announced) in due {
            if stores == 0 {
                round.nothing_to_compare.push(key);
                continue;
            }
            // What was stale before the comparison is not the sweep's find.
            let announced = announced && state.decide(&key, now) == Some(Decision::Skip);
            memory.comparisons.begin(key, stores, Begun { at: now, announced });
        }
        let recent = now.checked_sub(LAG).unwrap_or(Timestamp::MIN);
        for one in round.groups.values_mut().flat_map(|group| &mut group.asked) {
            one.known = state.known(&one.wanted);
            one.may_lag &= !state.heard_since(&one.wanted, recent);
        }
        round.nap = round.nap.max(NAP_PER_OBJECT * objects).min(LONGEST_NAP);
        round
    }

    /// Puts what an object wants to the questions for its stores, and returns how many stores that makes.
    fn ask(&mut self, key: &ObjectKey, object: &Object, may_lag: bool) -> usize {
        let requests = object.requests.iter().flat_map(|requests| requests.iter());
        let mut wants: BTreeMap<&AwsStore, Vec<usize>> = BTreeMap::new();
        for request in requests.filter(|request| !request.wanted.selector.is_fixed()) {
            let place = self.groups.entry(request.store.clone()).or_default().place(&request.wanted, may_lag);
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

impl Group {
    fn place(&mut self, wanted: &Wanted, may_lag: bool) -> usize {
        let place = *self.places.entry(wanted.clone()).or_insert_with(|| {
            self.asked.push(Asked { wanted: wanted.clone(), known: None, may_lag: true });
            self.asked.len() - 1
        });
        // Late is only good enough if it is for everybody who asks.
        self.asked[place].may_lag &= may_lag;
        place
    }
}

fn refresh_of(object: &Object) -> Option<Duration> {
    match object.policy() {
        Policy::Periodic(interval) => Some(interval),
        Policy::Once | Policy::OnChange | Policy::CreatedOnce => None,
    }
}
