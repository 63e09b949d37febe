//! What the templates of one object may cost. Templates that need more are an error, with nothing written.
//!
//! The depth of nesting is limited too: 100 levels in a text and in a value, 200 at run time.

use std::cell::Cell;

use crate::Error;

/// Bytes of a template.
pub const TEMPLATE: usize = 256 * 1024;
/// Bytes of all keys and values of the map.
pub const INPUT: usize = 4 * 1024 * 1024;
/// Bytes of the output: more does not fit into a Secret anyway.
pub const OUTPUT: usize = 1024 * 1024;
/// Actions, expressions and turns of loops; functions that take long count for more.
pub const STEPS: u64 = 200_000;
/// Bytes that functions may make.
pub const MADE: u64 = 16 * 1024 * 1024;
/// Bytes that functions may look through.
pub const READ: u64 = 128 * 1024 * 1024;
/// What an element of a list or dict counts as, in bytes.
pub const ITEM: usize = 32;

/// What is left of the limits.
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
