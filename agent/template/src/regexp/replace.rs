//! Replacing what an expression matches, by the rules of Go's `Regexp.ReplaceAll` and `Regexp.Expand`.

use std::sync::LazyLock;

use regex::bytes::{Match, Regex};

/// What a `$` is followed by, if it is not itself: another one, or a group.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the expression is a constant, and the tests use it")]
    Regex::new(r"^(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))").expect("a constant expression")
});

/// What matches are replaced by.
pub(crate) struct Replacement<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Text(&'a [u8]),
    Group(usize),
}

impl<'a> Replacement<'a> {
    /// `$1`, `${1}`, `$name` and `${name}` stand for groups, or for nothing where there is no such group; `$$` for a `$`.
    pub fn expanded(regex: &Regex, text: &'a [u8]) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            pieces.push(Piece::Text(&rest[..at]));
            rest = &rest[at + 1..];
            let Some(reference) = REFERENCE.captures(rest) else {
                pieces.push(Piece::Text(b"$"));
                continue;
            };
            pieces.push(match reference.get(1).or(reference.get(2)) {
                None => Piece::Text(b"$"),
                Some(name) => group(regex, name.as_bytes()).map_or(Piece::Text(b""), Piece::Group),
            });
            rest = &rest[reference.get_match().end()..];
        }
        pieces.push(Piece::Text(rest));
        Self(pieces)
    }

    /// Every byte for itself.
    pub fn literal(text: &'a [u8]) -> Self {
        Self(vec![Piece::Text(text)])
    }

    /// Gives `push` the text part by part, each match replaced; `again` learns how many bytes the search for the next
    /// match may look through.
    pub fn apply<E>(
        &self,
        regex: &Regex,
        text: &[u8],
        mut again: impl FnMut(usize) -> Result<(), E>,
        mut push: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut done = 0;
        for captures in regex.captures_iter(text) {
            again(text.len() - captures.get_match().end())?;
            if !is_between(text, captures.get_match()) {
                continue;
            }
            push(&text[done..captures.get_match().start()])?;
            done = captures.get_match().end();
            for piece in &self.0 {
                match piece {
                    Piece::Text(text) => push(text)?,
                    Piece::Group(number) => captures.get(*number).map_or(Ok(()), |group| push(group.as_bytes()))?,
                }
            }
        }
        push(&text[done..])
    }
}

/// Is a match between letters? Searching bytes, nothing is found within them too.
pub(crate) fn is_between(text: &[u8], found: Match<'_>) -> bool {
    !found.is_empty() || text.get(found.start()).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// Which group a name means. One that is a number, without leading zeros, is never the name of a group.
fn group(regex: &Regex, name: &[u8]) -> Option<usize> {
    let name = std::str::from_utf8(name).ok()?;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number { name.parse().ok() } else { regex.capture_names().position(|known| known == Some(name)) }
}
