//! Replacing matches, by the rules of Go's `Regexp.ReplaceAll` and `Regexp.Expand`.

use std::sync::LazyLock;

use regex::bytes::{Captures, Match, Regex};

/// Go's `unicode.IsLetter` and `unicode.IsNumber`, which Rust's classes are not.
static LETTER_OR_NUMBER: LazyLock<Regex> = LazyLock::new(|| constant(r"^[\p{L}\p{N}]$"));
/// What a `$` is followed by, if it is not itself: another one, or a group.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| constant(r"^(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))"));

#[expect(clippy::expect_used, reason = "the expressions are constants, and the tests use both")]
fn constant(expression: &str) -> Regex {
    Regex::new(expression).expect("a constant expression")
}

/// Is it a letter or number of any script, by Unicode's categories L and N?
#[must_use]
pub fn is_letter_or_number(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || (!character.is_ascii() && LETTER_OR_NUMBER.is_match(character.encode_utf8(&mut [0; 4]).as_bytes()))
}

/// Is a match between letters? Searching bytes, nothing is found within them too.
pub(crate) fn is_between(text: &[u8], found: Match<'_>) -> bool {
    !found.is_empty() || text.get(found.start()).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// What takes the place of each match.
pub(crate) struct Replacement<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Text(&'a [u8]),
    Group(usize),
}

impl<'a> Replacement<'a> {
    /// A text in which `$1`, `${1}`, `$name` and `${name}` stand for groups of the expression, or for nothing where it has
    /// no such group, and `$$` for a dollar sign.
    pub(crate) fn template(regex: &Regex, text: &'a [u8]) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            pieces.push(Piece::Text(&rest[..at]));
            rest = &rest[at + 1..];
            let Some(reference) = REFERENCE.captures(rest) else {
                pieces.push(Piece::Text(b"$"));
                continue;
            };
            match reference.get(1).or(reference.get(2)) {
                None => pieces.push(Piece::Text(b"$")),
                Some(name) => pieces.extend(group(regex, name.as_bytes()).map(Piece::Group)),
            }
            rest = &rest[reference.get_match().end()..];
        }
        pieces.push(Piece::Text(rest));
        Self(pieces)
    }

    /// A text that stands for itself.
    pub(crate) fn literal(text: &'a [u8]) -> Self {
        Self(vec![Piece::Text(text)])
    }

    /// Writes the text with its matches replaced, piece by piece.
    pub(crate) fn replace_all<E>(
        &self,
        regex: &Regex,
        text: &[u8],
        mut push: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut done = 0;
        for captures in regex.captures_iter(text) {
            let whole = captures.get_match();
            if !is_between(text, whole) {
                continue;
            }
            push(&text[done..whole.start()])?;
            self.0.iter().try_for_each(|piece| push(piece.of(&captures)))?;
            done = whole.end();
        }
        push(&text[done..])
    }
}

impl<'a> Piece<'a> {
    fn of(&self, captures: &Captures<'a>) -> &'a [u8] {
        match self {
            Self::Text(text) => text,
            Self::Group(number) => captures.get(*number).map_or(b"", |group| group.as_bytes()),
        }
    }
}

/// Which group a name means. One that is a number, without leading zeros, is never the name of a group.
fn group(regex: &Regex, name: &[u8]) -> Option<usize> {
    let name = std::str::from_utf8(name).ok()?;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number { name.parse().ok() } else { regex.capture_names().position(|known| known == Some(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_are_those_of_go() {
        for character in ['a', 'Z', '0', 'é', 'ß', '中', '½', 'Ⅷ', '²', 'ـ'] {
            assert!(is_letter_or_number(character), "{character}");
        }
        for character in ['-', ' ', 'Ⓐ', '\u{301}', '\u{903}', '€', '😀', '\n'] {
            assert!(!is_letter_or_number(character), "{character:?}");
        }
    }
}
