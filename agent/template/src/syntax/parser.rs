//! Makes a tree of tokens.

mod pipeline;

use std::rc::Rc;

use super::lexer::{Kind, Token, problem, tokens};
use super::numbers::unquote;
use super::{Body, Branch, Node, Templates};
use crate::Error;

/// Deepest nesting of blocks and parentheses.
const DEEPEST: usize = 100;
/// Variables that can be seen at one place.
const VARIABLES: usize = 1000;

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
        let found: String = found.chars().take(40).collect();
        problem(self.text, token.at, &format!("unexpected {found:?} in {context}"))
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
}
