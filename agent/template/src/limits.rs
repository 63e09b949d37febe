//! What one run of a template may cost. A run that needs more is an error of the template, with nothing written.
//!
//! The depth of nesting and of recursion is limited by the engine: 100 levels in the text, 200 at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// Bytes of a template.
pub const TEMPLATE: usize = 256 * 1024;
/// Bytes of all keys and values of the map.
pub const INPUT: usize = 4 * 1024 * 1024;
/// Bytes of the output: more does not fit into a Secret anyway.
pub const OUTPUT: usize = 1024 * 1024;
/// Actions, expressions and turns of loops in one run.
pub const STEPS: u64 = 200_000;
/// Bytes that functions which make text may take in and fill in, in one run.
pub const TEXT: u64 = 16 * 1024 * 1024;

/// What is left of a run's limits; shared by the functions that the run calls.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Left>);

#[derive(Debug)]
struct Left {
    steps: AtomicU64,
    text: AtomicU64,
}

/// Marks a counter that was overdrawn, so that it stays so.
const SPENT: u64 = u64::MAX;

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Left { steps: AtomicU64::new(STEPS), text: AtomicU64::new(TEXT) }))
    }

    /// Takes steps; `false` when there are not enough left.
    pub(crate) fn steps(&self, count: u64) -> bool {
        draw(&self.0.steps, count)
    }

    /// Takes bytes of text; `false` when there are not enough left.
    pub(crate) fn text(&self, bytes: u64) -> bool {
        draw(&self.0.text, bytes)
    }

    /// An error if the run was stopped for asking too much.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        if self.0.steps.load(Ordering::Relaxed) == SPENT {
            return Err(Error::TooManySteps);
        }
        if self.0.text.load(Ordering::Relaxed) == SPENT {
            return Err(Error::TooMuchText);
        }
        Ok(())
    }
}

fn draw(counter: &AtomicU64, amount: u64) -> bool {
    let left = counter.load(Ordering::Relaxed);
    let rest = if left == SPENT { None } else { left.checked_sub(amount) };
    counter.store(rest.unwrap_or(SPENT), Ordering::Relaxed);
    rest.is_some()
}
