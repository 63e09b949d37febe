//! What of a Secret or ConfigMap goes into its hashes. Nothing here outlives the call, and copies of values are wiped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::Metadata;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rekey_core::rollout::resource::ResourceKind;
use rekey_core::rollout::stakater::Sha;
use secrecy::zeroize::Zeroizing;

/// A resource whose data is followed. Type, labels, annotations and `immutable` are no data.
pub trait Followed: Metadata<Ty = ObjectMeta> {
    /// The kind.
    const RESOURCE: ResourceKind;

    /// Its data as the pods get it.
    fn entries(&self) -> BTreeMap<&str, &[u8]>;

    /// The hash of its data as Stakater Reloader takes it.
    fn sha(&self) -> Sha;
}

impl Followed for Secret {
    const RESOURCE: ResourceKind = ResourceKind::Secret;

    fn entries(&self) -> BTreeMap<&str, &[u8]> {
        self.data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice())).collect()
    }

    fn sha(&self) -> Sha {
        Sha::of(self.data.iter().flatten().map(|(key, value)| entry(key, &value.0)).collect())
    }
}

impl Followed for ConfigMap {
    const RESOURCE: ResourceKind = ResourceKind::ConfigMap;

    /// The API server keeps a key out of one half that stands in the other.
    fn entries(&self) -> BTreeMap<&str, &[u8]> {
        let text = self.data.iter().flatten().map(|(key, value)| (key.as_str(), value.as_bytes()));
        let binary = self.binary_data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice()));
        text.chain(binary).collect()
    }

    fn sha(&self) -> Sha {
        let text = self.data.iter().flatten().map(|(key, value)| entry(key, value.as_bytes()));
        let binary =
            self.binary_data.iter().flatten().map(|(key, value)| entry(key, STANDARD.encode(&value.0).as_bytes()));
        Sha::of(text.chain(binary).collect())
    }
}

fn entry(key: &str, value: &[u8]) -> Zeroizing<Vec<u8>> {
    // In one piece: growing would leave copies behind.
    let mut entry = Vec::with_capacity(key.len() + 1 + value.len());
    entry.extend_from_slice(key.as_bytes());
    entry.push(b'=');
    entry.extend_from_slice(value);
    Zeroizing::new(entry)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn both_halves_of_a_config_map_count() {
        let text = |value: &str| Some([("a".to_owned(), value.to_owned())].into());
        let binary = |value: &[u8]| Some([("b".to_owned(), ByteString(value.to_vec()))].into());
        let config_map = |data, binary_data| ConfigMap { data, binary_data, ..ConfigMap::default() };
        let both = config_map(text("1"), binary(&[0xff]));
        assert_eq!(both.entries(), BTreeMap::from([("a", &b"1"[..]), ("b", &[0xff])]));
        let expected = Sha::of(vec![entry("a", b"1"), entry("b", b"/w==")]);
        assert!(both.sha() == expected && config_map(text("2"), binary(&[0xff])).sha() != expected);
        assert!(config_map(text("1"), binary(&[0xfe])).sha() != expected);
    }

    #[test]
    fn a_secret_without_data_has_stakaters_hash_of_nothing() {
        assert_eq!(Secret::default().sha().to_string(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}
