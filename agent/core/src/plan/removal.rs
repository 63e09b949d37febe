//! Which Secrets are deleted: only those that the ExternalSecret controls, and exactly as they were looked at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{CREATED_BY_LABEL, Owner, controller};
use crate::hash;
use crate::object::ObjectKey;

/// A Secret that is to be deleted: exactly this object, exactly as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its name.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

/// Plans the deletion of a Secret; nothing, if it is not ours.
#[must_use]
pub fn removal(owner: &Owner, secret: &ObjectMeta) -> Option<Removal> {
    controller(secret).filter(|controller| owner.is_meant_by(controller))?;
    Some(Removal {
        key: ObjectKey::new(secret.namespace.as_deref()?, secret.name.as_deref()?),
        uid: secret.uid.clone()?,
        resource_version: secret.resource_version.clone()?,
    })
}

/// The label selector under which earlier targets of an ExternalSecret are found.
#[must_use]
pub fn orphan_selector(owner: &ObjectKey) -> String {
    let [now, before] = hash::names(&owner.to_string());
    format!("{CREATED_BY_LABEL} in ({now},{before})")
}

/// Plans the deletion of what the selector found: an earlier target, which its ExternalSecret left when it was given
/// another name. Labels can be copied, so the label alone makes none.
#[must_use]
pub fn orphan_removal(owner: &Owner, target: &ObjectKey, secret: &ObjectMeta) -> Option<Removal> {
    removal(owner, secret).filter(|removal| removal.key != *target)
}
