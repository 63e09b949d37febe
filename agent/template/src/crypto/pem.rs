//! PEM blocks as Go's `encoding/pem` reads and writes them: forgiving about junk between blocks and blanks in lines.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use zeroize::Zeroizing;

pub(super) const CERTIFICATE: &[u8] = b"CERTIFICATE";
pub(super) const PRIVATE_KEY: &[u8] = b"PRIVATE KEY";
pub(super) const PUBLIC_KEY: &[u8] = b"PUBLIC KEY";

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";
const LINE: usize = 64;

/// A block.
pub(super) struct Block {
    /// What stands after BEGIN, as in `RSA PRIVATE KEY`.
    pub(super) kind: Vec<u8>,
    headers: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// The first block of a text and what follows it; the whole text if there is none.
pub(super) fn decode(text: &[u8]) -> (Option<Block>, &[u8]) {
    let mut at = 0;
    while let Some(place) = Place::next(text, at) {
        match place.read(text) {
            Found::Block(block, rest) => return (Some(block), rest),
            Found::Nothing => at = place.after_end,
            Found::Endless => break,
        }
    }
    (None, text)
}

/// All blocks of a text.
pub(super) fn blocks(text: &[u8]) -> impl Iterator<Item = Block> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (block, after) = decode(rest);
        rest = after;
        block
    })
}

/// The text of a block without headers.
pub(super) fn encode(kind: &[u8], bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    encode_block(kind, &BTreeMap::new(), bytes)
}

impl Block {
    /// Its text.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_block(&self.kind, &self.headers, &self.bytes)
    }
}

fn encode_block(kind: &[u8], headers: &BTreeMap<Vec<u8>, Vec<u8>>, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let first = headers.get_key_value(b"Proc-Type".as_slice());
    let others = headers.iter().filter(|(key, _)| key.as_slice() != b"Proc-Type");
    let mut head: Vec<u8> = [BEGIN, kind, DASHES, b"\n"].concat();
    for (key, value) in first.into_iter().chain(others) {
        head.extend([key.as_slice(), b": ", value, b"\n"].concat());
    }
    if !headers.is_empty() {
        head.push(b'\n');
    }
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(bytes));
    let size = head.len() * 2 + body.len() + body.len() / LINE + 2;
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    text.extend(head);
    for line in body.as_bytes().chunks(LINE) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend([&END[1..], kind, DASHES, b"\n"].concat());
    text
}

/// What is at a place.
enum Found<'a> {
    Block(Block, &'a [u8]),
    Nothing,
    /// Its headers run on behind its END. Go looks no further then, so that nothing is read twice.
    Endless,
}

/// Where a block may be: the next END line and the last BEGIN before it.
struct Place {
    /// After BEGIN; nothing if there is no line that begins so.
    kind: Option<usize>,
    /// At the line break before END.
    end: usize,
    after_end: usize,
}

impl Place {
    fn next(text: &[u8], from: usize) -> Option<Self> {
        let end = from + find(text.get(from..)?, END)?;
        let begin = text[from..end].windows(BEGIN.len()).rposition(|window| window == BEGIN).map(|begin| from + begin);
        let starts_line = |begin: &usize| *begin == from || text[begin - 1] == b'\n';
        Some(Self { kind: begin.filter(starts_line).map(|begin| begin + BEGIN.len()), end, after_end: end + END.len() })
    }

    fn read<'a>(&self, text: &'a [u8]) -> Found<'a> {
        let Some((kind, mut at)) = self.kind(text) else { return Found::Nothing };
        let mut headers = BTreeMap::new();
        loop {
            let (line, next) = self::line(text, at);
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
            headers.insert(trimmed(&line[..colon]), trimmed(&line[colon + 1..]));
            at = next;
        }
        if at > self.after_end {
            return Found::Endless;
        }
        self.body(text, kind, headers, at).map_or(Found::Nothing, |(block, rest)| Found::Block(block, rest))
    }

    /// What stands in the line of BEGIN, and where the next line starts.
    fn kind<'a>(&self, text: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let (line, at) = line(text, self.kind?);
        Some((line.strip_suffix(DASHES)?, at))
    }

    fn body<'a>(
        &self,
        text: &'a [u8],
        kind: &[u8],
        headers: BTreeMap<Vec<u8>, Vec<u8>>,
        at: usize,
    ) -> Option<(Block, &'a [u8])> {
        // An empty block has one line break for both lines; after headers there has to be one more.
        let body = match text.get(at..self.end) {
            Some(body) => body,
            None if headers.is_empty() => b"",
            None => return None,
        };
        let trailer = text.get(self.after_end..)?.strip_prefix(kind)?.strip_prefix(DASHES)?;
        let (blank, rest) = self::line(trailer, 0);
        let bytes = if blank.is_empty() { base64(body) } else { None };
        Some((Block { kind: kind.to_vec(), headers, bytes: bytes? }, &trailer[rest..]))
    }
}

/// The line from a place on, without blanks at its end, and where the next one starts.
fn line(text: &[u8], from: usize) -> (&[u8], usize) {
    let text = text.get(from..).unwrap_or_default();
    let (line, next) = match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]), end + 1),
        None => (text, text.len()),
    };
    let blanks = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (&line[..line.len() - blanks], from + next)
}

fn trimmed(text: &[u8]) -> Vec<u8> {
    text.trim_ascii().to_vec()
}

/// Go's base64 minds neither line breaks nor bits left over; blanks are for PEM to leave out.
fn base64(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let dense = body.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let dense: Zeroizing<Vec<u8>> = Zeroizing::new(dense.collect());
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(&*dense).ok().map(Zeroizing::new)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
