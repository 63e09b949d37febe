//! The hashes with which External Secrets Operator remembers what it wrote.
//!
//! They are ESO's, bit for bit, so that a cluster can move between ESO and Rekey without one of them seeing the
//! other's Secret as edited. They are keyless because ESO's are; Rekey's own hashes of data (rollout) have a key.
//!
//! Releases up to 0.9 took the MD5 of the same texts. What they left is recognised, and never written again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::Md5;
use sha3::{Digest, Sha3_224};
use zeroize::Zeroizing;

use crate::value::SecretValue;

/// The annotation `reconcile.external-secrets.io/data-hash`: hex SHA3-224 over Go's `fmt("%+v")` of the Secret's
/// `.data`, a map of byte slices (ESO `pkg/utils.ObjectHash`).
#[must_use]
pub fn data<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    hex::<Sha3_224>(&go_bytes(data))
}

/// [`data`] over values that are about to be written.
#[must_use]
pub fn values(values: &BTreeMap<String, SecretValue>) -> String {
    data(values.iter().map(|(key, value)| (key.as_str(), value.expose())))
}

/// Is that the hash of this data, of whichever release of ESO?
#[must_use]
pub fn is_of_data<'a>(noted: &str, data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> bool {
    is_of(noted, &go_bytes(data))
}

/// The part of `status.syncedResourceVersion` behind the generation: a hash of the ExternalSecret's own labels and
/// annotations, which is why any annotation (`force-sync`) refreshes an ExternalSecret.
#[must_use]
pub fn metadata(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    hex::<Sha3_224>(&go_metadata(labels, annotations))
}

/// Is that the hash of these labels and annotations, of whichever release of ESO?
#[must_use]
pub fn is_of_metadata(noted: &str, labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> bool {
    is_of(noted, &go_metadata(labels, annotations))
}

/// The label `reconcile.external-secrets.io/created-by`: a hash of `namespace/name`.
#[must_use]
pub fn name(namespaced_name: &str) -> String {
    hex::<Sha3_224>(namespaced_name)
}

/// [`name`] as it is written, and as releases up to 0.9 wrote it.
#[must_use]
pub fn names(namespaced_name: &str) -> [String; 2] {
    [name(namespaced_name), hex::<Md5>(namespaced_name)]
}

fn is_of(noted: &str, text: &str) -> bool {
    noted == if noted.len() == 32 { hex::<Md5>(text) } else { hex::<Sha3_224>(text) }
}

fn go_bytes<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Zeroizing<String> {
    let sorted: BTreeMap<&str, &[u8]> = data.into_iter().collect();
    let mut text = Zeroizing::new(String::from("map["));
    for (position, (key, bytes)) in sorted.into_iter().enumerate() {
        let separator = if position == 0 { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{key}:[");
        for (index, byte) in bytes.iter().enumerate() {
            let _ = write!(text, "{}{byte}", if index == 0 { "" } else { " " });
        }
        text.push(']');
    }
    text.push(']');
    text
}

fn go_metadata(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    format!("{{annotations:{} labels:{}}}", go_map(annotations), go_map(labels))
}

fn go_map(map: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text.as_bytes()).iter().fold(String::with_capacity(56), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> [(&'static str, &'static [u8]); 2] {
        [("foo", b"value1".as_slice()), ("bar", b"value2".as_slice())]
    }

    #[test]
    fn equals_the_vectors_of_eso() {
        assert_eq!(data(two()), "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64");
        let empty = BTreeMap::new();
        assert_eq!(metadata(&empty, &empty), "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2");
        assert_eq!(name("test-ns/test-es"), "c1145ff88fe549e825d73441270e63fa96c3e1caff59dd3a8e49d83d");
    }

    /// Computed by Go: `fmt.Sprintf("%x", md5.Sum([]byte(fmt.Sprintf("%+v", object))))`.
    #[test]
    fn recognises_what_older_releases_left() {
        let empty = BTreeMap::new();
        assert!(is_of_data("caa0155759a6a9b3b6ada5a6883ee2bb", two()));
        assert!(is_of_metadata("2f2c636d06132f67992c15a1daeb0a5f", &empty, &empty));
        assert_eq!(names("test-ns/test-es")[1], "a439809eb61b77b295560345a0be556b");
        assert!(is_of_data(&data(two()), two()) && is_of_metadata(&metadata(&empty, &empty), &empty, &empty));
        assert!(!is_of_data("", two()) && !is_of_data("2f2c636d06132f67992c15a1daeb0a5f", two()));
    }
}
