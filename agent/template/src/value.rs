//! The values that templates work on, with what Go's reflection would tell of them: its templates print, compare and
//! refuse values by their types.

use std::any::Any;
use std::cell::{Ref, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Error;

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

/// A string of Go's: any bytes. They are wiped once nobody holds them.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(Arc<Zeroizing<Vec<u8>>>);

impl Text {
    /// The text as Go's `range` over a string sees it: each byte that belongs to no character is U+FFFD.
    pub(crate) fn chars(&self) -> impl Iterator<Item = char> {
        self.utf8_chunks().flat_map(|chunk| {
            let broken = std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
            chunk.valid().chars().chain(broken)
        })
    }

    /// The text, if it is UTF-8.
    pub(crate) fn utf8(&self) -> Option<&str> {
        std::str::from_utf8(self).ok()
    }

    /// [`Self::chars`] in one piece.
    pub(crate) fn lossy(&self) -> Zeroizing<String> {
        Zeroizing::new(self.utf8().map_or_else(|| self.chars().collect(), str::to_owned))
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deref().cmp(&**other)
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(…)")
    }
}

/// A text cut into its letters; a byte that belongs to none stands alone.
pub(crate) fn letters(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest.first()?;
        // No letter is longer than four bytes.
        let chunk = rest[..rest.len().min(4)].utf8_chunks().next()?;
        let length = chunk.valid().chars().next().map_or(1, char::len_utf8);
        let (letter, after) = rest.split_at(length);
        rest = after;
        Some(letter)
    })
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

/// A slice of Go's. It never changes.
#[derive(Clone)]
pub(crate) struct List {
    of: Of,
    items: Rc<Vec<Value>>,
    /// Go's nil slice: empty, but null in JSON.
    nil: bool,
    /// Lists within lists, itself included.
    depth: usize,
}

impl List {
    /// Refuses what would be nested too deeply; see [`crate::run::Run::list`], which also counts.
    pub(crate) fn new(of: Of, items: Vec<Value>) -> Result<Self, Error> {
        let inner = items.iter().map(|item| if let Value::List(list) = item { list.depth } else { 0 }).max();
        let depth = 1 + inner.unwrap_or(0);
        if depth > DEEPEST { Err(Error::TooDeep) } else { Ok(Self { of, items: Rc::new(items), nil: false, depth }) }
    }

    /// A slice that was never made.
    pub(crate) fn nil(of: Of) -> Self {
        Self { of, items: Rc::default(), nil: true, depth: 1 }
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.nil
    }

    pub(crate) fn of(&self) -> Of {
        self.of
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

/// A map of Go's with strings for keys: whoever holds it sees its changes. Made by [`crate::run::Run::dict`].
#[derive(Clone)]
pub(crate) struct Dict {
    of: Of,
    entries: Rc<RefCell<BTreeMap<Text, Value>>>,
}

impl Dict {
    pub(crate) fn new(of: Of, entries: BTreeMap<Text, Value>) -> Self {
        Self { of, entries: Rc::new(RefCell::new(entries)) }
    }

    pub(crate) fn of(&self) -> Of {
        self.of
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.entries.borrow().contains_key(key)
    }

    pub(crate) fn set(&self, key: Text, value: Value) {
        self.entries.borrow_mut().insert(key, value);
    }

    pub(crate) fn unset(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    /// Its entries. To be held no longer than nothing else can run.
    pub(crate) fn entries(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.entries.borrow()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Lets go of all entries.
    pub(crate) fn clear(&self) {
        drop(self.entries.take());
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
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
            Self::List(list) => format!("[]{}", list.of.name()),
            Self::Dict(dict) => format!("map[string]{}", dict.of.name()),
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
