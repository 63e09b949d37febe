//! Makes a tree of tokens.

use std::rc::Rc;

use super::lexer::{Kind, Token, problem, tokens};
use super::numbers::{number, unquote};
use super::{Body, Branch, Node, Operand, Pipe, Templates};
use crate::Error;

/// Deepest nesting of blocks and parentheses.
const DEEPEST: usize = 100;

/// Reads a template. `known` says which functions there are.
pub(crate) fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Templates, Error> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0, depth: 0, known, scope: Scope::new(), done: Templates::default() };
    let mut main = Body::new();
    while parser.peek().kind != Kind::End {
        if parser.action_is("define") {
            parser.define()?;
            continue;
        }
        let at = parser.peek().at;
        match parser.node()? {
            Item::Node(node) => main.push(node),
            Item::Else => return Err(problem(text, at, "unexpected {{else}}")),
            Item::End => return Err(problem(text, at, "unexpected {{end}}")),
        }
    }
    parser.done.main = Rc::new(main);
    Ok(parser.done)
}

/// The variables that can be seen, and whether a loop is around.
struct Scope {
    variables: Vec<String>,
    loops: usize,
}

impl Scope {
    fn new() -> Self {
        Self { variables: vec!["$".to_owned()], loops: 0 }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
    known: &'a dyn Fn(&str) -> bool,
    scope: Scope,
    done: Templates,
}

/// What stands next in a body.
enum Item {
    Node(Node),
    /// `{{ else`, which has not ended yet.
    Else,
    End,
}

impl<'a> Parser<'a> {
    /// The next token. The last one is [`Kind::End`] and is never taken.
    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    /// Takes a sign or word, after white space, if it is next.
    fn takes(&mut self, kind: Kind, text: &str) -> bool {
        self.skip_space();
        let found = self.peek().kind == kind && self.peek().text == text;
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, context: &str) -> Error {
        let token = self.peek();
        let found = match token.kind {
            Kind::End => return problem(self.text, token.at, "unexpected end: a block is not closed by {{end}}"),
            Kind::Right => "end of the action",
            _ => token.text,
        };
        problem(self.text, token.at, &format!("unexpected {found:.40?} in {context}"))
    }

    fn close(&mut self, context: &str) -> Result<(), Error> {
        self.skip_space();
        if self.peek().kind != Kind::Right {
            return Err(self.unexpected(context));
        }
        self.next += 1;
        Ok(())
    }

    /// Is the next action one of this word?
    fn action_is(&self, word: &str) -> bool {
        let mut inside = self.tokens[self.next..].iter();
        inside.next().is_some_and(|token| token.kind == Kind::Left)
            && inside.find(|token| token.kind != Kind::Space).is_some_and(|token| token.text == word)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEEPEST {
            return Err(problem(self.text, self.peek().at, "nested too deeply"));
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// What stands up to `{{ end }}` or `{{ else`. Was it the latter?
    fn body(&mut self) -> Result<(Body, bool), Error> {
        let mut body = Body::new();
        loop {
            match self.deeper(Self::node)? {
                Item::Node(node) => body.push(node),
                Item::Else => return Ok((body, true)),
                Item::End => return Ok((body, false)),
            }
        }
    }

    fn whole_body(&mut self, context: &str) -> Result<Body, Error> {
        let at = self.peek().at;
        match self.body()? {
            (body, false) => Ok(body),
            (_, true) => Err(problem(self.text, at, &format!("unexpected {{{{else}}}} in {context}"))),
        }
    }

    fn node(&mut self) -> Result<Item, Error> {
        let token = self.take();
        match token.kind {
            Kind::Text => return Ok(Item::Node(Node::Text(token.text.to_owned()))),
            Kind::Left => {}
            _ => {
                self.next -= 1;
                return Err(self.unexpected("template"));
            }
        }
        self.skip_space();
        let word = self.take();
        let node = match (word.kind, word.text) {
            (Kind::Keyword, "if") => Node::If(self.branch("if")?),
            (Kind::Keyword, "with") => Node::With(self.branch("with")?),
            (Kind::Keyword, "range") => Node::Range(self.branch("range")?),
            (Kind::Keyword, "template") => self.template()?,
            (Kind::Keyword, "block") => self.block()?,
            (Kind::Keyword, "break") => self.leave(&word, Node::Break)?,
            (Kind::Keyword, "continue") => self.leave(&word, Node::Continue)?,
            (Kind::Keyword, "end") => {
                self.close("end")?;
                return Ok(Item::End);
            }
            (Kind::Keyword, "else") => return Ok(Item::Else),
            _ => {
                self.next -= 1;
                Node::Action(self.pipe("command", Kind::Right, "")?)
            }
        };
        Ok(Item::Node(node))
    }

    fn leave(&mut self, word: &Token<'a>, node: Node) -> Result<Node, Error> {
        self.close(word.text)?;
        if self.scope.loops == 0 {
            return Err(problem(self.text, word.at, &format!("{{{{{}}}}} outside {{{{range}}}}", word.text)));
        }
        Ok(node)
    }

    /// `if`, `with` or `range`, whose word is taken.
    fn branch(&mut self, word: &'static str) -> Result<Branch, Error> {
        let outside = self.scope.variables.len();
        let pipe = self.pipe(word, Kind::Right, "")?;
        let turns = usize::from(word == "range");
        self.scope.loops += turns;
        let (body, has_else) = self.body()?;
        self.scope.loops -= turns;
        let otherwise = if has_else { self.otherwise(word)? } else { Body::new() };
        self.scope.variables.truncate(outside);
        Ok(Branch { pipe, body, otherwise })
    }

    /// What follows `else`, which may be another `if` or `with` of the same kind.
    fn otherwise(&mut self, word: &'static str) -> Result<Body, Error> {
        if word != "range" && self.takes(Kind::Keyword, word) {
            let again = self.deeper(|parser| parser.branch(word))?;
            return Ok(vec![if word == "if" { Node::If(again) } else { Node::With(again) }]);
        }
        self.close("else")?;
        self.whole_body("else")
    }

    fn name(&mut self, context: &str) -> Result<String, Error> {
        self.skip_space();
        let name = match self.peek().kind {
            Kind::Quoted | Kind::Raw => unquote(self.peek().text).and_then(|name| name.utf8().map(str::to_owned)),
            _ => None,
        };
        let name = name.ok_or_else(|| self.unexpected(context))?;
        self.next += 1;
        Ok(name)
    }

    fn template(&mut self) -> Result<Node, Error> {
        let name = self.name("template clause")?;
        self.skip_space();
        let pipe = match self.peek().kind {
            Kind::Right => {
                self.next += 1;
                None
            }
            _ => Some(self.pipe("template clause", Kind::Right, "")?),
        };
        Ok(Node::Template(name, pipe))
    }

    fn block(&mut self) -> Result<Node, Error> {
        let at = self.peek().at;
        let name = self.name("block clause")?;
        let pipe = self.pipe("block clause", Kind::Right, "")?;
        let body = self.apart("block")?;
        self.add(&name, body, at)?;
        Ok(Node::Template(name, Some(pipe)))
    }

    fn define(&mut self) -> Result<(), Error> {
        let at = self.take().at;
        self.takes(Kind::Keyword, "define");
        let name = self.name("define clause")?;
        self.close("define clause")?;
        let body = self.apart("define clause")?;
        self.add(&name, body, at)
    }

    /// A body that sees no variables of its surroundings.
    fn apart(&mut self, context: &str) -> Result<Body, Error> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let body = self.whole_body(context)?;
        self.scope = outer;
        Ok(body)
    }

    /// An empty definition gives way to another.
    fn add(&mut self, name: &str, body: Body, at: usize) -> Result<(), Error> {
        let is_empty = |body: &Body| body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
        match self.done.named.get(name) {
            Some(before) if !is_empty(before) && is_empty(&body) => {}
            Some(before) if !is_empty(before) => {
                return Err(problem(self.text, at, &format!("template {name:?} is defined twice")));
            }
            _ => drop(self.done.named.insert(name.to_owned(), Rc::new(body))),
        }
        Ok(())
    }

    /// A pipeline up to the token that closes it, which is taken too.
    fn pipe(&mut self, context: &'static str, end: Kind, end_text: &str) -> Result<Pipe, Error> {
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
