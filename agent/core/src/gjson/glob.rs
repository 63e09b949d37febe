//! Wildcards: `*` for any letters, `?` for one, `\` before a letter that stands for itself.

use super::budget::{Budget, Exhausted};

/// Does a text match a pattern as a whole?
pub(super) fn matches(budget: &Budget<'_>, text: &[u8], pattern: &[u8]) -> Result<bool, Exhausted> {
    budget.spend((text.len() + 1).saturating_mul(pattern.len() + 1))?;
    let (mut at, mut next) = (0, 0);
    // Where to go on when the last star has to take one letter more.
    let mut star = None;
    while at < text.len() {
        match pattern.get(next) {
            Some(b'*') => {
                star = Some((next + 1, at));
                next += 1;
            }
            Some(b'?') => {
                at += width(text, at);
                next += 1;
            }
            Some(letter) => {
                let (letter, length) = if *letter == b'\\' { (pattern.get(next + 1), 2) } else { (Some(letter), 1) };
                if letter == Some(&text[at]) {
                    at += 1;
                    next += length;
                } else {
                    let Some((after, taken)) = star else { return Ok(false) };
                    at = taken + width(text, taken);
                    (star, next) = (Some((after, at)), after);
                }
            }
            None => {
                let Some((after, taken)) = star else { return Ok(false) };
                at = taken + width(text, taken);
                (star, next) = (Some((after, at)), after);
            }
        }
    }
    Ok(pattern[next..].iter().all(|byte| *byte == b'*'))
}

/// Bytes of the letter here.
fn width(text: &[u8], at: usize) -> usize {
    let length = match text[at] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let whole = text.get(at..at + length).is_some_and(|letter| std::str::from_utf8(letter).is_ok());
    if whole { length } else { 1 }
}
