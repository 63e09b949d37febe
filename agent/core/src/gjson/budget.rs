//! What the look-ups of one object may cost together. Paths come from a manifest, JSON from AWS, a path can name the whole
//! JSON again and again, and a manifest can hold thousands of paths.

use std::cell::Cell;

/// Bytes that may be looked at or made, in about a third of a second: a thousand members of a value of 64 KiB, the largest
/// that AWS keeps.
const STEPS: usize = 256 * 1024 * 1024;
/// Searches within searches. Few paths have ten parts.
const DEPTH: usize = 200;

/// It would cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the object looks up takes too many steps; use fewer entries, wildcards and queries")]
pub struct Exhausted;

/// What is left.
#[derive(Debug)]
pub struct Budget {
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
    pub fn spend(&self, steps: usize) -> Result<(), Exhausted> {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or_default());
        left.map(drop).ok_or(Exhausted)
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
