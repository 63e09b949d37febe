//! Which labels and annotations of an object a field manager wrote, read from `metadata.managedFields`.
//!
//! What a template no longer names has to go, and what others added has to stay; only the API server's own record
//! tells the two apart.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

/// Keys that one manager owns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub labels: BTreeSet<String>,
    pub annotations: BTreeSet<String>,
}

pub(super) fn owned_metadata(secret: &Secret, manager: &str) -> Owned {
    let mut owned = Owned::default();
    for entry in
        secret.metadata.managed_fields.iter().flatten().filter(|entry| entry.manager.as_deref() == Some(manager))
    {
        let Some(fields) = &entry.fields_v1 else { continue };
        let metadata = &fields.0["f:metadata"];
        owned.labels.extend(keys(&metadata["f:labels"]));
        owned.annotations.extend(keys(&metadata["f:annotations"]));
    }
    owned
}

/// FieldsV1 writes a map's keys as `f:<key>`, and the map itself as `.`.
fn keys(fields: &Value) -> impl Iterator<Item = String> {
    fields.as_object().into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:").map(ToOwned::to_owned))
}
