//! What one run of a template may cost. A run that needs more is an error of the template, with nothing written.
//!
//! The depth of nesting and of recursion is limited by the engine: 100 levels in the text, 200 at run time.

use std::cell::Cell;

use crate::Error;

/// Bytes of a template.
pub const TEMPLATE: usize = 256 * 1024;
/// Bytes of all keys and values of the map.
pub const INPUT: usize = 4 * 1024 * 1024;
/// Bytes of the output: more does not fit into a Secret anyway.
pub const OUTPUT: usize = 1024 * 1024;
/// Actions, expressions and turns of loops in one run; functions that take long count for more.
pub const STEPS: u64 = 200_000;
/// Bytes that functions may make in one run.
pub const MADE: u64 = 16 * 1024 * 1024;
/// Bytes that functions may look through in one run.
pub const READ: u64 = 128 * 1024 * 1024;
/// What an element of a list or dict counts as, in bytes.
pub const ITEM: usize = 16;

/// What is left of a run's limits.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    made: Cell<u64>,
    read: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: Cell::new(STEPS), made: Cell::new(MADE), read: Cell::new(READ) }
    }
}

impl Budget {
    /// Takes steps.
    pub(crate) fn steps(&self, count: u64) -> Result<(), Error> {
        draw(&self.steps, count, Error::TooManySteps)
    }

    /// Takes bytes to make.
    pub(crate) fn make(&self, bytes: usize) -> Result<(), Error> {
        draw(&self.made, bytes as u64, Error::TooMuchMade)
    }

    /// Takes bytes to look through.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), Error> {
        draw(&self.read, bytes as u64, Error::TooMuchRead)
    }
}

fn draw(counter: &Cell<u64>, amount: u64, spent: Error) -> Result<(), Error> {
    let rest = counter.get().checked_sub(amount).ok_or(spent)?;
    counter.set(rest);
    Ok(())
}
