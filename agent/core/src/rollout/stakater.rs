//! What Stakater Reloader writes into the containers of a pod template: the name of a variable for each resource, and
//! the plain SHA-1 of its data. Bit for bit the same, so that workloads go from one to the other without a restart
//! (<https://github.com/stakater/Reloader>, `internal/pkg/{handler/upgrade.go,util/util.go,crypto/sha.go}`).
//!
//! Whoever can read a pod template can try passwords against such a hash. It is used for nothing but these variables.

use std::fmt::{self, Write as _};

use sha1::{Digest as _, Sha1};

use super::resource::ResourceName;

/// How the variables' names begin.
const PREFIX: &str = "STAKATER_";

/// The SHA-1 of the constant that stands for the data of a resource that was deleted.
pub const DELETED: &str = "aae45badef99284e4dae01d6046154ea9d99532f";

/// The SHA-1 of a resource's data as Stakater Reloader takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha([u8; 20]);

impl Sha {
    /// Hashes entries that are already in the form that goes in: `key=value`, the value as it is, or in base64 if it is
    /// one of a ConfigMap's `binaryData`. The order does not matter.
    #[must_use]
    pub fn of(mut entries: Vec<zeroize::Zeroizing<Vec<u8>>>) -> Self {
        entries.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        let mut sha = Sha1::new();
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                sha.update(b";");
            }
            sha.update(entry.as_slice());
        }
        Self(sha.finalize().into())
    }
}

impl fmt::Display for Sha {
    /// 40 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha {
    /// Without its digits: nobody shall find them in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha")
    }
}

/// The variable of a resource: the name in capitals, each run of other characters than letters and digits as one `_`,
/// none at the front. `a.b` and `a-b` share one, as they do with Stakater Reloader.
#[must_use]
pub fn variable(resource: &ResourceName) -> String {
    let mut text = PREFIX.to_owned();
    let mut in_word = false;
    for character in resource.name.chars() {
        if character.is_ascii_alphanumeric() {
            text.push(character.to_ascii_uppercase());
        } else if in_word {
            text.push('_');
        }
        in_word = character.is_ascii_alphanumeric();
    }
    let _ = write!(text, "_{}", resource.kind.marker_type());
    text
}

/// Whether a variable of this name is Stakater Reloader's.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    name.starts_with(PREFIX) && (name.ends_with("_SECRET") || name.ends_with("_CONFIGMAP"))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn sha(entries: &[&str]) -> String {
        Sha::of(entries.iter().map(|entry| Zeroizing::new(entry.as_bytes().to_vec())).collect()).to_string()
    }

    #[test]
    fn hashes_as_stakater_does() {
        assert_eq!(sha(&[]), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(sha(&["a=1", "b=2"]), "f83e99e324ba68ccc373a58ef1eb42f8ab88646a");
        assert_eq!(sha(&["b=2", "a=1"]), "f83e99e324ba68ccc373a58ef1eb42f8ab88646a");
    }

    #[test]
    fn names_variables_as_stakater_does() {
        for (resource, expected) in [
            (ResourceName::secret("my.app-config"), "STAKATER_MY_APP_CONFIG_SECRET"),
            (ResourceName::config_map("a--b..c"), "STAKATER_A_B_C_CONFIGMAP"),
            (ResourceName::secret("1a"), "STAKATER_1A_SECRET"),
            (ResourceName::secret("a-"), "STAKATER_A__SECRET"),
        ] {
            assert_eq!(variable(&resource), expected);
            assert!(is_variable(expected));
        }
        for other in ["STAKATER", "MY_STAKATER_A_SECRET", "STAKATER_A_SECRETPROVIDERCLASS"] {
            assert!(!is_variable(other), "{other}");
        }
    }

    #[test]
    fn a_hash_without_a_key_is_never_shown_by_debug() {
        assert_eq!(format!("{:?}", Sha::of(Vec::new())), "Sha");
    }
}
