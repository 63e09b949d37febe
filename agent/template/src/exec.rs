//! Runs a parsed template as Go's text/template does, with `missingkey=error`.

mod evaluate;

use zeroize::Zeroizing;

use crate::functions::Table;
use crate::run::Run;
use crate::syntax::{Body, Branch, Node, Pipe, Templates};
use crate::value::Value;
use crate::{Error, format, limits};

/// Deepest nesting of bodies at run time, through all templates that call each other.
const DEEPEST: usize = 200;

/// Runs a template over a value.
pub(crate) fn execute(
    templates: &Templates,
    functions: &Table,
    run: &Run<'_>,
    root: &Value,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let variables = vec![("$", root.clone())];
    let mut executor = Executor { templates, functions, run, variables, depth: 0, output: Zeroizing::default() };
    executor.body(&templates.main, root)?;
    Ok(executor.output)
}

struct Executor<'t, 'r> {
    templates: &'t Templates,
    functions: &'t Table,
    run: &'r Run<'r>,
    variables: Vec<(&'t str, Value)>,
    depth: usize,
    output: Zeroizing<Vec<u8>>,
}

/// How a body ended.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

fn failed<T>(words: impl Into<String>) -> Result<T, Error> {
    Err(Error::Failed(words.into()))
}

impl<'t> Executor<'t, '_> {
    fn body(&mut self, body: &'t Body, dot: &Value) -> Result<Flow, Error> {
        if self.depth == DEEPEST {
            return Err(Error::TooDeep);
        }
        self.depth += 1;
        let mut flow = Flow::Next;
        for node in body {
            self.run.steps(1)?;
            flow = self.node(node, dot)?;
            if flow != Flow::Next {
                break;
            }
        }
        self.depth -= 1;
        Ok(flow)
    }

    fn node(&mut self, node: &'t Node, dot: &Value) -> Result<Flow, Error> {
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => {
                let outside = self.variables.len();
                let flow = self.range(branch, dot)?;
                self.variables.truncate(outside);
                return Ok(flow);
            }
            Node::Template(name, pipe) => self.template(name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, part: &[u8]) -> Result<(), Error> {
        let needed = self.output.len() + part.len();
        if needed > limits::OUTPUT {
            return Err(Error::OutputTooLarge);
        }
        if needed > self.output.capacity() {
            // Growing in place would leave the old buffer behind unwiped.
            let mut grown = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two().max(256)));
            grown.extend_from_slice(&self.output);
            self.output = grown;
        }
        self.output.extend_from_slice(part);
        Ok(())
    }

    fn print(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Nil => self.write(b"<no value>"),
            other => {
                let text = format::display(self.run, other)?;
                self.write(&text)
            }
        }
    }

    fn branch(&mut self, branch: &'t Branch, dot: &Value, moves_dot: bool) -> Result<Flow, Error> {
        let outside = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        let flow = match (value.is_true(), moves_dot) {
            (true, true) => self.body(&branch.body, &value)?,
            (true, false) => self.body(&branch.body, dot)?,
            (false, _) => self.body(&branch.otherwise, dot)?,
        };
        self.variables.truncate(outside);
        Ok(flow)
    }

    fn range(&mut self, branch: &'t Branch, dot: &Value) -> Result<Flow, Error> {
        let value = self.value(&branch.pipe, dot)?;
        let pipe = &branch.pipe;
        if !pipe.assigns {
            self.variables.extend(pipe.variables.iter().map(|name| (&**name, value.clone())));
        }
        let mut any = false;
        let mut turn = |executor: &mut Self, key: Value, item: Value| {
            any = true;
            executor.turn(branch, key, &item)
        };
        match &value {
            Value::List(list) => {
                for (number, item) in list.iter().enumerate() {
                    if turn(self, Value::int(number), item.clone())? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Dict(dict) => {
                // The body may change the dict.
                let entries: Vec<_> = dict.entries().iter().map(|(key, item)| (key.clone(), item.clone())).collect();
                self.run.make(entries.len() * limits::ITEM)?;
                for (key, item) in entries {
                    if turn(self, Value::Text(key), item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Int(..) if pipe.variables.len() > 1 => {
                return failed("range over a number has one variable");
            }
            Value::Int(type_, count) => {
                for number in 0..*count {
                    let number = Value::Int(*type_, number);
                    if turn(self, number.clone(), number)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Nil => {}
            other => return failed(format!("range cannot go over a value of type {}", other.type_name())),
        }
        if any { Ok(Flow::Next) } else { self.body(&branch.otherwise, dot) }
    }

    fn turn(&mut self, branch: &'t Branch, key: Value, item: &Value) -> Result<Flow, Error> {
        self.run.steps(1)?;
        let outside = self.variables.len();
        // One variable is the element; of two, the first is its place.
        let values = if branch.pipe.variables.len() > 1 { vec![key, item.clone()] } else { vec![item.clone()] };
        for (name, value) in branch.pipe.variables.iter().zip(values) {
            self.assign(name, value)?;
        }
        let flow = self.body(&branch.body, item)?;
        self.variables.truncate(outside);
        Ok(flow)
    }

    fn template(&mut self, name: &str, pipe: Option<&'t Pipe>, dot: &Value) -> Result<(), Error> {
        let Some(body) = self.templates.named.get(name) else {
            return failed(format!("no template {name:?} is defined"));
        };
        let root = pipe.map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
        let variables = std::mem::replace(&mut self.variables, vec![("$", root.clone())]);
        self.body(body, &root)?;
        self.variables = variables;
        Ok(())
    }
}
