//! Functions that change one text, and those that ask about it. Lengths and places are bytes, as in Go.

use memchr::memmem;

use super::letters;
use super::{Rest, Table, convert};
use crate::draft::Draft;
use crate::run::Run;
use crate::value::{Text, Value};
use crate::{Error, format, value};

pub(super) fn add(table: &mut Table) {
    table.add("hello", || "Hello!".to_owned());
    table.add("upper", |text: Text| letters::map(&text, letters::upper));
    table.add("lower", |text: Text| letters::map(&text, letters::lower));
    table.add("title", title);
    table.add("untitle", |text: Text| after_spaces(&text, letters::lower));
    table.add("swapcase", swapcase);
    table.add("trim", |text: Text| trimmed(&text).to_vec());
    table.add("trimAll", trim_all);
    table.add("trimall", trim_all);
    table.add("trimSuffix", |suffix: Text, text: Text| text.strip_suffix(&*suffix).unwrap_or(&text).to_vec());
    table.add("trimPrefix", |prefix: Text, text: Text| text.strip_prefix(&*prefix).unwrap_or(&text).to_vec());
    table.add("contains", |part: Text, text: Text| memmem::find(&text, &part).is_some());
    table.add("hasPrefix", |part: Text, text: Text| text.starts_with(&part));
    table.add("hasSuffix", |part: Text, text: Text| text.ends_with(&part));
    table.add("replace", replace);
    table.add("repeat", repeat);
    table.add("nospace", nospace);
    table.add("initials", initials);
    table.add("substr", substr);
    table.add("trunc", trunc);
    table.add("abbrev", |width: i64, text: Text| abbreviated(0, width, &text));
    table.add("abbrevboth", |left: i64, right: i64, text: Text| abbreviated(left, right, &text));
    table.add("quote", quote);
    table.add("squote", squote);
    table.add("cat", cat);
    table.add("indent", |run: &Run<'_>, spaces: i64, text: Text| indent(run, b"", spaces, &text));
    table.add("nindent", |run: &Run<'_>, spaces: i64, text: Text| indent(run, b"\n", spaces, &text));
    table.add("plural", |one: Text, many: Text, count: i64| if count == 1 { one } else { many });
}

fn out_of_range() -> Error {
    Error::Failed("a place is outside of the text".to_owned())
}

/// `strings.Title`
fn title(text: Text) -> String {
    let mut before = ' ';
    letters::map(&text, |letter| {
        let starts = match before {
            '\0'..='\x7f' => !before.is_ascii_alphanumeric() && before != '_',
            _ => before.is_whitespace(),
        };
        before = letter;
        if starts { letters::title(letter) } else { letter }
    })
}

/// Changes the first letter of each word.
fn after_spaces(text: &Text, change: fn(char) -> char) -> String {
    let mut starts = true;
    letters::map(text, |letter| {
        let changed = if starts && !letter.is_whitespace() { change(letter) } else { letter };
        starts = letter.is_whitespace();
        changed
    })
}

fn swapcase(text: Text) -> String {
    let mut starts = true;
    letters::map(&text, |letter| {
        let is_cased = letter.is_uppercase() || letter.is_lowercase() || letters::is_title(letter);
        let swapped = match letter {
            _ if letter.is_lowercase() && starts => letters::title(letter),
            _ if letter.is_lowercase() => letters::upper(letter),
            _ if is_cased => letters::lower(letter),
            _ => letter,
        };
        starts = !is_cased && letter.is_whitespace();
        swapped
    })
}

/// `strings.TrimSpace`
fn trimmed(text: &Text) -> &[u8] {
    trimmed_by(text, |piece| std::str::from_utf8(piece).is_ok_and(|piece| piece.chars().all(char::is_whitespace)))
}

fn trimmed_by(text: &[u8], goes: impl Fn(&[u8]) -> bool) -> &[u8] {
    let start: usize = value::letters(text).take_while(|piece| goes(piece)).map(<[u8]>::len).sum();
    let mut end = start;
    let mut at = start;
    for piece in value::letters(&text[start..]) {
        at += piece.len();
        if !goes(piece) {
            end = at;
        }
    }
    &text[start..end]
}

/// `strings.Trim`: all letters of the set go.
fn trim_all(set: Text, text: Text) -> Vec<u8> {
    let set: std::collections::BTreeSet<&[u8]> = value::letters(&set).collect();
    trimmed_by(&text, |piece| set.contains(piece)).to_vec()
}

/// `strings.ReplaceAll`; nothing is found before each letter and at the end.
fn replace(run: &Run<'_>, old: Text, new: Text, text: Text) -> Result<Value, Error> {
    let mut draft = Draft::new(run);
    if old.is_empty() {
        draft.push(&new)?;
        for piece in value::letters(&text) {
            draft.push(piece)?;
            draft.push(&new)?;
        }
        return Ok(draft.value());
    }
    let mut done = 0;
    for at in memmem::find_iter(&text, &*old) {
        draft.push(&text[done..at])?;
        draft.push(&new)?;
        done = at + old.len();
    }
    draft.push(&text[done..])?;
    Ok(draft.value())
}

fn repeat(run: &Run<'_>, count: i64, text: Text) -> Result<Value, Error> {
    let count = usize::try_from(count).map_err(|_| Error::Failed("repeat needs a count of 0 or more".to_owned()))?;
    let mut draft = Draft::new(run);
    draft.push_times(&text, count)?;
    Ok(draft.value())
}

/// What is left over of UTF-8 when each byte is taken for a letter, as goutils does.
fn letters_of_bytes(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    bytes.map(char::from).collect::<String>().into_bytes()
}

fn nospace(text: Text) -> Vec<u8> {
    let is_space = |byte: &&u8| char::from(**byte).is_whitespace();
    if text.iter().any(|byte| is_space(&byte)) {
        letters_of_bytes(text.iter().filter(|byte| !is_space(byte)).copied())
    } else {
        text.to_vec()
    }
}

fn initials(text: Text) -> Vec<u8> {
    let mut after_gap = true;
    letters_of_bytes(text.iter().copied().filter(|byte| {
        let gap = char::from(*byte).is_whitespace();
        !gap & std::mem::replace(&mut after_gap, gap)
    }))
}

fn substr(start: i64, end: i64, text: Text) -> Result<Vec<u8>, Error> {
    let place = |number: i64| usize::try_from(number).map_err(|_| out_of_range());
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let range = if start < 0 {
        0..place(end)?
    } else {
        place(start)?..(if end < 0 || end > length { text.len() } else { place(end)? })
    };
    text.get(range).map(<[u8]>::to_vec).ok_or_else(out_of_range)
}

fn trunc(count: i64, text: Text) -> Vec<u8> {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if wanted >= text.len() {
        return text.to_vec();
    }
    if count < 0 { text[text.len() - wanted..].to_vec() } else { text[..wanted].to_vec() }
}

/// `goutils.AbbreviateFull`; widths that it refuses leave the text as it is, or nothing of it.
fn abbreviated(left: i64, right: i64, text: &Text) -> Vec<u8> {
    if right < 4 || left > 0 && right < 7 {
        return text.to_vec();
    }
    let width = usize::try_from(right).unwrap_or(usize::MAX);
    if text.len() <= width {
        return text.to_vec();
    }
    let room = width - 3;
    // A negative offset is like none.
    let offset = usize::try_from(left).unwrap_or(0).min(text.len() - room);
    if offset <= 4 {
        return [&text[..room], b"..."].concat();
    }
    let rest = &text[offset..];
    if rest.len() > room {
        [b"...", &*abbreviated(0, right - 3, &Text::from(rest))].concat()
    } else {
        [b"...", &text[text.len() - room..]].concat()
    }
}

fn quote(run: &Run<'_>, values: Rest<Value>) -> Result<Value, Error> {
    each(run, &values.0, |draft, text| draft.push(format::quote(text, false).as_bytes()))
}

fn squote(run: &Run<'_>, values: Rest<Value>) -> Result<Value, Error> {
    each(run, &values.0, |draft, text| {
        draft.push(b"'")?;
        draft.push(text)?;
        draft.push(b"'")
    })
}

/// Texts of all values but nil, with spaces between.
fn each(
    run: &Run<'_>,
    values: &[Value],
    push: impl Fn(&mut Draft<'_, '_>, &Text) -> Result<(), Error>,
) -> Result<Value, Error> {
    let mut draft = Draft::new(run);
    let there = values.iter().filter(|value| !matches!(value, Value::Nil));
    for (number, value) in there.enumerate() {
        if number > 0 {
            draft.push(b" ")?;
        }
        push(&mut draft, &convert::text(run, value)?)?;
    }
    Ok(draft.value())
}

fn cat(run: &Run<'_>, values: Rest<Value>) -> Result<Value, Error> {
    each(run, &values.0, |draft, text| draft.push(text))
}

fn indent(run: &Run<'_>, before: &[u8], spaces: i64, text: &Text) -> Result<Value, Error> {
    let spaces = usize::try_from(spaces).map_err(|_| Error::Failed("indent needs 0 spaces or more".to_owned()))?;
    let mut draft = Draft::new(run);
    draft.push(before)?;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        draft.push_times(b" ", spaces)?;
        draft.push(line)?;
    }
    if text.is_empty() || text.ends_with(b"\n") {
        draft.push_times(b" ", spaces)?;
    }
    Ok(draft.value())
}
