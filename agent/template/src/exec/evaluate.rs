//! What pipelines, commands and their operands give.

use std::rc::Rc;

use super::{Executor, failed};
use crate::syntax::{Operand, Pipe};
use crate::value::{IntType, Value};
use crate::{Error, format, limits};

impl<'t> Executor<'t, '_> {
    /// A pipeline with its declarations.
    pub(super) fn pipe(&mut self, pipe: &'t Pipe, dot: &Value) -> Result<Value, Error> {
        let value = self.value(pipe, dot)?;
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn assign(&mut self, name: &str, value: Value) -> Result<(), Error> {
        let place = self.place(name)?;
        self.variables[place].1 = value;
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Value, Error> {
        self.place(name).map(|place| self.variables[place].1.clone())
    }

    /// The youngest variable of a name. What is looked at on the way counts, for a template may have thousands.
    fn place(&self, name: &str) -> Result<usize, Error> {
        let place = self.variables.iter().rposition(|(known, _)| *known == name);
        let place = place.ok_or_else(|| Error::Failed(format!("undefined variable {name:?}")))?;
        self.run.read((self.variables.len() - place).saturating_mul(limits::ITEM))?;
        Ok(place)
    }

    /// What a pipeline gives.
    pub(super) fn value(&mut self, pipe: &'t Pipe, dot: &Value) -> Result<Value, Error> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    /// `piped` is what the command before gave: the last argument.
    fn command(&mut self, command: &'t [Operand], dot: &Value, piped: Option<Value>) -> Result<Value, Error> {
        let Some((first, arguments)) = command.split_first() else { return failed("empty command") };
        let (receiver, names) = match first {
            Operand::Function(name) => return self.call(name, arguments, dot, piped),
            Operand::Nil => return failed("nil is not a command"),
            Operand::Field(names) => (dot.clone(), names),
            Operand::Variable(name, names) if !names.is_empty() => (self.variable(name)?, names),
            Operand::Chain(inner, names) => (self.operand(inner, dot)?, names),
            _ if piped.is_some() || !arguments.is_empty() => {
                return failed("an argument is given to something that is no function");
            }
            other => return self.operand(other, dot),
        };
        let mut given = Vec::new();
        for argument in arguments {
            given.push(self.operand(argument, dot)?);
        }
        given.extend(piped);
        self.run.steps(1)?;
        members(receiver, names, &given)
    }

    fn operand(&mut self, operand: &'t Operand, dot: &Value) -> Result<Value, Error> {
        self.run.steps(1)?;
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Nil),
            Operand::Bool(truth) => Ok(Value::Bool(*truth)),
            Operand::Int(number) => Ok(Value::Int(IntType::Int, *number)),
            Operand::Float(number) => Ok(Value::Float(*number)),
            Operand::Text(text) => Ok(Value::Text(text.clone())),
            Operand::Function(name) => self.call(name, &[], dot, None),
            Operand::Field(names) => members(dot.clone(), names, &[]),
            Operand::Variable(name, names) => members(self.variable(name)?, names, &[]),
            Operand::Pipe(pipe) => self.pipe(pipe, dot),
            Operand::Chain(inner, names) => {
                let receiver = self.operand(inner, dot)?;
                members(receiver, names, &[])
            }
        }
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &'t [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        self.run.steps(1)?;
        if matches!(name, "and" | "or") {
            return self.either(name == "or", arguments, dot, piped);
        }
        let Some(function) = self.functions.get(name) else {
            return Err(Error::UnknownFunction { name: name.to_owned() });
        };
        let mut given = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            given.push(self.operand(argument, dot)?);
        }
        given.extend(piped);
        function(self.run, &given)
    }

    /// `and` and `or` evaluate no more arguments than they need.
    fn either(
        &mut self,
        stop: bool,
        arguments: &'t [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        let mut last = None;
        for argument in arguments {
            let value = self.operand(argument, dot)?;
            if value.is_true() == stop {
                return Ok(value);
            }
            last = Some(value);
        }
        match piped.or(last) {
            Some(value) => Ok(value),
            None => failed("and and or need an argument"),
        }
    }
}

/// Follows names into a value; the last may be a method, which takes the arguments.
fn members(mut value: Value, names: &[String], arguments: &[Value]) -> Result<Value, Error> {
    for (number, name) in names.iter().enumerate() {
        let arguments = if number + 1 == names.len() { arguments } else { &[] };
        value = member(&value, name, arguments)?;
    }
    Ok(value)
}

fn member(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    match value {
        Value::Nil => failed(format!("there is nothing to take {name} of")),
        Value::Dict(_) if !arguments.is_empty() => failed(format!("{name} is not a method but has arguments")),
        Value::Dict(dict) => dict.get(name.as_bytes()).ok_or_else(|| Error::MissingKey { key: name.to_owned() }),
        Value::Object(object) => Rc::clone(object)
            .member(name, arguments)
            .unwrap_or_else(|| failed(format!("can't evaluate field {name} in type {}", value.type_name()))),
        Value::Int(type_, number) if arguments.is_empty() => format::method(*type_, *number, name)
            .map_or_else(|| failed(format!("can't evaluate field {name} in type {}", value.type_name())), Ok),
        other => failed(format!("can't evaluate field {name} in type {}", other.type_name())),
    }
}
