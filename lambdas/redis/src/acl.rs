//! What an access list says about a user, and what has to change in it. Nothing here connects.

use std::collections::BTreeSet;
use std::fmt::Write;

use rekey_rotation::engine::EngineError;
use sha2::{Digest, Sha256};

/// SHA-256 of a password in hexadecimal, as the server keeps it and shows it.
pub type Hash = String;

/// The hash of a password.
pub fn hash(password: &str) -> Hash {
    Sha256::digest(password.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A user, as far as passwords go (`ACL GETUSER`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Whether any password is accepted (flag `nopass`).
    pub nopass: bool,
    /// The hashes of its passwords.
    pub hashes: BTreeSet<Hash>,
}

/// What `ACL SETUSER` is to do, as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Hashes of passwords that are accepted from now on.
    pub add: Vec<Hash>,
    /// Hashes of passwords that are accepted no longer.
    pub remove: Vec<Hash>,
}

impl User {
    /// Whether a rotation may change this user's passwords.
    pub fn fit(&self) -> Result<(), EngineError> {
        if self.nopass {
            // The first password that is added would end this, and lock out whoever relies on it.
            return Err(EngineError::Unfit(
                "user accepts any password (nopass), so there is nothing to rotate; give it a password first, with ACL \
                 SETUSER",
            ));
        }
        Ok(())
    }

    /// What makes these the user's passwords, these alone.
    pub fn edit_to(&self, wanted: &BTreeSet<Hash>) -> Edit {
        Edit {
            add: wanted.difference(&self.hashes).cloned().collect(),
            remove: self.hashes.difference(wanted).cloned().collect(),
        }
    }
}

impl Edit {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// The rules in the server's language, additions first.
    pub fn rules(&self) -> impl Iterator<Item = String> {
        let add = self.add.iter().map(|hash| format!("#{hash}"));
        add.chain(self.remove.iter().map(|hash| format!("!{hash}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(hashes: &[&str]) -> BTreeSet<Hash> {
        hashes.iter().map(|&hash| hash.to_owned()).collect()
    }

    #[test]
    fn a_hash_is_what_the_server_computes() {
        // From the documentation of ACL SETUSER.
        assert_eq!(hash("hello"), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    }

    #[test]
    fn two_passwords_stay_and_what_is_there_is_not_set_again() {
        let user = User { nopass: false, hashes: set(&["older", "current"]) };
        let wanted = set(&["current", "pending"]);
        let edit = user.edit_to(&wanted);
        assert_eq!(edit.rules().collect::<Vec<_>>(), ["#pending", "!older"]);
        assert!(User { nopass: false, hashes: wanted.clone() }.edit_to(&wanted).is_empty());
    }

    #[test]
    fn a_user_without_a_password_is_left_alone() {
        let error = User { nopass: true, hashes: BTreeSet::new() }.fit().unwrap_err();
        assert_eq!(error.kind().as_str(), "refused");
        assert!(User::default().fit().is_ok());
    }
}
