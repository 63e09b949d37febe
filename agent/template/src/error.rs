//! What can be wrong with a template. Every text is made of fixed words, of names of types and of the template's own
//! words, never of a value.

use crate::limits;

/// Why a template gave no output. Holds no value of the map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no template.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong; may quote the template.
        problem: String,
    },
    /// It calls a function that is not there.
    #[error("function {name:?} is not defined")]
    UnknownFunction {
        /// As the template calls it.
        name: String,
    },
    /// It reads a key that no entry provides.
    #[error("map has no entry for key {key:?}; add it to spec.data or use a key that is there")]
    MissingKey {
        /// As the template writes it.
        key: String,
    },
    /// It uses something in a way that does not work.
    #[error("{0}")]
    Failed(String),
    /// See [`limits::TEMPLATE`].
    #[error("the template is longer than {} KiB; shorten it", limits::TEMPLATE / 1024)]
    TemplateTooLarge,
    /// See [`limits::INPUT`].
    #[error("the values for the template are larger than {} MiB together; ask for fewer", limits::INPUT / 1024 / 1024)]
    InputTooLarge,
    /// See [`limits::OUTPUT`].
    #[error("the output is larger than {} KiB; make it smaller", limits::OUTPUT / 1024)]
    OutputTooLarge,
    /// See [`limits::STEPS`].
    #[error("it takes more than {} steps; simplify it", limits::STEPS)]
    TooManySteps,
    /// See [`limits::MADE`].
    #[error("more than {} MiB would have to be made; simplify it", limits::MADE / 1024 / 1024)]
    TooMuchMade,
    /// See [`limits::READ`].
    #[error("more than {} MiB would have to be looked through; simplify it", limits::READ / 1024 / 1024)]
    TooMuchRead,
    /// Templates that call each other without end, or a list of lists of lists…
    #[error("templates or values are nested too deeply")]
    TooDeep,
}
