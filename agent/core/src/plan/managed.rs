//! Which data, labels and annotations of a Secret a field manager wrote, read from `metadata.managedFields`.
//!
//! What a spec no longer names has to go, and what others added has to stay; only the API server's own record tells the
//! two apart.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::hash;

const PREFIX: &str = "externalsecrets.external-secrets.io/";
/// As ESO counts; the API server would allow 128.
const LONGEST: usize = 63;

/// The name under which targets are written; ESO's, so that each side recognises the other's fields
/// (`externalsecrets.external-secrets.io/<name>`, hashed where that would exceed 63 characters).
#[must_use]
pub fn field_manager(external_secret: &str) -> String {
    if PREFIX.len() + external_secret.len() <= LONGEST {
        format!("{PREFIX}{external_secret}")
    } else {
        format!("{PREFIX}sha3/{}", hash::name(external_secret))
    }
}

/// Who wrote the Secret last, by the API server's record.
#[must_use]
pub fn last_writer(secret: &Secret) -> Option<&str> {
    let entries = secret.metadata.managed_fields.iter().flatten();
    entries.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?.manager.as_deref()
}

/// Keys that one ExternalSecret wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub data: BTreeSet<String>,
    pub labels: BTreeSet<String>,
    pub annotations: BTreeSet<String>,
}

/// What this ExternalSecret wrote. Older releases did not hash long names (the API server allows 128 characters), and
/// newer ones overlook what those wrote; here both names count.
pub(super) fn owned(secret: &Secret, external_secret: &str) -> Owned {
    let (now, before) = (field_manager(external_secret), format!("{PREFIX}{external_secret}"));
    let mut owned = Owned::default();
    for entry in secret.metadata.managed_fields.iter().flatten() {
        if !entry.manager.as_ref().is_some_and(|manager| *manager == now || *manager == before) {
            continue;
        }
        let Some(fields) = &entry.fields_v1 else { continue };
        let metadata = &fields.0["f:metadata"];
        owned.data.extend(keys(&fields.0["f:data"]));
        owned.labels.extend(keys(&metadata["f:labels"]));
        owned.annotations.extend(keys(&metadata["f:annotations"]));
    }
    owned
}

/// FieldsV1 writes a map's keys as `f:<key>`, and the map itself as `.`.
fn keys(fields: &Value) -> impl Iterator<Item = String> {
    fields.as_object().into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:").map(ToOwned::to_owned))
}
