//! What a run may know of the world. The crate reads no clock and no randomness of its own.

use std::cell::RefCell;
use std::fmt;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Error;
use crate::limits::{self, Budget};

/// As a part of the limits.
const GLANCE: u64 = 100;

/// The time and the randomness for rendering one object, and what that may cost ([`crate::limits`]). Made once for all its
/// templates, so that no two keys of a target draw the same password, and many small templates cost no more than a
/// large one.
pub struct Env {
    now: Timestamp,
    random: RefCell<StdRng>,
    budget: Budget,
}

impl Env {
    /// `seed` has to come from a source fit for keys and passwords, anew for each environment.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self::with(now, seed, Budget::part_of(1))
    }

    /// One that allows only what takes a few milliseconds, for callers who must not be kept: if it [was not
    /// enough](Self::is_spent), they try again elsewhere with all that is allowed. What does fit comes out the same.
    #[must_use]
    pub fn glance(now: Timestamp, seed: [u8; 32]) -> Self {
        Self::with(now, seed, Budget::part_of(GLANCE))
    }

    fn with(now: Timestamp, seed: [u8; 32], budget: Budget) -> Self {
        Self { now, random: RefCell::new(StdRng::from_seed(seed)), budget }
    }

    /// Was more asked for than it allows?
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.budget.is_spent()
    }

    /// Counts bytes that are about to be looked through.
    pub fn read(&self, bytes: usize) -> Result<(), Error> {
        self.budget.read(bytes)
    }

    /// Counts bytes that are made.
    pub fn make(&self, bytes: usize) -> Result<(), Error> {
        self.budget.make(bytes)
    }

    /// Counts a text that is about to be parsed.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<(), Error> {
        self.budget.steps((text.len() / limits::STEP) as u64)
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
