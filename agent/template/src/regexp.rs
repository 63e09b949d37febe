//! Regular expressions as Go reads them: what a manifest says means the same here as in ESO.
//!
//! The syntax of the `regex` crate is Go's but for corners: Go's `\d`, `\w` and `\s` are ASCII, it knows `\Q…\E` and octal
//! escapes, takes a brace that counts nothing literally, and has no arithmetic inside of brackets; its words are ASCII's,
//! so `\b` is. Those are rewritten.
//!
//! Expressions come from manifests: what one may take to compile, and to search again after each match, is bounded.

mod known;
pub(crate) mod replace;

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use crate::{Env, Error};
use replace::Replacement;

/// Compiled sizes, in bytes. An expression is compiled as small as it can be, because a search may take as long as it is
/// large for each byte; what needs more than the last is refused. (`.{1,200}` has 200 KiB.)
pub(crate) const SIZES: [usize; 3] = [4 << 10, 32 << 10, 256 << 10];
/// Bytes of the longest expression.
const LONGEST: usize = 32 << 10;
/// Classes of Unicode in one. Each may have ten thousand bytes before anything is compiled, so that its compiled size
/// would be looked at too late.
const CLASSES: usize = 64;

/// A compiled expression. It is not anchored. Two are equal if they are written alike; as long as one is in use, others
/// that are written alike cost nothing.
#[derive(Clone, Debug)]
pub struct Regexp {
    is: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    source: String,
    regex: Regex,
    size: usize,
}

/// What is wrong with an expression, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It compiles to more than is accepted.
    #[error("it is too large")]
    TooLarge,
    /// It is none.
    #[error("{0}")]
    Syntax(String),
}

impl Regexp {
    /// Compiles an expression of Go's.
    pub fn parse(source: &str) -> Result<Self, Malformed> {
        known::or_compiled(false, source, || Self::smallest(source))
    }

    /// Compiles one that matches texts as a whole.
    pub fn whole(source: &str) -> Result<Self, Malformed> {
        known::or_compiled(true, source, || {
            // Alone first: `a)|(b` becomes valid, and means something else, once it stands between our brackets.
            Self::smallest(source)?;
            Self::smallest(&format!("^(?:{source})$"))
        })
    }

    /// As small as it can be.
    fn smallest(source: &str) -> Result<Self, Malformed> {
        for size in SIZES {
            match Self::compile(source, size) {
                Err(Malformed::TooLarge) => {}
                regex => return Ok(Self { is: Arc::new(Compiled { source: source.to_owned(), regex: regex?, size }) }),
            }
        }
        Err(Malformed::TooLarge)
    }

    /// What a byte counts that is searched for it (see [`crate::limits::READ`]).
    #[must_use]
    pub fn cost(&self) -> usize {
        cost(self.is.size)
    }

    /// How many bytes it takes at most.
    #[must_use]
    pub fn size(&self) -> usize {
        self.is.size
    }

    /// The same for searching bytes, up to a compiled size.
    pub(crate) fn compile(source: &str, size: usize) -> Result<Regex, Malformed> {
        if source.len() > LONGEST || source.matches("\\p").count() + source.matches("\\P").count() > CLASSES {
            return Err(Malformed::TooLarge);
        }
        match RegexBuilder::new(&translate(source)?).size_limit(size).build() {
            Ok(compiled) => Ok(compiled),
            Err(regex::Error::CompiledTooBig(_)) => Err(Malformed::TooLarge),
            Err(error) => {
                // The last line says what; those above draw where, in our spelling of it.
                let text = error.to_string();
                let line = text.lines().last().unwrap_or_default();
                Err(Malformed::Syntax(line.trim_start_matches("error: ").to_owned()))
            }
        }
    }

    /// Does it match anywhere in a text?
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.is.regex.is_match(text.as_bytes())
    }

    /// The text with each match replaced, as Go's `ReplaceAllString` does: in `replacement`, `$1`, `${1}`, `$name` and
    /// `${name}` stand for groups, or for nothing where there is no such group. `None` if it gets longer than `longest`.
    /// What is looked through again after a match counts.
    pub fn replace_all(
        &self,
        text: &str,
        replacement: &str,
        longest: usize,
        env: &Env,
    ) -> Result<Option<String>, Error> {
        let (text, mut out) = (text.as_bytes(), Vec::new());
        let again = |bytes| env.read(again(bytes, self.cost()));
        let push = |part: &[u8]| {
            out.extend_from_slice(part);
            if out.len() > longest { Err(Error::OutputTooLarge) } else { Ok(()) }
        };
        let replacement = Replacement::expanded(&self.is.regex, replacement.as_bytes());
        match replacement.apply(&self.is.regex, text, again, push) {
            Err(Error::OutputTooLarge) => Ok(None),
            Err(other) => Err(other),
            Ok(()) => Ok(String::from_utf8(out).ok()),
        }
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.is.source
    }
}

/// What a byte counts that is searched for an expression of a compiled size.
pub(crate) fn cost(size: usize) -> usize {
    size / 16
}

/// What the search for the next match counts, which may look through all that is left of a text, whatever it finds:
/// `.*[^A-Z]|[A-Z]` does in `AAAA`. Most searches end early, and those that do not are of the fast kind.
pub(crate) fn again(bytes: usize, cost: usize) -> usize {
    bytes.saturating_mul(cost) / 64
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        self.is.source == other.is.source
    }
}

impl Eq for Regexp {}

impl Hash for Regexp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is.source.hash(state);
    }
}

impl PartialOrd for Regexp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Regexp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.is.source.cmp(&other.is.source)
    }
}

/// The same expression in the syntax of the `regex` crate. What neither knows is left for the crate to refuse.
fn translate(source: &str) -> Result<String, Malformed> {
    let mut rest = source;
    let mut out = String::with_capacity(source.len());
    while let Some(next) = rest.chars().next() {
        rest = match next {
            '\\' if rest.starts_with("\\Q") => quoted(&rest[2..], &mut out),
            '\\' => escape(rest, &mut out),
            '[' => class(rest, &mut out),
            '{' => brace(rest, &mut out),
            '(' => group(rest, &mut out)?,
            _ => copy(rest, next.len_utf8(), &mut out),
        };
    }
    Ok(out)
}

fn copy<'a>(text: &'a str, length: usize, out: &mut String) -> &'a str {
    let (taken, rest) = text.split_at(length);
    out.push_str(taken);
    rest
}

/// `\Q…\E`, whose end may be missing; begins after the `\Q`.
fn quoted<'a>(text: &'a str, out: &mut String) -> &'a str {
    let (literal, rest) = text.split_once("\\E").unwrap_or((text, ""));
    out.push_str(&regex::escape(literal));
    rest
}

/// An escape, in or out of brackets; begins at the backslash.
fn escape<'a>(text: &'a str, out: &mut String) -> &'a str {
    let after = &text[1..];
    let Some(next) = after.chars().next() else { return copy(text, 1, out) };
    let set = match next {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        'b' => r"(?-u:\b)",
        'B' => r"(?-u:\B)",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        '<' => "<",
        '>' => ">",
        'p' | 'P' | 'x' if after[1..].starts_with('{') => {
            let end = after.find('}').map_or(after.len(), |end| end + 1);
            return copy(text, 1 + end, out);
        }
        '0'..='7' => return octal(text, out),
        _ => return copy(text, 1 + next.len_utf8(), out),
    };
    out.push_str(set);
    &after[1..]
}

/// `\0`, `\123`. A single digit other than 0 refers back, which neither syntax knows.
fn octal<'a>(text: &'a str, out: &mut String) -> &'a str {
    let digits = text[1..].bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let (number, rest) = text[1..].split_at(digits);
    match u32::from_str_radix(number, 8) {
        Ok(code) if digits > 1 || code == 0 => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{{{code:x}}}");
            rest
        }
        _ => copy(text, 2, out),
    }
}

/// `{2}`, `{2,}`, `{2,3}`; any other brace stands for itself.
fn brace<'a>(text: &'a str, out: &mut String) -> &'a str {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let counts = |inner: &str| match inner.split_once(',') {
        None => !inner.is_empty() && number(inner),
        Some((least, most)) => !least.is_empty() && number(least) && number(most),
    };
    match text.find('}') {
        Some(end) if counts(&text[1..end]) => copy(text, end + 1, out),
        _ => {
            out.push('\\');
            copy(text, 1, out)
        }
    }
}

/// An opening parenthesis, with its flags if it has some: the crate knows more of them than Go.
fn group<'a>(text: &'a str, out: &mut String) -> Result<&'a str, Malformed> {
    let Some(inside) = text.strip_prefix("(?") else { return Ok(copy(text, 1, out)) };
    let named = inside.starts_with("P<") || inside.starts_with('<');
    let flags = inside.find([':', ')']).map_or(inside, |end| &inside[..end]);
    if !named && flags.chars().any(|flag| !"imsU-".contains(flag)) {
        return Err(Malformed::Syntax(format!("unknown flags \"(?{flags}\"")));
    }
    Ok(copy(text, 2, out))
}

/// Brackets. Between them `[`, `&` and `~` are plain characters.
fn class<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut rest = copy(text, if text.starts_with("[^") { 2 } else { 1 }, out);
    let mut first = true;
    while !rest.is_empty() && (first || !rest.starts_with(']')) {
        first = false;
        rest = match rest.find(":]") {
            Some(end) if rest.starts_with("[:") => copy(rest, end + 2, out),
            _ => range(rest, out),
        };
    }
    if rest.is_empty() { rest } else { copy(rest, 1, out) }
}

/// One character between brackets, or two and what lies between them.
fn range<'a>(text: &'a str, out: &mut String) -> &'a str {
    let rest = character(text, out);
    match rest.strip_prefix('-') {
        Some(to) if !to.is_empty() && !to.starts_with(']') => {
            out.push('-');
            character(to, out)
        }
        _ => rest,
    }
}

fn character<'a>(text: &'a str, out: &mut String) -> &'a str {
    if text.starts_with("\\b") || text.starts_with("\\B") {
        // Neither syntax knows it here.
        return copy(text, 2, out);
    }
    if text.starts_with('\\') {
        return escape(text, out);
    }
    let length = text.chars().next().map_or(0, char::len_utf8);
    out.push_str(&regex::escape(&text[..length]));
    &text[length..]
}

#[cfg(test)]
mod tests;
