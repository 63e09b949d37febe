//! What a resource holds, as far as rollouts need to know: two equal contents need no restart between them.

use std::fmt;

use super::hash::Mac;

/// What a resource holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Data with this hash.
    Data(Mac),
    /// Nothing: there is no such resource.
    Gone,
}

/// What stands in the state for a resource that is gone.
const GONE: &str = "gone";

impl Content {
    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == GONE { Some(Self::Gone) } else { Mac::parse(text).map(Self::Data) }
    }
}

impl From<Mac> for Content {
    fn from(mac: Mac) -> Self {
        Self::Data(mac)
    }
}

impl fmt::Display for Content {
    /// The hash's digits, or `gone`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(mac) => mac.fmt(f),
            Self::Gone => f.write_str(GONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_there_and_back() {
        let data = Content::from(Mac::parse(&"a".repeat(64)).unwrap());
        for content in [data, Content::Gone] {
            assert_eq!(Content::parse(&content.to_string()), Some(content));
        }
        assert_eq!(Content::parse("Gone"), None);
    }
}
