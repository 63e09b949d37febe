//! Makes functions of a template from functions of Rust. Their parameters say what Go's would accept: a template that
//! gives an `int64` where Go wants an `int` fails there, so it fails here.

use std::slice::Iter;

use crate::Error;
use crate::run::Run;
use crate::value::{Dict, IntType, List, Of, Text, Value};

/// A function that a template can call. It never quotes a value in an error.
pub(crate) type Function = Box<dyn Fn(&Run<'_>, &[Value]) -> Result<Value, Error> + Send + Sync>;

/// A parameter.
pub(crate) trait Argument: Sized {
    /// Does it take any number of arguments?
    const REST: bool = false;

    /// Takes what it needs.
    fn take(arguments: &mut Iter<'_, Value>) -> Result<Self, Error>;
}

/// The last parameter of a function that takes any number of arguments.
pub(crate) struct Rest<T>(pub(crate) Vec<T>);

/// `[]string`, as a result.
pub(crate) struct Texts(pub(crate) Vec<Text>);

fn wrong(expected: &str, value: &Value) -> Error {
    Error::Failed(format!("wrong type for value; expected {expected}; got {}", value.type_name()))
}

/// A parameter of one argument: its type in Go, and what it accepts.
macro_rules! argument {
    ($type:ty, $name:literal, $pattern:pat $(if $guard:expr)? => $taken:expr) => {
        impl Argument for $type {
            fn take(arguments: &mut Iter<'_, Value>) -> Result<Self, Error> {
                match arguments.next().unwrap_or(&Value::Nil) {
                    $pattern $(if $guard)? => Ok($taken),
                    #[allow(unreachable_patterns, reason = "some accept all")]
                    other => Err(wrong($name, other)),
                }
            }
        }
    };
}

argument!(Value, "interface {}", value => value.clone());
argument!(Text, "string", Value::Text(text) => text.clone());
argument!(bool, "bool", Value::Bool(truth) => *truth);
argument!(i64, "int", Value::Int(IntType::Int, number) => *number);
argument!(List, "[]interface {}", Value::List(list) if list.of() == Of::Any => list.clone());
argument!(Dict, "map[string]interface {}", Value::Dict(dict) if dict.of() == Of::Any => dict.clone());

impl Argument for f64 {
    fn take(arguments: &mut Iter<'_, Value>) -> Result<Self, Error> {
        match arguments.next().unwrap_or(&Value::Nil) {
            Value::Float(number) => Ok(*number),
            // A literal without a point will do.
            #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
            Value::Int(IntType::Int, number) => Ok(*number as f64),
            other => Err(wrong("float64", other)),
        }
    }
}

impl<T: Argument> Argument for Rest<T> {
    const REST: bool = true;

    fn take(arguments: &mut Iter<'_, Value>) -> Result<Self, Error> {
        let mut taken = Vec::with_capacity(arguments.len());
        while arguments.len() > 0 {
            taken.push(T::take(arguments)?);
        }
        Ok(Self(taken))
    }
}

/// What a function returns.
pub(crate) trait Returned {
    /// The value, counted.
    fn value(self, run: &Run<'_>) -> Result<Value, Error>;
}

/// What is counted when it is made, or is too small to count.
macro_rules! returned {
    ($($type:ty: $this:ident => $value:expr),* $(,)?) => {$(
        impl Returned for $type {
            fn value(self, _run: &Run<'_>) -> Result<Value, Error> {
                let $this = self;
                Ok($value)
            }
        }
    )*};
}

returned! {
    Value: this => this,
    List: this => Value::List(this),
    Dict: this => Value::Dict(this),
    bool: this => Value::Bool(this),
    i64: this => Value::Int(IntType::Int64, this),
    usize: this => Value::int(this),
    f64: this => Value::Float(this),
}

impl Returned for Text {
    fn value(self, run: &Run<'_>) -> Result<Value, Error> {
        run.text(self).map(Value::Text)
    }
}

impl Returned for String {
    fn value(self, run: &Run<'_>) -> Result<Value, Error> {
        Text::from(self).value(run)
    }
}

impl Returned for Vec<u8> {
    fn value(self, run: &Run<'_>) -> Result<Value, Error> {
        Text::from(self).value(run)
    }
}

impl Returned for Texts {
    fn value(self, run: &Run<'_>) -> Result<Value, Error> {
        let items = self.0.into_iter().map(|text| text.value(run)).collect::<Result<_, _>>()?;
        run.list(Of::Text, items).map(Value::List)
    }
}

impl<T: Returned> Returned for Result<T, Error> {
    fn value(self, run: &Run<'_>) -> Result<Value, Error> {
        self?.value(run)
    }
}

/// A function of Rust that can be one of a template. `Parameters` tells the implementations apart.
pub(crate) trait Handler<Parameters>: Send + Sync + Sized + 'static {
    /// The same, for any arguments.
    fn function(self, name: &'static str) -> Function;
}

/// Marks a function whose first parameter is the [`Run`].
pub(crate) struct WithRun;

macro_rules! handler {
    ($($parameter:ident)*) => {
        #[allow(non_snake_case, unused_variables, unused_mut, reason = "for any number of parameters, none too")]
        impl<F, R: Returned, $($parameter: Argument),*> Handler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
        {
            fn function(self, name: &'static str) -> Function {
                Box::new(move |run, arguments| {
                    count(run, name, &[$($parameter::REST),*], arguments)?;
                    let mut arguments = arguments.iter();
                    $(let $parameter = $parameter::take(&mut arguments)?;)*
                    self($($parameter),*).value(run)
                })
            }
        }

        #[allow(non_snake_case, unused_variables, unused_mut, reason = "for any number of parameters, none too")]
        impl<F, R: Returned, $($parameter: Argument),*> Handler<(WithRun, $($parameter,)*)> for F
        where
            F: Fn(&Run<'_>, $($parameter),*) -> R + Send + Sync + 'static,
        {
            fn function(self, name: &'static str) -> Function {
                Box::new(move |run, arguments| {
                    count(run, name, &[$($parameter::REST),*], arguments)?;
                    let mut arguments = arguments.iter();
                    $(let $parameter = $parameter::take(&mut arguments)?;)*
                    self(run, $($parameter),*).value(run)
                })
            }
        }
    };
}

handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);
handler!(A B C D E);
handler!(A B C D E G);

/// Are there as many arguments as parameters? What they hold is counted as read.
fn count(run: &Run<'_>, name: &'static str, rest: &[bool], arguments: &[Value]) -> Result<(), Error> {
    let open = rest.last() == Some(&true);
    let least = rest.len() - usize::from(open);
    if arguments.len() < least || (!open && arguments.len() > least) {
        let more = if open { "or more " } else { "" };
        let got = arguments.len();
        return Err(Error::Failed(format!("function {name:?} needs {least} arguments {more}and has {got}")));
    }
    run.read(arguments.iter().map(|value| if let Value::Text(text) = value { text.len() } else { 0 }).sum())
}

/// Functions by name.
#[derive(Default)]
pub(crate) struct Table(std::collections::BTreeMap<&'static str, Function>);

impl Table {
    /// Adds a function, instead of one of the same name.
    pub(crate) fn add<P>(&mut self, name: &'static str, handler: impl Handler<P>) {
        self.0.insert(name, handler.function(name));
    }

    /// The function of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }
}
