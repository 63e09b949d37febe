//! Texts quoted as Go's strconv.Quote does.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;
use zeroize::Zeroizing;

use crate::value::Text;

/// `strconv.Quote`; with `ascii`, everything else is escaped.
pub(crate) fn quote(text: &Text, ascii: bool) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(String::with_capacity(text.len() + 2));
    quoted.push('"');
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push(&mut quoted, letter, '"', ascii);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

/// `strconv.QuoteRune`
pub(super) fn character(letter: char, ascii: bool) -> String {
    let mut quoted = "'".to_owned();
    push(&mut quoted, letter, '\'', ascii);
    quoted + "'"
}

/// `strconv.CanBackquote`
pub(super) fn can_backquote(text: &Text) -> bool {
    text.utf8().is_some_and(|text| {
        text.chars().all(|letter| letter == '\t' || letter >= ' ' && !matches!(letter, '`' | '\x7f' | '\u{feff}'))
    })
}

fn push(quoted: &mut String, letter: char, mark: char, ascii: bool) {
    let short = match letter {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        _ if letter == mark => mark,
        _ if is_print(letter) && (!ascii || letter.is_ascii()) => {
            quoted.push(letter);
            return;
        }
        _ => {
            let code = u32::from(letter);
            let _ = match code {
                0..0x80 => write!(quoted, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
            return;
        }
    };
    quoted.extend(['\\', short]);
}

/// Letters, marks, numbers, punctuation, symbols and the space.
pub(crate) fn is_print(letter: char) -> bool {
    static PRINT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$").ok());
    if letter.is_ascii() { matches!(letter, ' '..='~') } else { is_in(PRINT.as_ref(), letter) }
}

/// `unicode.IsPunct`
pub(crate) fn is_punctuation(letter: char) -> bool {
    static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{P}$").ok());
    is_in(PUNCTUATION.as_ref(), letter)
}

fn is_in(class: Option<&Regex>, letter: char) -> bool {
    class.is_some_and(|class| class.is_match(letter.encode_utf8(&mut [0; 4])))
}
