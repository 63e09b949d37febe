//! What stands in an action: pipelines, commands and their operands.

use super::{Parser, VARIABLES};
use crate::Error;
use crate::syntax::lexer::{Kind, problem};
use crate::syntax::numbers::{number, unquote};
use crate::syntax::{Operand, Pipe};

impl Parser<'_> {
    /// A pipeline up to the token that closes it, which is taken too.
    pub(super) fn pipe(&mut self, context: &'static str, end: Kind, end_text: &str) -> Result<Pipe, Error> {
        let mut pipe = Pipe::default();
        self.declarations(context, &mut pipe)?;
        loop {
            self.skip_space();
            let token = self.peek();
            if token.kind == end && (end == Kind::Right || token.text == end_text) {
                break;
            }
            if matches!(token.kind, Kind::Text | Kind::Left | Kind::Right | Kind::End)
                || token.kind == Kind::Keyword && token.text != "nil"
                || token.kind == Kind::Sign && token.text != "("
            {
                return Err(self.unexpected(context));
            }
            let command = self.command()?;
            pipe.commands.push(command);
        }
        let at = self.take().at;
        if pipe.commands.is_empty() {
            return Err(problem(self.text, at, &format!("missing value for {context}")));
        }
        let inert = |first: &Operand| {
            !matches!(
                first,
                Operand::Function(_)
                    | Operand::Field(_)
                    | Operand::Variable(..)
                    | Operand::Pipe(_)
                    | Operand::Chain(..)
            )
        };
        if pipe.commands[1..].iter().any(|command| command.first().is_some_and(inert)) {
            return Err(problem(self.text, at, "a pipe leads into something that is not executable"));
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and in loops `$x, $y :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Result<(), Error> {
        loop {
            self.skip_space();
            if self.peek().kind != Kind::Variable {
                return Ok(());
            }
            let back = self.next;
            let variable = self.take();
            if self.takes(Kind::Sign, ":=") || self.takes(Kind::Sign, "=") {
                pipe.assigns = self.tokens[self.next - 1].text == "=";
                pipe.variables.push(variable.text.to_owned());
                break;
            }
            if !self.takes(Kind::Sign, ",") {
                self.next = back;
                break;
            }
            pipe.variables.push(variable.text.to_owned());
            if context != "range" || pipe.variables.len() > 1 {
                return Err(problem(self.text, variable.at, &format!("too many declarations in {context}")));
            }
            self.skip_space();
            if self.peek().kind != Kind::Variable {
                return Err(problem(self.text, variable.at, "range can only initialize variables"));
            }
        }
        self.scope.variables.extend(pipe.variables.iter().cloned());
        if self.scope.variables.len() > VARIABLES {
            return Err(problem(self.text, self.peek().at, &format!("more than {VARIABLES} variables in one place")));
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Vec<Operand>, Error> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            operands.extend(self.operand()?);
            let token = self.peek();
            match (token.kind, token.text) {
                (Kind::Space, _) => {}
                (Kind::Right, _) | (Kind::Sign, ")") => break,
                (Kind::Sign, "|") => {
                    self.next += 1;
                    break;
                }
                _ => return Err(self.unexpected("operand")),
            }
        }
        if operands.is_empty() { Err(problem(self.text, self.peek().at, "empty command")) } else { Ok(operands) }
    }

    fn operand(&mut self) -> Result<Option<Operand>, Error> {
        let at = self.peek().at;
        let Some(term) = self.term()? else { return Ok(None) };
        let mut more = Vec::new();
        while self.peek().kind == Kind::Field {
            more.push(self.take().text[1..].to_owned());
        }
        if more.is_empty() {
            return Ok(Some(term));
        }
        Ok(Some(match term {
            Operand::Field(mut names) => {
                names.append(&mut more);
                Operand::Field(names)
            }
            Operand::Variable(name, _) => Operand::Variable(name, more),
            Operand::Function(_) | Operand::Pipe(_) => Operand::Chain(Box::new(term), more),
            _ => return Err(problem(self.text, at, "unexpected . after a term")),
        }))
    }

    fn term(&mut self) -> Result<Option<Operand>, Error> {
        let token = self.take();
        let bad = |what: &str| problem(self.text, token.at, what);
        Ok(Some(match (token.kind, token.text) {
            (Kind::Identifier, name) if (self.known)(name) => Operand::Function(name.to_owned()),
            (Kind::Identifier, name) => return Err(Error::UnknownFunction { name: name.to_owned() }),
            (Kind::Dot, _) => Operand::Dot,
            (Kind::Keyword, "nil") => Operand::Nil,
            (Kind::Bool, word) => Operand::Bool(word == "true"),
            (Kind::Field, name) => Operand::Field(vec![name[1..].to_owned()]),
            (Kind::Variable, name) if self.scope.variables.iter().any(|known| known == name) => {
                Operand::Variable(name.to_owned(), Vec::new())
            }
            (Kind::Variable, name) => return Err(bad(&format!("undefined variable {name:?}"))),
            (Kind::Number, literal) => number(literal).ok_or_else(|| bad("bad number"))?,
            (Kind::Quoted | Kind::Raw, literal) => Operand::Text(unquote(literal).ok_or_else(|| bad("bad quoting"))?),
            (Kind::Char, literal) => {
                let letter = unquote(literal).and_then(|text| text.chars().next()).ok_or_else(|| bad("bad quoting"))?;
                Operand::Int(i64::from(u32::from(letter)))
            }
            (Kind::Sign, "(") => {
                Operand::Pipe(self.deeper(|parser| parser.pipe("parenthesized pipeline", Kind::Sign, ")"))?)
            }
            _ => {
                self.next -= 1;
                return Ok(None);
            }
        }))
    }
}
