//! Strings of Go's: any bytes, most often UTF-8.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A string of Go's: any bytes. They are wiped once nobody holds them.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(Arc<Zeroizing<Vec<u8>>>);

impl Text {
    /// The text as Go's `range` over a string sees it: each byte that belongs to no character is U+FFFD.
    pub(crate) fn chars(&self) -> impl Iterator<Item = char> {
        self.utf8_chunks().flat_map(|chunk| {
            let broken = std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
            chunk.valid().chars().chain(broken)
        })
    }

    /// The text, if it is UTF-8.
    pub(crate) fn utf8(&self) -> Option<&str> {
        std::str::from_utf8(self).ok()
    }

    /// [`Self::chars`] in one piece.
    pub(crate) fn lossy(&self) -> Zeroizing<String> {
        Zeroizing::new(self.utf8().map_or_else(|| self.chars().collect(), str::to_owned))
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deref().cmp(&**other)
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(…)")
    }
}

/// A text cut into its letters; a byte that belongs to none stands alone.
pub(crate) fn letters(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest.first()?;
        // No letter is longer than four bytes.
        let chunk = rest[..rest.len().min(4)].utf8_chunks().next()?;
        let length = chunk.valid().chars().next().map_or(1, char::len_utf8);
        let (letter, after) = rest.split_at(length);
        rest = after;
        Some(letter)
    })
}
