//! The one type that holds secret values.
//!
//! It has no `Display`, no `Serialize`, a `Debug` that says only that something is there, and it wipes its memory when
//! dropped. Values enter it at the edge (`provider/` in the agent) and leave it only where a target is written.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Bytes of a secret. Equality is by content, so that the plan can tell whether a target has to be written. Clones share
/// the bytes, for a manifest may name one value, or one template, thousands of times.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretValue(Arc<Zeroizing<Vec<u8>>>);

impl SecretValue {
    /// Takes over the bytes; they are wiped when the value is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes, for the places that decode, render, hash or write them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_shows_neither_value_nor_length() {
        let short = format!("{:?}", SecretValue::from("a".to_owned()));
        let long = format!("{:?}", SecretValue::from("hunter2hunter2".to_owned()));
        assert_eq!(short, long);
        assert_eq!(short, "SecretValue(…)");
    }
}
