//! Is a target as its ExternalSecret left it?
//!
//! | policy | last outcome | valid |
//! |---|---|---|
//! | None, Orphan | any | always: nothing is written, or what others make of it is kept until the next refresh |
//! | Merge | SecretMissing | while the Secret does not exist: when it appears, it is merged into at once |
//! | any | deleted or retained, because the sources yield nothing | always |
//! | any | synced | while it exists, carries the managed label, and its data has the hash noted beside it |

use k8s_openapi::api::core::v1::Secret;

use super::{DATA_HASH_ANNOTATION, MANAGED_LABEL};
use crate::hash;
use crate::report::Refreshed;
use crate::resource::external_secret::CreationPolicy;

/// Is the Secret as an ExternalSecret left it? (ESO's validity: the managed label, and the hash of the data. Releases up
/// to 0.9 knew no such label, and their hash is an MD5.)
#[must_use]
pub fn is_valid(secret: &Secret) -> bool {
    let noted = secret.metadata.annotations.as_ref().and_then(|annotations| annotations.get(DATA_HASH_ANNOTATION));
    noted.is_some_and(|noted| (is_marked(secret) || noted.len() == 32) && hash::is_of_data(noted, data(secret)))
}

/// Is an object's target as the object left it, given what its status says and the Secret that is there (`None`) or is
/// valid?
#[must_use]
pub fn is_as_left(policy: CreationPolicy, last: Option<Refreshed>, target: Option<bool>) -> bool {
    match (policy, last) {
        (CreationPolicy::None | CreationPolicy::Orphan, _) | (_, Some(Refreshed::Deleted | Refreshed::Retained)) => {
            true
        }
        (CreationPolicy::Merge, Some(Refreshed::Missing)) => target.is_none(),
        _ => target == Some(true),
    }
}

pub(super) fn is_marked(secret: &Secret) -> bool {
    secret.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_LABEL)).is_some_and(|value| value == "true")
}

pub(super) fn data(secret: &Secret) -> impl Iterator<Item = (&str, &[u8])> {
    secret.data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice()))
}
