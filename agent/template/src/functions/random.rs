//! What is drawn by chance, from the environment's randomness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Table;
use super::encoding::hex;
use crate::run::Run;
use crate::value::{IntType, Text, Value};
use crate::{Env, Error};

pub(super) fn add(table: &mut Table) {
    for (name, is_wanted) in [
        ("randAlphaNum", u8::is_ascii_alphanumeric as fn(&u8) -> bool),
        ("randAlpha", u8::is_ascii_alphabetic),
        ("randNumeric", u8::is_ascii_digit),
        ("randAscii", |byte: &u8| matches!(byte, b' '..=b'~')),
    ] {
        table.add(name, move |run: &Run<'_>, count: i64| letters(run, count, is_wanted));
    }
    table.add("randBytes", |run: &Run<'_>, count: i64| {
        let mut bytes = buffer(run, count)?;
        run.env().fill(&mut bytes);
        Ok(STANDARD.encode(bytes))
    });
    table.add("randInt", rand_int);
    table.add("shuffle", shuffle);
    table.add("uuidv4", uuid);
}

fn buffer(run: &Run<'_>, count: i64) -> Result<Vec<u8>, Error> {
    let count = usize::try_from(count).map_err(|_| Error::Failed("a count has to be 0 or more".to_owned()))?;
    run.make(count)?;
    Ok(vec![0; count])
}

/// A negative count gives nothing.
fn letters(run: &Run<'_>, count: i64, is_wanted: fn(&u8) -> bool) -> Result<Text, Error> {
    let set: Vec<u8> = (0..=u8::MAX).filter(is_wanted).collect();
    let mut text = buffer(run, count.max(0))?;
    for letter in &mut text {
        *letter = set[below(run.env(), set.len())];
    }
    Ok(text.into())
}

/// A number below another, each as likely.
fn below(env: &Env, end: usize) -> usize {
    let end = end.max(1) as u64;
    loop {
        let mut bytes = [0; 8];
        env.fill(&mut bytes);
        let drawn = u64::from_le_bytes(bytes);
        // The last, incomplete round of numbers would favour small ones.
        if drawn < u64::MAX - u64::MAX % end {
            return usize::try_from(drawn % end).unwrap_or_default();
        }
    }
}

fn rand_int(run: &Run<'_>, least: i64, end: i64) -> Result<Value, Error> {
    let span = end.checked_sub(least).and_then(|span| usize::try_from(span).ok()).filter(|span| *span > 0);
    let span = span.ok_or_else(|| Error::Failed("randInt needs a range that is not empty".to_owned()))?;
    let drawn = i64::try_from(below(run.env(), span)).unwrap_or_default();
    Ok(Value::Int(IntType::Int, least.saturating_add(drawn)))
}

fn shuffle(run: &Run<'_>, text: Text) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for last in (1..letters.len()).rev() {
        letters.swap(last, below(run.env(), last + 1));
    }
    letters.into_iter().collect()
}

fn uuid(run: &Run<'_>) -> String {
    let mut bytes = [0; 16];
    run.env().fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
