//! The keyed hash of a Secret's data.
//!
//! It stands in annotations that more people can read than the Secret itself. A plain hash would let them try passwords
//! against it; HMAC-SHA-256 with a key that stays in the agent's namespace does not.

use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::resource::ResourceKind;
use crate::object::ObjectKey;

/// The algorithm's name in the state annotation. It covers the encoding below: whoever changes that, changes the name.
pub const ALGORITHM: &str = "hmac-sha256";

/// Length of the key in bytes.
pub const KEY_LENGTH: usize = 32;

/// The key of all hashes of one installation. It is wiped when dropped and has no text form.
#[derive(Clone)]
pub struct HashKey {
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
    id: String,
}

/// The bytes are no key of [`KEY_LENGTH`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key has {0} bytes instead of {KEY_LENGTH}")]
pub struct KeyLength(
    /// How many bytes there were.
    pub usize,
);

/// A hash of one resource's data: equal exactly if the data is equal, meaningless without the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac([u8; 32]);

impl HashKey {
    /// Takes over a key of [`KEY_LENGTH`] random bytes.
    ///
    /// # Errors
    /// [`KeyLength`] for any other length.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyLength> {
        let bytes = Zeroizing::new(<[u8; KEY_LENGTH]>::try_from(bytes).map_err(|_| KeyLength(bytes.len()))?);
        // Derived rather than stored, so that an id can never stand beside another key than its own.
        let mut id = keyed(&bytes);
        id.update(b"rekey hash key id");
        let id = Mac(id.finalize().into_bytes().into()).to_string()[..16].to_owned();
        Ok(Self { bytes, id })
    }

    /// Names the key without revealing it: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Hashes the data of a resource. Kind, namespace and name are hashed too, so that nobody can see that two Secrets
    /// hold the same data. The order of the entries matters: pass them sorted by key, each key once, as a `BTreeMap` does.
    #[must_use]
    pub fn hash<'a>(
        &self,
        kind: ResourceKind,
        key: &ObjectKey,
        data: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>,
    ) -> Mac {
        let mut mac = keyed(&self.bytes);
        // Each part is preceded by its length, so that no two different inputs give the same bytes.
        let mut part = |bytes: &[u8]| {
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        };
        part(kind.as_str().as_bytes());
        part(key.namespace.as_bytes());
        part(key.name.as_bytes());
        part(&(data.len() as u64).to_be_bytes());
        for (name, value) in data {
            part(name.as_bytes());
            part(value);
        }
        Mac(mac.finalize().into_bytes().into())
    }
}

/// HMAC fills a key up with zeros to one block of the hash function.
fn keyed(key: &[u8; KEY_LENGTH]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block[..KEY_LENGTH].copy_from_slice(key);
    Hmac::new((&*block).into())
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashKey({})", self.id)
    }
}

impl Mac {
    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Mac {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mac {
    /// The first digits, enough to tell hashes apart in a failed test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_char(')')
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn key(byte: u8) -> HashKey {
        HashKey::new(&[byte; KEY_LENGTH]).unwrap()
    }

    fn hash_in(key: &HashKey, name: &str, data: &[(&str, &str)]) -> Mac {
        let data: BTreeMap<&str, &[u8]> = data.iter().map(|(k, v)| (*k, v.as_bytes())).collect();
        key.hash(ResourceKind::Secret, &ObjectKey::new("ns", name), data.into_iter())
    }

    #[test]
    fn different_data_key_or_name_give_different_hashes_and_equal_ones_the_same() {
        let one = key(1);
        let hashes = [
            hash_in(&one, "s", &[]),
            hash_in(&one, "s", &[("a", "")]),
            hash_in(&one, "s", &[("a", "b")]),
            hash_in(&one, "s", &[("ab", "")]),
            hash_in(&one, "s", &[("", "ab")]),
            hash_in(&one, "s", &[("a", ""), ("b", "")]),
            hash_in(&one, "s", &[("a", "b"), ("c", "d")]),
            hash_in(&one, "s", &[("a", "bc"), ("d", "")]),
            hash_in(&one, "t", &[("a", "b")]),
            hash_in(&key(2), "s", &[("a", "b")]),
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert!(hashes[index + 1..].iter().all(|other| other != hash), "{index}");
        }
        assert_eq!(hash_in(&one, "s", &[("c", "d"), ("a", "b")]), hashes[6]);
    }

    #[test]
    fn the_encoding_stays_what_it_is() {
        // A change of this value restarts nothing only if ALGORITHM changes with it. Computed with Python's hmac.
        let hash = hash_in(&key(7), "db", &[("password", "hunter2"), ("user", "app")]);
        assert_eq!(hash.to_string(), "2aadf1db94e478f3856cec9ae984d4ba3fa5be051b12118526ed2ceef49bc56d");
        assert_eq!(key(7).id(), "ec58c968b5bc996f");
    }

    #[test]
    fn text_form_goes_there_and_back() {
        let hash = hash_in(&key(1), "s", &[]);
        assert_eq!(Mac::parse(&hash.to_string()), Some(hash));
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(Mac::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_key_has_one_length_and_no_text_form() {
        assert_eq!(HashKey::new(&[0; 31]).unwrap_err(), KeyLength(31));
        let text = format!("{:?}", key(0xab));
        assert!(!text.contains("abab") && !text.contains("171, "), "{text}");
        assert_ne!(key(1).id(), key(2).id());
    }
}
