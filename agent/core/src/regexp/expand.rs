//! Replacing matches, by the rules of Go's `Regexp.Expand`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

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
        || (!character.is_ascii() && LETTER_OR_NUMBER.is_match(character.encode_utf8(&mut [0; 4])))
}

/// A piece of a replacement.
enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

pub(super) fn replace_all(regex: &Regex, text: &str, replacement: &str, longest: usize) -> Option<String> {
    let pieces = pieces(regex, replacement);
    let (mut out, mut end) = (String::new(), 0);
    for captures in regex.captures_iter(text) {
        let matched = captures.get_match();
        out.push_str(&text[end..matched.start()]);
        end = matched.end();
        for piece in &pieces {
            out.push_str(part(piece, &captures));
            if out.len() > longest {
                return None;
            }
        }
    }
    out.push_str(&text[end..]);
    (out.len() <= longest).then_some(out)
}

fn part<'a>(piece: &Piece<'a>, captures: &Captures<'a>) -> &'a str {
    match piece {
        Piece::Text(text) => text,
        Piece::Group(number) => captures.get(*number).map_or("", |group| group.as_str()),
    }
}

fn pieces<'a>(regex: &Regex, replacement: &'a str) -> Vec<Piece<'a>> {
    let (mut pieces, mut rest) = (Vec::new(), replacement);
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Text(before));
        let Some(reference) = REFERENCE.captures(after) else {
            pieces.push(Piece::Text("$"));
            rest = after;
            continue;
        };
        pieces.push(match reference.get(1).or(reference.get(2)) {
            None => Piece::Text("$"),
            Some(name) => group(regex, name.as_str()).map_or(Piece::Text(""), Piece::Group),
        });
        rest = &after[reference.get_match().end()..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Which group a name means. One that is a number, without leading zeros, is never the name of a group.
fn group(regex: &Regex, name: &str) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number { name.parse().ok() } else { regex.capture_names().position(|known| known == Some(name)) }
}

#[cfg(test)]
mod tests {
    use super::super::Regexp;
    use super::*;

    /// Computed with Go's regexp (`tests/vectors/rewrite.go`).
    #[test]
    fn every_replacement_gives_what_go_gives() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/rewrite.json")).expect("vectors");
        let vectors = vectors.as_array().expect("a list");
        assert!(vectors.len() > 60);
        for vector in vectors {
            let field = |name: &str| vector[name].as_str().expect(name);
            let regexp = Regexp::parse(field("source")).expect("valid");
            let replaced = regexp.replace_all(field("text"), field("target"), usize::MAX).expect("short");
            assert_eq!(replaced, field("result"), "{vector}");
        }
    }

    #[test]
    fn what_gets_too_long_is_not_made() {
        let regexp = Regexp::parse("").expect("valid");
        let text = "x".repeat(60_000);
        assert_eq!(regexp.replace_all(&text, &"y".repeat(60_000), 100_000), None);
        assert_eq!(regexp.replace_all("ab", "-", 5).as_deref(), Some("-a-b-"));
        assert_eq!(regexp.replace_all("ab", "-", 4), None);
    }

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
