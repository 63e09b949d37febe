//! What rendering one object may cost: its templates, and whatever else draws on the same [`crate::Env`]. What needs more
//! is an error, with nothing written.
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
/// Bytes of text, of a template or YAML, that are parsed in a step.
pub const STEP: usize = 64;
/// Bytes that templates and their functions may make.
pub const MADE: u64 = 16 * 1024 * 1024;
/// Bytes that may be looked through. Functions take long for a byte, so each counts as four.
pub const READ: u64 = 512 * 1024 * 1024;
/// What an element of a list or dict counts as, in bytes.
pub const ITEM: usize = 32;

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    made: Cell<u64>,
    read: Cell<u64>,
    spent: Cell<bool>,
}

impl Budget {
    /// One part of so many of all that is allowed.
    pub(crate) fn part_of(parts: u64) -> Self {
        let [steps, made, read] = [STEPS, MADE, READ].map(|limit| Cell::new(limit / parts));
        Self { steps, made, read, spent: Cell::new(false) }
    }

    /// Was more asked for than there was?
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Takes steps.
    pub(crate) fn steps(&self, count: u64) -> Result<(), Error> {
        self.draw(&self.steps, count, Error::TooManySteps)
    }

    /// Takes bytes to make.
    pub(crate) fn make(&self, bytes: usize) -> Result<(), Error> {
        self.draw(&self.made, bytes as u64, Error::TooMuchMade)
    }

    /// Takes bytes to look through.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), Error> {
        self.draw(&self.read, bytes as u64, Error::TooMuchRead)
    }

    fn draw(&self, counter: &Cell<u64>, amount: u64, problem: Error) -> Result<(), Error> {
        let Some(rest) = counter.get().checked_sub(amount) else {
            self.spent.set(true);
            return Err(problem);
        };
        counter.set(rest);
        Ok(())
    }
}
