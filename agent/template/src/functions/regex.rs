//! Regular expressions. A function and its `must` form both fail on an expression that is none, but for `regexMatch`,
//! which finds nothing then.

use regex::bytes::{Captures, Match, Regex};

use super::{Table, split};
use crate::Error;
use crate::draft::Draft;
use crate::run::Run;
use crate::value::{List, Of, Text, Value};

pub(super) fn add(table: &mut Table) {
    table.add("regexMatch", |run: &Run<'_>, regex: Text, text: Text| match matches(run, &regex, &text) {
        Err(Error::Failed(_)) => Ok(false),
        other => other,
    });
    table.add("mustRegexMatch", |run: &Run<'_>, regex: Text, text: Text| matches(run, &regex, &text));
    for name in ["regexFind", "mustRegexFind"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text| {
            let regex = run.regex(&regex, &text)?;
            let found = regex.find_iter(&text).find(|found| is_between(&text, *found));
            Ok(found.map_or_else(Vec::new, |found| found.as_bytes().to_vec()))
        });
    }
    for name in ["regexFindAll", "mustRegexFindAll"] {
        table.add(name, find_all);
    }
    for name in ["regexReplaceAll", "mustRegexReplaceAll"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text, new: Text| {
            replace_all(run, &regex, &text, |draft, found| expand(draft, &new, found))
        });
    }
    for name in ["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text, new: Text| {
            replace_all(run, &regex, &text, |draft, _| draft.push(&new))
        });
    }
    for name in ["regexSplit", "mustRegexSplit"] {
        table.add(name, regex_split);
    }
    table.add("regexQuoteMeta", |text: Text| {
        let special = |byte: &u8| br"\.+*?()|[]{}^$".contains(byte);
        text.iter().flat_map(|byte| special(byte).then_some(b'\\').into_iter().chain([*byte])).collect::<Vec<u8>>()
    });
}

fn matches(run: &Run<'_>, regex: &Text, text: &Text) -> Result<bool, Error> {
    Ok(run.regex(regex, text)?.is_match(text))
}

/// Is a match between letters? Searching bytes, nothing is found within them too.
fn is_between(text: &[u8], found: Match<'_>) -> bool {
    !found.is_empty() || text.get(found.start()).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// As many matches as there are, or so many.
fn find_all(run: &Run<'_>, regex: Text, text: Text, most: i64) -> Result<List, Error> {
    let regex = run.regex(&regex, &text)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let found = regex.find_iter(&text).filter(|found| is_between(&text, *found)).take(most);
    let found: Vec<_> = found.map(|found| found.as_bytes()).collect();
    if found.is_empty() { Ok(List::nil(Of::Text)) } else { split::list(run, found) }
}

fn replace_all(
    run: &Run<'_>,
    regex: &Text,
    text: &Text,
    push: impl Fn(&mut Draft<'_, '_>, &Found<'_>) -> Result<(), Error>,
) -> Result<Value, Error> {
    let regex = run.regex(regex, text)?;
    let mut draft = Draft::new(run);
    let mut done = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0).filter(|whole| is_between(text, *whole)) else { continue };
        draft.push(&text[done..whole.start()])?;
        push(&mut draft, &Found { regex: &regex, captures })?;
        done = whole.end();
    }
    draft.push(&text[done..])?;
    Ok(draft.value())
}

/// A match with the groups of its expression.
struct Found<'t> {
    regex: &'t Regex,
    captures: Captures<'t>,
}

impl Found<'_> {
    /// What a group matched: nothing if it took no part or is not there.
    fn group(&self, name: &str) -> &[u8] {
        let number = if name.bytes().all(|byte| byte.is_ascii_digit()) {
            name.parse().ok()
        } else {
            // Of groups with one name, the last that took part.
            let names = self.regex.capture_names().enumerate();
            names
                .filter(|(number, known)| *known == Some(name) && self.captures.get(*number).is_some())
                .last()
                .map(|(number, _)| number)
        };
        number.and_then(|number| self.captures.get(number)).map(|found| found.as_bytes()).unwrap_or_default()
    }
}

/// `Regexp.Expand`: `$1`, `$name`, `${name}` and `$$`.
fn expand(draft: &mut Draft<'_, '_>, new: &[u8], found: &Found<'_>) -> Result<(), Error> {
    let mut rest = new;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        draft.push(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(b"$") {
            draft.push(b"$")?;
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            draft.push(found.group(name))?;
            rest = after;
        } else {
            draft.push(b"$")?;
        }
    }
    draft.push(rest)
}

/// The name that follows a dollar sign, and what comes after it.
fn group_name(text: &[u8]) -> Option<(&str, &[u8])> {
    let braced = text.strip_prefix(b"{");
    let inside = braced.unwrap_or(text);
    let inside = match std::str::from_utf8(inside) {
        Ok(inside) => inside,
        Err(error) => std::str::from_utf8(&inside[..error.valid_up_to()]).unwrap_or_default(),
    };
    let end = inside.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(inside.len());
    let (name, brace) = (&inside[..end], usize::from(braced.is_some()));
    if name.is_empty() || braced.is_some() && !inside[end..].starts_with('}') {
        return None;
    }
    Some((name, &text[brace + end + brace..]))
}

/// `Regexp.Split`
fn regex_split(run: &Run<'_>, regex: Text, text: Text, most: i64) -> Result<List, Error> {
    let is_empty = regex.is_empty();
    let regex = run.regex(&regex, &text)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(List::nil(Of::Text));
    }
    if !is_empty && text.is_empty() {
        return split::list(run, vec![b""]);
    }
    let (mut parts, mut start, mut end): (Vec<&[u8]>, _, _) = (Vec::new(), 0, 0);
    for found in regex.find_iter(&text).filter(|found| is_between(&text, *found)) {
        if parts.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[start..end]);
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(&text[start..]);
    }
    split::list(run, parts)
}
