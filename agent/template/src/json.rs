//! What Go's `encoding/json` makes of numbers and letters, for whoever writes JSON as it does.

/// Whether `<`, `>` and `&` are written as `\u003c` and so on, as Go does unless it is told not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// They are.
    Escaped,
    /// They stay as they are.
    Plain,
}

/// A float64: in plain decimals, but for very small and very large ones.
#[must_use]
pub fn number(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    if size < 1.0 { text } else { text.replace('e', "e+") }
}

/// What stands in a text for a letter that cannot stand there itself.
#[must_use]
pub fn escape(letter: char, html: Html) -> Option<String> {
    let short = match letter {
        '"' | '\\' => letter,
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        // JavaScript takes the last two for line breaks, so Go escapes them always.
        '\0'..' ' | '\u{2028}' | '\u{2029}' => return Some(code(letter)),
        '<' | '>' | '&' if html == Html::Escaped => return Some(code(letter)),
        _ => return None,
    };
    Some(format!("\\{short}"))
}

fn code(letter: char) -> String {
    format!("\\u{:04x}", u32::from(letter))
}
