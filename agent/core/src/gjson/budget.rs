//! What one look-up may cost. The path comes from a manifest, the JSON from AWS, and a path can name the whole JSON again
//! and again.

use std::cell::Cell;

use rekey_template::Env;

/// Searches within searches. Few paths have ten parts.
const DEPTH: usize = 200;

/// It would cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// What is left: of depth for this look-up, of bytes for all that its object asks for.
#[derive(Debug)]
pub(super) struct Budget<'e> {
    env: &'e Env,
    depth: Cell<usize>,
}

impl<'e> Budget<'e> {
    pub(super) fn new(env: &'e Env) -> Self {
        Self { env, depth: Cell::new(DEPTH) }
    }

    /// Takes bytes that are looked at. A path of ten parts in a value of 64 KiB takes a thousandth of all.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Exhausted> {
        self.env.read(bytes).map_err(|_| Exhausted)
    }

    /// Takes bytes that are made.
    pub(super) fn make(&self, bytes: usize) -> Result<(), Exhausted> {
        self.spend(bytes)?;
        self.env.make(bytes).map_err(|_| Exhausted)
    }

    /// Takes bytes that are looked at, and one level of depth for as long as the level is kept.
    pub(super) fn descend(&self, bytes: usize) -> Result<Level<'_>, Exhausted> {
        self.spend(bytes)?;
        self.depth.set(self.depth.get().checked_sub(1).ok_or(Exhausted)?);
        Ok(Level(&self.depth))
    }
}

/// A level of depth.
pub(super) struct Level<'b>(&'b Cell<usize>);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}
