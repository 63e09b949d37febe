//! Do blocks and their ends match?
//!
//! The engine's parser lets a block stay open and takes a stray `end` for the end of the text, which would write half a
//! Secret. Go refuses both, so this looks first.

use crate::Error;

/// Refuses a template whose blocks are not closed, or closed once too often.
pub(crate) fn check(text: &str) -> Result<(), Error> {
    // For each open block: did its last `else` come already?
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut at = 0;
    while let Some(action) = next_action(text, at) {
        let (word, rest) = first_word(action.body);
        match (word, open.last_mut()) {
            ("if" | "range" | "with" | "define" | "block", _) => open.push((action.start, false)),
            ("end", Some(_)) if is_blank(rest) => drop(open.pop()),
            ("else", Some((_, ended @ false))) => *ended = is_blank(rest),
            ("else", Some((_, true))) => return Err(problem(text, action.start, "a second {{else}}")),
            ("else" | "end", None) => return Err(problem(text, action.start, &format!("unexpected {{{{{word}}}}}"))),
            _ => {}
        }
        at = action.end;
    }
    match open.pop() {
        None => Ok(()),
        Some((start, _)) => Err(problem(text, start, "this block is not closed by {{end}}")),
    }
}

struct Action<'a> {
    /// Where it starts and ends in the text, delimiters included.
    start: usize,
    end: usize,
    /// What is between the delimiters and trim markers; nothing for a comment.
    body: &'a str,
}

/// The next action from `from` on. One that does not end is left to the parser to complain about.
fn next_action(text: &str, from: usize) -> Option<Action<'_>> {
    let start = from + text.get(from..)?.find("{{")?;
    let inside = start + 2;
    let rest = &text[inside..];
    let body = match rest.strip_prefix('-') {
        Some(trimmed) if trimmed.starts_with(is_space) => trimmed.trim_start_matches(is_space),
        _ => rest,
    };
    if let Some(comment) = body.strip_prefix("/*") {
        let comment_end = text.len() - comment.len() + comment.find("*/")?;
        let end = comment_end + text[comment_end..].find("}}")? + 2;
        return Some(Action { start, end, body: "" });
    }
    let close = closing(body)?;
    let end = text.len() - body.len() + close + 2;
    Some(Action { start, end, body: &body[..close] })
}

/// Where the closing delimiter is: the first one that is not in a quoted text.
fn closing(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let (mut at, mut quote) = (0, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (None, byte @ (b'"' | b'\'' | b'`')) => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The word that an action starts with, and what follows.
fn first_word(body: &str) -> (&str, &str) {
    let body = body.trim_start_matches(is_space);
    let end = body.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(body.len());
    body.split_at(end)
}

/// Nothing, or the trim marker.
fn is_blank(rest: &str) -> bool {
    let rest = rest.trim_matches(is_space);
    rest.is_empty() || rest == "-"
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

fn problem(text: &str, at: usize, problem: &str) -> Error {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Error::Syntax {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem: problem.to_owned(),
    }
}
