//! Values as YAML, in the form that Go's encoder chooses.

use std::cmp::Ordering;

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use zeroize::Zeroizing;

use super::time::is_time;
use super::{Data, number, resolve};

/// The document of a value, without the line break at its end; nothing if YAML or JSON cannot hold it.
pub(crate) fn write(data: &Data) -> Option<Zeroizing<String>> {
    let mut output = Zeroizing::new(Vec::new());
    let mut emitter = Emitter::new();
    emitter.set_output_string(&mut output);
    emitter.set_unicode(true);
    emitter.emit(Event::stream_start(Encoding::Utf8)).ok()?;
    emitter.emit(Event::document_start(None, &[], true)).ok()?;
    value(&mut emitter, data)?;
    emitter.emit(Event::document_end(true)).ok()?;
    emitter.flush().ok()?;
    drop(emitter);
    let text = Zeroizing::new(String::from_utf8(std::mem::take(&mut *output)).ok()?);
    Some(Zeroizing::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}

fn value(emitter: &mut Emitter<'_>, data: &Data) -> Option<()> {
    match data {
        Data::Null => scalar(emitter, "null", ScalarStyle::Plain),
        Data::Bool(truth) => scalar(emitter, if *truth { "true" } else { "false" }, ScalarStyle::Plain),
        Data::Whole(number) => scalar(emitter, &number.to_string(), ScalarStyle::Plain),
        Data::Float(number) => scalar(emitter, &float(*number)?, ScalarStyle::Plain),
        Data::Text(text) => string(emitter, text),
        Data::List(items) => {
            emitter.emit(Event::sequence_start(None, None, true, SequenceStyle::Block)).ok()?;
            items.iter().try_for_each(|item| value(emitter, item))?;
            emitter.emit(Event::sequence_end()).ok()
        }
        Data::Map(entries) => {
            emitter.emit(Event::mapping_start(None, None, true, MappingStyle::Block)).ok()?;
            for (_, key, entry) in
                sorted(entries.iter().map(|(key, entry)| (key.chars().collect(), key, entry)).collect())
            {
                string(emitter, key)?;
                value(emitter, entry)?;
            }
            emitter.emit(Event::mapping_end()).ok()
        }
    }
}

fn scalar(emitter: &mut Emitter<'_>, text: &str, style: ScalarStyle) -> Option<()> {
    emitter.emit(Event::scalar(None, None, text, true, true, style)).ok()
}

/// Quoted where it would mean something else without quotes.
fn string(emitter: &mut Emitter<'_>, text: &str) -> Option<()> {
    // On its way through JSON it would meet a reader that refuses these.
    if text.contains(|letter| matches!(letter, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')) {
        return None;
    }
    let style = if text.contains('\n') {
        ScalarStyle::Literal
    } else if matches!(resolve::untagged(text), Data::Text(_)) && !is_time(text) && !is_base_60(text) {
        ScalarStyle::Plain
    } else {
        ScalarStyle::DoubleQuoted
    };
    scalar(emitter, text, style)
}

/// JSON writes numbers below 10 to the 21st without an exponent, and those that fit are whole numbers of YAML then.
fn float(number: f64) -> Option<String> {
    let digits = number.to_string();
    let whole = digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
    number.is_finite().then(|| match digits.as_str() {
        "-0" => "0".to_owned(),
        _ if whole => digits,
        _ => number::text(number),
    })
}

/// `12:30`: a number for readers of YAML 1.1 other than Go's. Signs, digits and underscores, then groups below 60.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = whole.split(':');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let first = groups.next().unwrap_or_default();
    let below_60 = |group: &str| match group.as_bytes() {
        [digit] | [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    let rest: Vec<_> = groups.collect();
    first.starts_with(|letter: char| letter.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && !rest.is_empty()
        && rest.into_iter().all(below_60)
}

type Entry<'a> = (Vec<char>, &'a String, &'a Data);

/// Sorts by Go's order of keys. It is none for some sets (`a10`, `a1b`, `a9`), where the standard library may panic.
fn sorted(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    if entries.len() < 2 {
        return entries;
    }
    let tail = entries.split_off(entries.len() / 2);
    let (mut left, mut right) = (sorted(entries).into_iter().peekable(), sorted(tail).into_iter().peekable());
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        merged.extend(if natural(&one.0, &other.0).is_gt() { right.next() } else { left.next() });
    }
    merged.extend(left.chain(right));
    merged
}

/// Letters come after other characters, and runs of digits go by their number.
fn natural(one: &[char], other: &[char]) -> Ordering {
    let Some(at) = one.iter().zip(other).position(|(left, right)| left != right) else {
        return one.len().cmp(&other.len());
    };
    let (left, right) = (one[at], other[at]);
    match (left.is_alphabetic(), right.is_alphabetic()) {
        (true, true) => return left.cmp(&right),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // After a number that has begun, a zero is one more digit of it and not a leading one.
    let begun = (left == '0' || right == '0')
        && one[..at].iter().rev().take_while(|letter| letter.is_ascii_digit()).any(|digit| *digit != '0');
    let number = |letters: &[char]| {
        let digits = letters[at..].iter().map_while(|letter| letter.to_digit(10));
        digits.fold((i64::from(begun), 0), |(number, length), digit| {
            (number.wrapping_mul(10).wrapping_add(i64::from(digit)), length + 1)
        })
    };
    number(one).cmp(&number(other)).then(left.cmp(&right))
}
