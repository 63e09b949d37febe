//! The opaque identity of what a selector yields.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

/// Opaque identity of what a selector yields. Equal tokens mean equal bytes; a token never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// A version of a secret: its full ARN and the VersionId.
    #[must_use]
    pub fn of_secret(arn: &str, version_id: &str) -> Self {
        Self(format!("{arn}#{version_id}"))
    }

    /// A version of a parameter. The modification time is part of it because a parameter that was deleted and made
    /// again starts at version 1 with another value.
    #[must_use]
    pub fn of_parameter(version: i64, last_modified: jiff::Timestamp) -> Self {
        Self(format!("{version}@{last_modified}"))
    }

    /// All tags of a source. Tags are no secrets, but they have no version either.
    #[must_use]
    pub fn of_tags(tags: &BTreeMap<String, String>) -> Self {
        Self(digest("tags", tags.iter()))
    }

    /// What a search finds: each name with the token of its version. Nothing at all is [`Token::absent`].
    #[must_use]
    pub fn of_search<'a>(found: impl IntoIterator<Item = (&'a String, &'a Token)>) -> Self {
        let mut found = found.into_iter().peekable();
        if found.peek().is_none() {
            return Self::absent();
        }
        Self(digest("found", found.map(|(name, token)| (name, &token.0))))
    }

    /// Nothing is there, and a deletion policy has made its use of that.
    #[must_use]
    pub fn absent() -> Self {
        Self("absent".to_owned())
    }

    /// Does it say that nothing is there?
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.0 == "absent"
    }

    /// A token as it was stored in a status.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id of the secret version; `None` of anything but a secret.
    #[must_use]
    pub fn version_id(&self) -> Option<&str> {
        self.0.rsplit_once('#').map(|(_, id)| id)
    }

    /// Is this the secret version with that id?
    #[must_use]
    pub fn names_version(&self, version_id: &str) -> bool {
        self.version_id() == Some(version_id)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest of pairs in their order; lengths keep apart what concatenation would confuse.
fn digest<'a>(of: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut sha = Sha256::new();
    for text in pairs.flat_map(|(key, value)| [key, value]) {
        sha.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(text);
    }
    let mut text = format!("{of}:");
    for byte in sha.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_knows_its_version_by_the_whole_id() {
        let token = Token::of_secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "v-12");
        assert!(token.names_version("v-12"));
        assert!(!token.names_version("2"));
        assert!(!token.names_version(""));
    }

    #[test]
    fn digests_tell_apart_what_differs_and_nothing_else() {
        let pairs = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let one = Token::of_tags(&pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(one, Token::of_tags(&pairs(&[("b", "2"), ("a", "1")])));
        assert_ne!(one, Token::of_tags(&pairs(&[("a", "1b"), ("", "2")])));
        assert_ne!(Token::of_tags(&pairs(&[])), Token::absent());
        let found = BTreeMap::from([("db".to_owned(), Token::from_stored("1"))]);
        assert_ne!(Token::of_search(&found), Token::of_tags(&pairs(&[("db", "1")])));
        assert!(Token::of_search(&BTreeMap::new()).is_absent() && Token::of_search(&found).version_id().is_none());
    }
}
