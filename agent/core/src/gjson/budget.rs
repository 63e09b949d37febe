//! What one look-up may cost. The path comes from a manifest, the JSON from AWS, and a path can name the whole JSON again
//! and again.

use std::cell::Cell;

/// Bytes that may be looked at or made. A path of ten parts in a value of 64 KiB takes a hundredth of it.
const STEPS: usize = 64 * 1024 * 1024;
/// Searches within searches. Few paths have ten parts.
const DEPTH: usize = 200;

/// It would cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: Cell::new(STEPS), depth: Cell::new(DEPTH) }
    }
}

impl Budget {
    /// Takes steps.
    pub(super) fn spend(&self, steps: usize) -> Result<(), Exhausted> {
        self.steps.set(self.steps.get().checked_sub(steps).ok_or(Exhausted)?);
        Ok(())
    }

    /// Takes steps, and one level of depth for as long as the level is kept.
    pub(super) fn descend(&self, steps: usize) -> Result<Level<'_>, Exhausted> {
        self.spend(steps)?;
        self.depth.set(self.depth.get().checked_sub(1).ok_or(Exhausted)?);
        Ok(Level(self))
    }
}

/// A level of depth.
pub(super) struct Level<'b>(&'b Budget);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() + 1);
    }
}
