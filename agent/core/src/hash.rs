//! The hashes with which External Secrets Operator remembers what it wrote.
//!
//! They are ESO's, bit for bit, so that a cluster can move between ESO and Rekey without one of them seeing the
//! other's Secret as edited. They are keyless because ESO's are; Rekey's own hashes of data (rollout) have a key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha3::{Digest, Sha3_224};

use crate::value::SecretValue;

/// The annotation `reconcile.external-secrets.io/data-hash`: hex SHA3-224 over Go's `fmt("%+v")` of the Secret's
/// `.data`, a map of byte slices (ESO `pkg/utils.ObjectHash`).
#[must_use]
pub fn data<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let sorted: BTreeMap<&str, &[u8]> = data.into_iter().collect();
    let mut text = zeroize::Zeroizing::new(String::from("map["));
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
    sha3_224(&text)
}

/// [`data`] over values that are about to be written.
#[must_use]
pub fn values(values: &BTreeMap<String, SecretValue>) -> String {
    data(values.iter().map(|(key, value)| (key.as_str(), value.expose())))
}

/// The part of `status.syncedResourceVersion` behind the generation: a hash of the ExternalSecret's own labels and
/// annotations, which is why any annotation (`force-sync`) refreshes an ExternalSecret.
#[must_use]
pub fn metadata(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    sha3_224(&format!("{{annotations:{} labels:{}}}", go_map(annotations), go_map(labels)))
}

/// The label `reconcile.external-secrets.io/created-by`: a hash of `namespace/name`.
#[must_use]
pub fn name(namespaced_name: &str) -> String {
    sha3_224(namespaced_name)
}

fn go_map(map: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

fn sha3_224(text: &str) -> String {
    Sha3_224::digest(text.as_bytes()).iter().fold(String::with_capacity(56), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_vectors_of_eso() {
        let two = [("foo", b"value1".as_slice()), ("bar", b"value2".as_slice())];
        assert_eq!(data(two), "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64");
        let empty = BTreeMap::new();
        assert_eq!(metadata(&empty, &empty), "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2");
        assert_eq!(name("test-ns/test-es"), "c1145ff88fe549e825d73441270e63fa96c3e1caff59dd3a8e49d83d");
    }
}
