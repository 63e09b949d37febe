//! What a run may know of the world. The crate reads no clock and no randomness of its own.

use std::cell::RefCell;
use std::fmt;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::limits::Budget;

/// The time and the randomness for the templates of one object, and what they may cost. Made once for all of them, so
/// that no two keys of a target draw the same password, and many small templates cost no more than a large one.
pub struct Env {
    now: Timestamp,
    random: RefCell<StdRng>,
    budget: Budget,
}

impl Env {
    /// `seed` has to come from a source fit for keys and passwords, anew for each environment.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self { now, random: RefCell::new(StdRng::from_seed(seed)), budget: Budget::default() }
    }

    /// What functions take for the present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What is left of the limits.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.random.borrow_mut().fill_bytes(buffer);
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env(…)")
    }
}
