//! What can be wrong with a template. Every text is made here or of the template's own words: what the engine says at
//! run time may quote values, so it is passed on only where its form is known to hold none.

use gotmpl::TemplateError;

use crate::functions::GO;
use crate::input::Input;
use crate::limits;

/// Longest text of the parser that is passed on, in characters.
const QUOTED: usize = 200;

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
        /// The parser's words, which may quote the template.
        problem: String,
    },
    /// It calls a function that is not there.
    #[error("function {name:?} is not supported yet; these are: {}", GO.join(", "))]
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
    /// It reads a value that is not text.
    #[error("the value of key {key:?} is not UTF-8 text, which templates need; take it without a template")]
    NotText {
        /// The key.
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
    #[error("the template takes more than {} steps; simplify its loops", limits::STEPS)]
    TooManySteps,
    /// See [`limits::TEXT`].
    #[error("the template's functions work on more than {} MiB of text; simplify it", limits::TEXT / 1024 / 1024)]
    TooMuchText,
}

/// What the parser says: it has seen the template only, so its words are safe.
pub(crate) fn syntax(error: TemplateError) -> Error {
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            Error::Syntax { line, column: col, problem: message.chars().take(QUOTED).collect() }
        }
        _ => Error::Failed("the template cannot be parsed".to_owned()),
    }
}

/// Messages of the engine that consist of fixed words, type names and the template's own names.
const HARMLESS: [&str; 10] = [
    "can't evaluate field ",
    "can't give argument to non-function ",
    "cannot index ",
    "incompatible types for comparison: ",
    "index of untyped nil",
    "invalid type for comparison",
    "nil is not a command",
    "non-comparable type ",
    "slice: cannot slice type ",
    "slice: index not on UTF-8 character boundary",
];

/// What the engine says at run time, without what it may quote.
pub(crate) fn execution(error: &TemplateError, input: &Input) -> Error {
    Error::Failed(match error {
        TemplateError::MissingKey { key } if input.binary().contains(key) => {
            return Error::NotText { key: key.clone() };
        }
        TemplateError::MissingKey { key } => return Error::MissingKey { key: key.clone() },
        TemplateError::UndefinedFunction(name) => return Error::UnknownFunction { name: name.clone() },
        TemplateError::UndefinedTemplate(name) => format!("no template {name:?} is defined"),
        TemplateError::UndefinedVariable(name) => format!("no variable {name:?} is defined"),
        TemplateError::ArgCount { name, expected, got } => {
            format!("function {name:?} needs {expected} arguments or more and has {got}")
        }
        TemplateError::NotIterable(kind) => format!("range cannot go over a value of type {kind}"),
        TemplateError::TypeMismatch { expected, got } => format!("{expected} is needed where {got} is given"),
        TemplateError::IndexOutOfRange { .. } => "an index is out of range".to_owned(),
        TemplateError::RecursionLimit => "templates call each other too deeply".to_owned(),
        TemplateError::RangeIterLimit => return Error::TooManySteps,
        TemplateError::FuncPanic { name, .. } => format!("function {name:?} broke down"),
        TemplateError::Exec(text) if HARMLESS.iter().any(|known| text.starts_with(known)) => text.clone(),
        _ => "a function cannot work with what it is given".to_owned(),
    })
}
