//! Steps into arrays: an index, `#` for their length, `#.path` for each item, `#(query)` for those that match.

use super::budget::Exhausted;
use super::query::Query;
use super::scan::{self, Next};
use super::step::Rest;
use super::value::{Kind, Value};
use super::{Search, find, multipath};

struct ArrayStep<'p> {
    part: &'p [u8],
    /// Has the step a `#`? Then it is no index.
    counts: bool,
    /// A path into each item.
    each: Option<&'p [u8]>,
    query: Option<Query<'p>>,
    rest: Rest<'p>,
}

impl<'p> ArrayStep<'p> {
    fn parse(path: &'p [u8]) -> Self {
        let mut step = Self { part: path, counts: false, each: None, query: None, rest: Rest::End };
        let mut at = 0;
        while let Some(byte) = path.get(at) {
            match byte {
                b'|' => {
                    (step.part, step.rest) = (&path[..at], Rest::Pipe(&path[at + 1..]));
                    break;
                }
                b'.' => {
                    let rest = &path[at + 1..];
                    step.rest = if step.counts { Rest::More(rest) } else { Rest::after_dot(rest) };
                    step.part = &path[..at];
                    break;
                }
                b'#' => {
                    step.counts = true;
                    match path.get(1) {
                        Some(b'.') if at == 0 => step.each = Some(&path[2..]),
                        Some(b'(' | b'[') if at == 0 => {
                            let Some((query, end)) = Query::parse(path) else {
                                // Go on as with a query that asks for nothing.
                                step.query = Some(Query::default());
                                break;
                            };
                            step.query = Some(query);
                            at = end;
                            continue;
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
            at += 1;
        }
        step
    }

    fn index(&self) -> Option<usize> {
        let digits = std::str::from_utf8(self.part).ok().filter(|_| !self.counts)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    }
}

impl<'s, 't> Search<'s, 't> {
    /// Searches the items of an array; the end of the text is its end too. Returns whether that ends the search.
    pub(super) fn array(&mut self, text: &'t [u8], path: &'s [u8]) -> Result<bool, Exhausted> {
        let step = ArrayStep::parse(path);
        if let Rest::Pipe(pipe) = step.rest {
            self.pipe = Some(pipe);
        }
        let index = step.index();
        let (mut at, mut count, mut items) = (0, 0, Vec::new());
        let mut matching = None;
        loop {
            let (value, end) = match scan::value(text, at, true) {
                Next::Value(value, end) => (value, end),
                Next::End => break,
                Next::Broken => return Ok(false),
            };
            at = end;
            if let Some(query) = &step.query {
                if self.asked(query, step.rest, value, &mut matching)? {
                    return Ok(true);
                }
            } else if step.each.is_some() {
                items.push(value);
            } else if index == Some(count) && self.at(value, step.rest)? {
                return Ok(true);
            }
            count += 1;
        }
        if step.part == b"#" {
            self.value = match step.each {
                Some(each) => self.each(&items, each)?,
                None => Value::new(Kind::Number, count.to_string().into_bytes()),
            };
            return Ok(true);
        }
        if !self.value.exists() && step.query.is_some_and(|query| query.all) {
            let mut list = matching.unwrap_or_else(|| vec![b'[']);
            list.push(b']');
            self.value = Value::new(Kind::Json, list);
        }
        Ok(false)
    }

    /// `#.path`: what is at a path in each item that has it.
    fn each(&mut self, items: &[Value<'t>], path: &'s [u8]) -> Result<Value<'t>, Exhausted> {
        let (path, pipe) = multipath::split_pipe(path);
        self.pipe = pipe.or(self.pipe);
        let mut list = vec![b'['];
        for item in items {
            let found = find(self.budget, item.raw(), path)?;
            if found.exists() {
                self.budget.make(found.raw().len())?;
                push(&mut list, &found);
            }
        }
        list.push(b']');
        Ok(Value::new(Kind::Json, list))
    }

    /// `#(query)` about one item. Returns whether that ends the search. `matching` is what `#(query)#` has collected.
    fn asked(
        &mut self,
        query: &Query<'_>,
        rest: Rest<'s>,
        item: Value<'t>,
        matching: &mut Option<Vec<u8>>,
    ) -> Result<bool, Exhausted> {
        if !query.matches(self.budget, &item)? {
            return Ok(false);
        }
        let found = match rest {
            Rest::More(rest) => {
                let (path, pipe) = multipath::split_pipe(rest);
                self.pipe = pipe.or(self.pipe);
                super::within(self.budget, item.into_raw(), path)?
            }
            Rest::Pipe(_) | Rest::End => item,
        };
        if !query.all {
            self.value = found;
            return Ok(true);
        }
        let list = matching.get_or_insert_with(|| vec![b'[']);
        if !found.raw().is_empty() {
            self.budget.make(found.raw().len())?;
            push(list, &found);
        }
        Ok(false)
    }
}

fn push(list: &mut Vec<u8>, value: &Value<'_>) {
    if list.len() > 1 {
        list.push(b',');
    }
    list.extend_from_slice(value.raw());
}
