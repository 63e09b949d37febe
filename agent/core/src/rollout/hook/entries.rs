//! Which keys of a Secret changed: a short keyed hash of each of its entries.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::object::ObjectKey;
use crate::rollout::hash::HashKey;
use crate::rollout::resource::ResourceKind;

/// Of a Secret with more keys nothing is kept. They would not fit into a variable either.
const MOST: usize = 256;

/// Digits of each hash: enough to tell two values of one key apart.
const DIGITS: usize = 16;

/// A hash of each entry of a Secret, in one piece of text, as it stands in the state: `key:hash key:hash`. A key has
/// neither blanks nor colons. Without any it says nothing about the Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryMacs(Box<str>);

impl EntryMacs {
    /// Hashes the entries of the Secret of this name, which are sorted by key.
    #[must_use]
    pub fn of<'a>(key: &HashKey, secret: &ObjectKey, data: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> Self {
        if data.len() > MOST {
            return Self::default();
        }
        let mut text = String::new();
        for (name, value) in data {
            let blank = if text.is_empty() { "" } else { " " };
            let mac = key.hash(ResourceKind::Secret, secret, std::iter::once((name, value))).to_string();
            // Writing to a String cannot fail.
            let _ = write!(text, "{blank}{name}:{}", &mac[..DIGITS]);
        }
        Self(text.into())
    }

    /// Reads what `Display` writes. What is not of that form only makes keys look changed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.into())
    }

    /// The keys that were added, changed or removed since, in order; all keys if nothing is known of before.
    #[must_use]
    pub fn changed_since(&self, before: Option<&Self>) -> Vec<String> {
        let (new, old) = (self.by_key(), before.map(Self::by_key).unwrap_or_default());
        let mut changed: Vec<String> = new.iter().filter(|(key, mac)| old.get(*key) != Some(mac)).map(name).collect();
        changed.extend(old.iter().filter(|(key, _)| !new.contains_key(*key)).map(name));
        changed.sort_unstable();
        changed
    }

    fn by_key(&self) -> BTreeMap<&str, &str> {
        self.0.split(' ').filter_map(|entry| entry.split_once(':')).collect()
    }
}

fn name((key, _): (&&str, &&str)) -> String {
    (*key).to_owned()
}

impl fmt::Display for EntryMacs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::hash::KEY_LENGTH;

    fn macs(data: &[(&str, &str)]) -> EntryMacs {
        let data: BTreeMap<&str, &[u8]> = data.iter().map(|(key, value)| (*key, value.as_bytes())).collect();
        EntryMacs::of(&HashKey::new(&[1; KEY_LENGTH]).unwrap(), &ObjectKey::new("ns", "s"), data.into_iter())
    }

    #[test]
    fn keys_that_were_added_changed_or_removed_are_named() {
        let before = macs(&[("same", "1"), ("gone", "2"), ("new-value", "3")]);
        let after = macs(&[("same", "1"), ("new-value", "4"), ("added", "2")]);
        assert_eq!(after.changed_since(Some(&before)), ["added", "gone", "new-value"]);
        assert_eq!(after.changed_since(Some(&after)), [""; 0]);
        assert_eq!(after.changed_since(None), ["added", "new-value", "same"]);
        assert_eq!(macs(&[]).changed_since(Some(&macs(&[("a", "1")]))), ["a"]);
    }

    #[test]
    fn text_form_goes_there_and_back_and_tells_no_value() {
        let macs = macs(&[("a.b-c_D", "hunter2"), ("user", "hunter2")]);
        let text = macs.to_string();
        assert_eq!(EntryMacs::parse(&text), macs);
        let hashes: Vec<&str> = text.split([' ', ':']).collect();
        assert_eq!((hashes[0], hashes[2], hashes.len()), ("a.b-c_D", "user", 4));
        assert!(hashes[1].len() == DIGITS && hashes[1] != hashes[3], "equal values look different: {text}");
    }

    #[test]
    fn of_a_secret_with_very_many_keys_nothing_is_kept() {
        let names: Vec<String> = (0..=MOST).map(|number| format!("k{number:04}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(macs(&many), EntryMacs::default());
        assert_eq!(macs(&many[1..]).changed_since(None).len(), MOST);
        assert!(EntryMacs::parse("nonsense").changed_since(None).is_empty());
    }
}
