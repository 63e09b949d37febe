//! What a run may know of the world. The crate reads no clock and no randomness of its own.

use std::cell::RefCell;
use std::fmt;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The time and the randomness for the templates of one object. Made once for all of them, so that no two keys of a
/// target draw the same password.
pub struct Env {
    now: Timestamp,
    random: RefCell<StdRng>,
}

impl Env {
    /// `seed` has to come from a source fit for keys and passwords, anew for each environment.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self { now, random: RefCell::new(StdRng::from_seed(seed)) }
    }

    /// What functions take for the present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
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
