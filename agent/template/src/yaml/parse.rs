//! From text to a tree of nodes, aliases not yet replaced.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use libyaml_safer::{Encoding, Event, EventData, Parser, ScalarStyle};
use zeroize::Zeroizing;

use super::{DEEPEST, Error};
use crate::limits;

/// A node of a document.
pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: u64,
    pub(super) kind: Kind,
}

/// A key and its value.
type Entry = (Rc<Node>, Rc<Node>);

pub(super) enum Kind {
    Scalar {
        text: Zeroizing<String>,
        tag: Option<String>,
        /// Neither quoted nor tagged.
        plain: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
    Alias(Rc<Node>),
}

/// The first document of a text; nothing if there is none.
pub(super) fn document(text: &[u8]) -> Result<Option<Rc<Node>>, Error> {
    if text.len() > limits::OUTPUT {
        return Err(Error::TooLarge);
    }
    if std::str::from_utf8(text).is_err() {
        return Err(Error::Syntax { line: 1, problem: "invalid UTF-8" });
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let open_line = text.rsplit(|byte| *byte == b'\n').next().filter(|line| !line.is_empty());
    let whole = Zeroizing::new([text, if open_line.is_some() { b"\n" } else { b"" }].concat());
    let mut input = whole.as_slice();
    let mut parser = Parser::new();
    parser.set_encoding(Encoding::Utf8);
    parser.set_input_string(&mut input);
    let mut composer = Composer { parser, anchors: HashMap::new(), size: whole.len(), open_line };
    loop {
        match composer.next()?.data {
            EventData::StreamEnd => return Ok(None),
            EventData::DocumentStart { .. } => break,
            _ => {}
        }
    }
    let first = composer.next()?;
    let root = composer.node(first, 0)?;
    composer.next()?;
    Ok(Some(root))
}

struct Composer<'r, 'b> {
    parser: Parser<&'r mut &'b [u8]>,
    /// By name; nothing for one whose value is not complete yet.
    anchors: HashMap<String, Option<Rc<Node>>>,
    /// Of what the parser reads.
    size: usize,
    /// The last line, where the text does not end it. The parser gets it ended, as it panics where a block scalar
    /// is not.
    open_line: Option<&'b [u8]>,
}

impl Composer<'_, '_> {
    fn next(&mut self) -> Result<Event, Error> {
        let broken = Error::Syntax { line: 1, problem: "the parser broke down" };
        // It panics where a tag touches a comma.
        catch_unwind(AssertUnwindSafe(|| self.parser.parse())).map_err(|_| broken)?.map_err(|error| {
            let line = error.problem_mark().or(error.context_mark()).map_or(0, |mark| mark.line);
            Error::Syntax { line: line + 1, problem: error.problem() }
        })
    }

    fn node(&mut self, event: Event, depth: usize) -> Result<Rc<Node>, Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        let line = event.start_mark.line + 1;
        let (anchor, kind) = match event.data {
            EventData::Alias { anchor } => {
                let node = self.anchors.get(&anchor).ok_or(Error::UnknownAnchor { line })?;
                (None, Kind::Alias(node.clone().ok_or(Error::EndlessAnchor { line })?))
            }
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let mut text = Zeroizing::new(value);
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && event.end_mark.index == self.size as u64 {
                    self.without_added_break(&mut text);
                }
                (anchor, Kind::Scalar { text, tag, plain: plain_implicit })
            }
            EventData::SequenceStart { anchor, .. } => {
                self.open(anchor.as_ref());
                (anchor, Kind::List(self.list(depth)?))
            }
            EventData::MappingStart { anchor, .. } => {
                self.open(anchor.as_ref());
                (anchor, Kind::Map(self.map(depth)?))
            }
            _ => return Err(Error::Syntax { line, problem: "did not find expected node content" }),
        };
        let node = Rc::new(Node { line, kind });
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(Rc::clone(&node)));
        }
        Ok(node)
    }

    /// Takes back, from the block scalar at the end, the line break that the text did not have.
    fn without_added_break(&self, text: &mut String) {
        let Some(line) = self.open_line else { return };
        // Where the line is empty but for its indentation, only a scalar that keeps empty lines has one more.
        let blank = line.iter().all(|byte| *byte == b' ');
        if !blank || text.ends_with("\n\n") || text == "\n" {
            text.truncate(text.strip_suffix('\n').map_or(text.len(), str::len));
        }
    }

    fn open(&mut self, anchor: Option<&String>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor.clone(), None);
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event { data: EventData::SequenceEnd, .. } => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                Event { data: EventData::MappingEnd, .. } => return Ok(entries),
                event => {
                    let key = self.node(event, depth + 1)?;
                    let value = self.next()?;
                    entries.push((key, self.node(value, depth + 1)?));
                }
            }
        }
    }
}
