//! Encodings and checksums. What cannot be decoded becomes Go's words about it, as sprig has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Table;
use crate::format;
use crate::value::Text;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn add(table: &mut Table) {
    table.add("b64enc", |text: Text| STANDARD.encode(&*text));
    table.add("b64dec", |text: Text| {
        from_base64(&text).unwrap_or_else(|at| format!("illegal base64 data at input byte {at}").into_bytes())
    });
    table.add("b32enc", |text: Text| to_base32(&text));
    table.add("b32dec", |text: Text| {
        from_base32(&text).unwrap_or_else(|at| format!("illegal base32 data at input byte {at}").into_bytes())
    });
    table.add("hexdec", |text: Text| from_hex(&text));
    table.add("sha1sum", |text: Text| hex(&Sha1::digest(&*text)));
    table.add("sha256sum", |text: Text| hex(&Sha256::digest(&*text)));
    table.add("sha512sum", |text: Text| hex(&Sha512::digest(&*text)));
    table.add("adler32sum", |text: Text| adler32(&text).to_string());
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// External Secrets Operator's own: `hex.DecodeString`.
fn from_hex(text: &Text) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks(2) {
        match pair {
            [high, low] if digit(*high).is_some() && digit(*low).is_some() => {
                out.push(digit(*high).unwrap_or_default() << 4 | digit(*low).unwrap_or_default());
            }
            _ => match pair.iter().find(|byte| digit(**byte).is_none()) {
                Some(byte) => {
                    let (code, letter) = (u32::from(*byte), char::from(*byte));
                    let shown = if format::is_print(letter) { format!(" '{letter}'") } else { String::new() };
                    return format!("encoding/hex: invalid byte: U+{code:04X}{shown}").into_bytes();
                }
                None => return b"encoding/hex: odd length hex string".to_vec(),
            },
        }
    }
    out
}

fn adler32(text: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (low, high) = text.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % BASE;
        (low, (high + low) % BASE)
    });
    high << 16 | low
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// `base64.StdEncoding.DecodeString`, with the place of what is wrong.
fn from_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let skip = |mut at: usize| {
        while text.get(at).is_some_and(|byte| is_line_end(*byte)) {
            at += 1;
        }
        at
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut at, mut bits, mut held) = (0, 0_u32, 0_usize);
    while let Some(byte) = text.get(at) {
        if is_line_end(*byte) {
            at += 1;
        } else if let Some(digit) = BASE64.iter().position(|known| known == byte) {
            bits = bits << 6 | u32::try_from(digit).unwrap_or_default();
            (at, held) = (at + 1, held + 1);
            if held == 4 {
                out.extend_from_slice(&bits.to_be_bytes()[1..]);
                (bits, held) = (0, 0);
            }
        } else if *byte != b'=' || held < 2 {
            return Err(at);
        } else {
            let mut end = skip(at + 1);
            if held == 2 {
                match text.get(end) {
                    None => return Err(text.len()),
                    Some(b'=') => end = skip(end + 1),
                    Some(_) => return Err(end - 1),
                }
            }
            out.extend_from_slice(&(bits << (6 * (4 - held))).to_be_bytes()[1..held]);
            return if end < text.len() { Err(end) } else { Ok(out) };
        }
    }
    if held > 0 { Err(at - held) } else { Ok(out) }
}

fn to_base32(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len().div_ceil(5) * 8);
    for chunk in text.chunks(5) {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        out.extend((0..digits).map(|digit| BASE32[usize::try_from(bits >> (35 - 5 * digit) & 31).unwrap_or_default()]));
        out.resize(out.len() + 8 - digits, b'=');
    }
    out
}

/// `base32.StdEncoding.DecodeString`, with the place of what is wrong, line ends not counted.
fn from_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !is_line_end(*byte)).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let (mut bits, mut held) = (0_u64, 0_usize);
    for (at, byte) in text.iter().enumerate() {
        let after = &text[at + 1..];
        if *byte == b'=' && held >= 2 && after.len() < 8 {
            if after.len() + held < 7 {
                return Err(text.len());
            }
            if let Some(wrong) = after.iter().take(7 - held).position(|byte| *byte != b'=') {
                return Err(at + wrong);
            }
            if matches!(held, 3 | 6) {
                return Err(at);
            }
            let whole = held * 5 / 8;
            out.extend_from_slice(&(bits << (5 * (8 - held))).to_be_bytes()[3..3 + whole]);
            return Ok(out);
        }
        let digit = BASE32.iter().position(|known| known == byte).ok_or(at)?;
        bits = bits << 5 | u64::try_from(digit).unwrap_or_default();
        held += 1;
        if held == 8 {
            out.extend_from_slice(&bits.to_be_bytes()[3..]);
            (bits, held) = (0, 0);
        }
    }
    if held > 0 { Err(text.len() - held) } else { Ok(out) }
}
