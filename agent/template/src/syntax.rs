//! The text of a template as a tree, by the grammar of Go's text/template. What Go refuses before it runs a template is
//! refused here.

mod lexer;
mod numbers;
mod parser;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::value::Text;

pub(crate) use numbers::{float, unsigned};
pub(crate) use parser::parse;

/// What one text defines: itself and the templates in it.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    pub(crate) main: Rc<Body>,
    pub(crate) named: BTreeMap<String, Rc<Body>>,
}

/// Texts and actions in a row.
pub(crate) type Body = Vec<Node>;

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    /// `{{ pipeline }}`
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    /// `{{ template "name" pipeline }}`
    Template(String, Option<Pipe>),
    Break,
    Continue,
}

/// `{{ if pipeline }} body {{ else }} otherwise {{ end }}` and its like.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Body,
    pub(crate) otherwise: Body,
}

/// `$x := command | command`
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// Variables, with their `$`.
    pub(crate) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(crate) assigns: bool,
    /// None is empty.
    pub(crate) commands: Vec<Vec<Operand>>,
}

#[derive(Debug)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    Function(String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`
    Variable(String, Vec<String>),
    /// `(pipeline)`
    Pipe(Pipe),
    /// `(pipeline).a.b`, `function.a.b`
    Chain(Box<Operand>, Vec<String>),
}
