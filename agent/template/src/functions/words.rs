//! Functions that look at the words of a text: lines of a width, and the cases of identifiers as the Go package
//! huandu/xstrings changes them.

use super::Table;
use super::letters::{lower, upper};
use crate::Error;
use crate::draft::Draft;
use crate::run::Run;
use crate::value::{Text, Value};

pub(super) fn add(table: &mut Table) {
    table.add("wrap", |run: &Run<'_>, width: i64, text: Text| wrap(run, width, b"\n", false, &text));
    table.add("wrapWith", |run: &Run<'_>, width: i64, line_end: Text, text: Text| {
        let line_end = if line_end.is_empty() { b"\n" } else { &*line_end };
        wrap(run, width, line_end, true, &text)
    });
    table.add("camelcase", |text: Text| pascal(&text));
    table.add("snakecase", |text: Text| separated(&text, '_'));
    table.add("kebabcase", |text: Text| separated(&text, '-'));
}

/// `goutils.WrapCustom`
fn wrap(run: &Run<'_>, width: i64, line_end: &[u8], splits_words: bool, text: &Text) -> Result<Value, Error> {
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let mut draft = Draft::new(run);
    let mut rest: &[u8] = text;
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let space = |part: &[u8]| part.iter().rposition(|byte| *byte == b' ');
        let (end, next) = if let Some(space) = space(&rest[..=width]) {
            (space, space + 1)
        } else if splits_words {
            (width, width)
        } else if let Some(space) = rest[width..].iter().position(|byte| *byte == b' ') {
            (width + space, width + space + 1)
        } else {
            break;
        };
        draft.push(&rest[..end])?;
        draft.push(line_end)?;
        rest = &rest[next..];
    }
    draft.push(rest)?;
    Ok(draft.value())
}

fn is_connector(letter: char) -> bool {
    matches!(letter, '-' | '_') || letter.is_whitespace()
}

/// `xstrings.ToPascalCase`
fn pascal(text: &Text) -> String {
    let letters: Vec<char> = text.chars().collect();
    let start = letters.iter().take_while(|letter| is_connector(**letter)).count();
    let mut out: String = letters[..start].iter().collect();
    let Some((first, rest)) = letters[start..].split_first() else {
        // The last of nothing but connectors is written twice.
        out.extend(letters.last());
        return out;
    };
    let mut after_upper = first.is_uppercase();
    let mut before = upper(*first);
    for letter in rest {
        let mut letter = *letter;
        match (is_connector(letter), is_connector(before)) {
            (true, true) => out.push(before),
            (_, true) => {
                after_upper = letter.is_uppercase();
                letter = upper(letter);
            }
            (_, false) => {
                if after_upper && letter.is_uppercase() {
                    letter = lower(letter);
                } else {
                    after_upper = false;
                }
                out.push(before);
            }
        }
        before = letter;
    }
    out.push(before);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Number,
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

/// Takes the next word off.
fn next_word(rest: &mut &[char]) -> (Kind, String) {
    let kind_of = |letter: char| match letter {
        _ if is_connector(letter) => Kind::Connector,
        _ if crate::format::is_punctuation(letter) => Kind::Punctuation,
        _ if letter.is_uppercase() => Kind::Upper,
        _ if letter.is_alphabetic() => Kind::Letters,
        _ if letter.is_numeric() => Kind::Number,
        _ => Kind::Other,
    };
    let Some(first) = rest.first() else { return (Kind::Nothing, String::new()) };
    let kind = kind_of(*first);
    let run =
        |from: usize, kind: Kind| from + rest[from..].iter().take_while(|letter| kind_of(**letter) == kind).count();
    let length = match kind {
        Kind::Upper => match run(0, Kind::Upper) {
            1 => run(1, Kind::Letters),
            // Of HTTPStatus, the S belongs to the next word.
            upper if rest.get(upper).is_some_and(|next| kind_of(*next) == Kind::Letters) => upper - 1,
            upper => upper,
        },
        kind => run(0, kind),
    };
    let (word, after) = rest.split_at(length);
    *rest = after;
    (kind, word.iter().collect())
}

/// `xstrings.ToSnakeCase`, `xstrings.ToKebabCase`
fn separated(text: &Text, connector: char) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut rest: &[char] = &letters;
    let mut out = String::new();
    let push = |out: &mut String, kind: Kind, word: &str| match kind {
        Kind::Upper | Kind::Connector => {
            out.extend(word.chars().map(|letter| if is_connector(letter) { connector } else { lower(letter) }));
        }
        _ => out.push_str(word),
    };
    let joins = |kind: Kind| matches!(kind, Kind::Letters | Kind::Number);
    let parts = |kind: Kind| !matches!(kind, Kind::Connector | Kind::Punctuation);
    let (mut kind, mut word) = next_word(&mut rest);
    while !rest.is_empty() {
        if kind != Kind::Connector {
            push(&mut out, kind, &word);
        }
        let (kind_before, word_before) = (kind, word);
        (kind, word) = next_word(&mut rest);
        match kind_before {
            Kind::Connector => push(&mut out, kind_before, &word_before),
            Kind::Punctuation => {}
            Kind::Number => {
                while joins(kind) {
                    push(&mut out, kind, &word);
                    (kind, word) = next_word(&mut rest);
                }
                if kind != Kind::Nothing && parts(kind) {
                    out.push(connector);
                }
            }
            _ if kind != Kind::Number => {
                if parts(kind) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word) = next_word(&mut rest);
                if kind == Kind::Letters {
                    // Letters after the number belong to it: HTTP2xx is http_2xx.
                    out.push(connector);
                    push(&mut out, Kind::Number, &number);
                    while joins(kind) {
                        push(&mut out, kind, &word);
                        (kind, word) = next_word(&mut rest);
                    }
                    if kind != Kind::Nothing && parts(kind) {
                        out.push(connector);
                    }
                } else {
                    push(&mut out, Kind::Number, &number);
                    if parts(kind) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    push(&mut out, kind, &word);
    out
}
