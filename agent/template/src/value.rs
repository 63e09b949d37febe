//! The values that templates work on, with what Go's reflection would tell of them: its templates print, compare and
//! refuse values by their types.

mod collections;
mod text;

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use crate::Error;

pub(crate) use collections::{Dict, List};
pub(crate) use text::{Text, letters};

/// Lists nested deeper than this are refused, and so are walks deeper into any value: dicts can contain themselves.
pub(crate) const DEEPEST: usize = 100;

/// A value of a template.
#[derive(Clone)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Int(IntType, i64),
    Float(f64),
    Text(Text),
    List(List),
    Dict(Dict),
    /// A struct of Go's.
    Object(Rc<dyn Object>),
}

/// Go's types of whole numbers, as far as functions return them. A `uint64` above the largest `int64` is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntType {
    Int,
    Int64,
    Uint8,
    Uint64,
    /// `time.Duration`.
    Duration,
    /// `time.Month`.
    Month,
    /// `time.Weekday`.
    Weekday,
}

impl IntType {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Duration => "int64",
            Self::Month | Self::Weekday => "int",
            plain => plain.name(),
        }
    }
}

/// A struct of Go's with its fields and methods.
pub(crate) trait Object: Any {
    /// As Go's `%T` prints it.
    fn type_name(&self) -> &'static str;

    /// As Go's reflection calls it.
    fn kind(&self) -> &'static str {
        "struct"
    }

    /// As Go's `%v` prints it.
    fn print(&self) -> String;

    /// As `json.Marshal` writes it.
    fn json(&self) -> Value {
        Value::Text(self.print().into())
    }

    /// A field, or the result of a method; nothing if there is none of that name.
    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Error>>;
}

/// What the type of a list or dict says of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `[]interface {}`
    Lists,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::Lists => "[]interface {}",
        }
    }

    /// What an element is that is not there.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Text => Value::Text(Text::default()),
            Self::Int => Value::int(0),
            Self::Any | Self::Lists => Value::Nil,
        }
    }
}

impl Value {
    /// As Go's `%T` prints it.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(type_, _) => type_.name().to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::List(list) => format!("[]{}", list.of().name()),
            Self::Dict(dict) => format!("map[string]{}", dict.of().name()),
            Self::Object(object) => object.type_name().to_owned(),
        }
    }

    /// What Go's reflection says it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(type_, _) => type_.kind(),
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Dict(_) => "map",
            Self::Object(object) => object.kind(),
        }
    }

    /// Does `if` take it for true?
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(_, number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Dict(dict) => dict.len() != 0,
            Self::Object(_) => true,
        }
    }

    /// An `int`.
    pub(crate) fn int(number: usize) -> Self {
        Self::Int(IntType::Int, i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The struct of a given type that this is.
    pub(crate) fn object<T: Object>(&self) -> Option<&T> {
        let Self::Object(object) = self else { return None };
        let object: &dyn Any = &**object;
        object.downcast_ref()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.type_name())
    }
}
