//! A keystore's password, in the two forms that algorithms want.

use zeroize::Zeroizing;

use super::failed;
use crate::Error;
use crate::value::Text;

pub(super) struct Password {
    utf8: Zeroizing<String>,
    /// UCS-2 with a zero at its end, or nothing at all.
    wide: Zeroizing<Vec<u8>>,
}

impl Password {
    pub(super) fn new(text: &Text) -> Result<Self, Error> {
        let utf8 = text.lossy();
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * utf8.len() + 2));
        for letter in utf8.chars() {
            let unit = u16::try_from(u32::from(letter));
            let unit = unit.map_err(|_| failed("the password contains characters that cannot be encoded in UCS-2"))?;
            wide.extend_from_slice(&unit.to_be_bytes());
        }
        wide.extend_from_slice(&[0, 0]);
        Ok(Self { utf8, wide })
    }

    /// For PBKDF2.
    pub(super) fn utf8(&self) -> &[u8] {
        self.utf8.as_bytes()
    }

    /// For the key derivation of PKCS#12.
    pub(super) fn wide(&self) -> &[u8] {
        &self.wide
    }

    pub(super) fn is_empty(&self) -> bool {
        self.utf8.is_empty()
    }

    /// An empty password as some programs take it: without the zero at its end.
    pub(super) fn without_end(mut self) -> Self {
        self.wide.clear();
        self
    }
}
