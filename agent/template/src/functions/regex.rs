//! Regular expressions. A function and its `must` form both fail on an expression that is none, but for `regexMatch`,
//! which finds nothing then.

use super::{Returned, Table, split};
use crate::draft::Draft;
use crate::regexp::replace::{Replacement, is_between};
use crate::run::{Run, Search};
use crate::value::{List, Of, Text, Value};
use crate::{Error, limits};

pub(super) fn add(table: &mut Table) {
    table.add("regexMatch", |run: &Run<'_>, regex: Text, text: Text| match matches(run, &regex, &text) {
        Err(Error::Failed(_)) => Ok(false),
        other => other,
    });
    table.add("mustRegexMatch", |run: &Run<'_>, regex: Text, text: Text| matches(run, &regex, &text));
    for name in ["regexFind", "mustRegexFind"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text| {
            let search = run.regex(&regex, &text)?;
            for found in search.find_iter(run, &text) {
                let found = found?;
                if is_between(&text, found) {
                    return Ok(found.as_bytes().to_vec());
                }
            }
            Ok(Vec::new())
        });
    }
    for name in ["regexFindAll", "mustRegexFindAll"] {
        table.add(name, find_all);
    }
    for name in ["regexReplaceAll", "mustRegexReplaceAll"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text, new: Text| {
            let search = run.regex(&regex, &text)?;
            replace_all(run, &search, &text, &Replacement::expanded(&search.regex, &new))
        });
    }
    for name in ["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"] {
        table.add(name, |run: &Run<'_>, regex: Text, text: Text, new: Text| {
            let search = run.regex(&regex, &text)?;
            replace_all(run, &search, &text, &Replacement::literal(&new))
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
    Ok(run.regex(regex, text)?.regex.is_match(text))
}

/// As many matches as there are, or so many.
fn find_all(run: &Run<'_>, regex: Text, text: Text, most: i64) -> Result<Value, Error> {
    let search = run.regex(&regex, &text)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    for found in search.find_iter(run, &text) {
        let found = found?;
        if all.len() == most {
            break;
        }
        if is_between(&text, found) {
            run.make(limits::ITEM)?;
            all.push(found.as_bytes());
        }
    }
    if all.is_empty() { Ok(Value::List(List::nil(Of::Text))) } else { split::list(all).value(run) }
}

fn replace_all(run: &Run<'_>, search: &Search, text: &Text, replacement: &Replacement<'_>) -> Result<Value, Error> {
    let mut draft = Draft::new(run);
    replacement.apply(&search.regex, text, |bytes| search.again(run, bytes), |part| draft.push(part))?;
    Ok(draft.value())
}

/// `Regexp.Split`
fn regex_split(run: &Run<'_>, regex: Text, text: Text, most: i64) -> Result<Value, Error> {
    let is_empty = regex.is_empty();
    let search = run.regex(&regex, &text)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::List(List::nil(Of::Text)));
    }
    if !is_empty && text.is_empty() {
        return split::list(vec![b""]).value(run);
    }
    let (mut parts, mut start, mut end): (Vec<&[u8]>, _, _) = (Vec::new(), 0, 0);
    for found in search.find_iter(run, &text) {
        let found = found?;
        if parts.len() + 1 == most {
            break;
        }
        if !is_between(&text, found) {
            continue;
        }
        run.make(limits::ITEM)?;
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[start..end]);
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(&text[start..]);
    }
    split::list(parts).value(run)
}
