//! Who only waits until so many workloads were not restarted lately: the one that was restarted longest ago comes first, so
//! that those whose data never rests hold up no other.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::rollout::workload::WorkloadKey;

/// By the last restart; of those alike, in the order in which they came.
type Place = (Option<Timestamp>, u64);

#[derive(Debug, Default)]
pub(super) struct Turns {
    order: BTreeSet<(Place, WorkloadKey)>,
    places: HashMap<WorkloadKey, Place>,
    came: u64,
    /// When the first one's turn is.
    pub next: Option<Timestamp>,
}

impl Turns {
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// It waits from now on; whoever waits already keeps its place.
    pub fn enter(&mut self, key: &WorkloadKey, restarted: Option<Timestamp>) {
        if !self.places.contains_key(key) {
            self.came += 1;
            let place = (restarted, self.came);
            self.places.insert(key.clone(), place);
            self.order.insert((place, key.clone()));
        }
    }

    pub fn leave(&mut self, key: &WorkloadKey) {
        if let Some(place) = self.places.remove(key) {
            self.order.remove(&(place, key.clone()));
        }
    }

    pub fn pop(&mut self) -> Option<WorkloadKey> {
        let (_, key) = self.order.pop_first()?;
        self.places.remove(&key);
        Some(key)
    }
}
