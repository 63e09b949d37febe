//! One run of a template: what its functions may use and what it costs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use regex::bytes::{Match, Regex};

use crate::regexp::{self, Malformed, Regexp};
use crate::value::{Dict, List, Of, Text, Value};
use crate::{Env, Error, limits};

/// What every function can reach. Lists, dicts and texts are made through it, so that they count.
pub(crate) struct Run<'a> {
    env: &'a Env,
    template: &'a str,
    /// Every dict of the run. While it is here, letting go of one cannot unwind a long chain of them, and at the end
    /// all are emptied, so that none that contains itself stays behind.
    dicts: RefCell<Vec<Dict>>,
    regexps: RefCell<BTreeMap<Text, Search>>,
}

/// What a byte counts that a function looks at: see [`limits::READ`].
const READ_BY_FUNCTION: usize = 4;

/// An expression, and what a byte counts that it may look at.
#[derive(Clone)]
pub(crate) struct Search {
    pub(crate) regex: Rc<Regex>,
    cost: usize,
}

impl Search {
    /// Every match in a text, counted.
    pub(crate) fn find_iter<'t>(
        &self,
        run: &Run<'_>,
        text: &'t [u8],
    ) -> impl Iterator<Item = Result<Match<'t>, Error>> {
        self.regex.find_iter(text).map(move |found| self.again(run, text.len() - found.end()).map(|()| found))
    }

    /// Counts the search for the next match in so many bytes.
    pub(crate) fn again(&self, run: &Run<'_>, bytes: usize) -> Result<(), Error> {
        run.env.read(regexp::again(bytes, self.cost))
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(env: &'a Env, template: &'a str) -> Self {
        Self { env, template, dicts: RefCell::default(), regexps: RefCell::default() }
    }

    pub(crate) fn env(&self) -> &'a Env {
        self.env
    }

    /// Counts steps: for what takes time other than by the length of texts.
    pub(crate) fn steps(&self, count: u64) -> Result<(), Error> {
        self.env.budget().steps(count)
    }

    /// Counts bytes that are about to be made.
    pub(crate) fn make(&self, bytes: usize) -> Result<(), Error> {
        self.env.make(bytes)
    }

    /// Counts bytes that are about to be looked through.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), Error> {
        self.env.read(bytes.saturating_mul(READ_BY_FUNCTION))
    }

    /// A text that counts.
    pub(crate) fn text(&self, text: impl Into<Text>) -> Result<Text, Error> {
        let text = text.into();
        self.make(text.len())?;
        Ok(text)
    }

    /// The map that a template reads. It counts as read: the values are there already.
    pub(crate) fn root(&self, entries: BTreeMap<Text, Value>) -> Result<Value, Error> {
        self.read(entries.len().saturating_mul(limits::ITEM))?;
        Ok(Value::Dict(self.keep(Dict::new(Of::Text, entries))))
    }

    /// A list that counts.
    pub(crate) fn list(&self, of: Of, items: Vec<Value>) -> Result<List, Error> {
        self.make(items.len().saturating_mul(limits::ITEM))?;
        List::new(of, items)
    }

    /// A dict that counts.
    pub(crate) fn dict(&self, of: Of, entries: BTreeMap<Text, Value>) -> Result<Dict, Error> {
        self.make((1 + entries.len()).saturating_mul(limits::ITEM))?;
        Ok(self.keep(Dict::new(of, entries)))
    }

    fn keep(&self, dict: Dict) -> Dict {
        self.dicts.borrow_mut().push(dict.clone());
        dict
    }

    /// An expression that is about to search a text. Each is compiled once.
    pub(crate) fn regex(&self, expression: &Text, text: &Text) -> Result<Search, Error> {
        let known = self.regexps.borrow().get(expression).cloned();
        let search = match known {
            Some(known) => known,
            None => self.compile(expression)?,
        };
        self.env.read(text.len().saturating_mul(search.cost))?;
        Ok(search)
    }

    /// Compiles an expression as small as it can be.
    fn compile(&self, expression: &Text) -> Result<Search, Error> {
        let words = |problem: String| Error::Failed(format!("the regular expression is not valid: {problem}"));
        let source = expression.utf8().ok_or_else(|| words("it is not UTF-8".to_owned()))?;
        for size in regexp::SIZES {
            self.read(4 * size + 16 * expression.len())?;
            match Regexp::compile(source, size) {
                Ok(compiled) => {
                    let search = Search { regex: Rc::new(compiled), cost: regexp::cost(size) };
                    self.regexps.borrow_mut().insert(expression.clone(), search.clone());
                    return Ok(search);
                }
                Err(Malformed::TooLarge) => {}
                // What is wrong with it may quote it, and it may hold a value.
                Err(Malformed::Syntax(_)) => return Err(words("it cannot be read".to_owned())),
            }
        }
        Err(words("it is too large".to_owned()))
    }

    /// An error in words that the template itself contains as a literal; other words might be a value.
    pub(crate) fn said(&self, words: &Text) -> Error {
        let known = words
            .utf8()
            .filter(|words| ['"', '`'].iter().any(|quote| self.template.contains(&format!("{quote}{words}{quote}"))));
        Error::Failed(known.unwrap_or("the template called fail").to_owned())
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        for dict in self.dicts.get_mut() {
            dict.clear();
        }
    }
}
