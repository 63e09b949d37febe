//! From the target as it is and as it should be to the one write that is needed, if any.
//!
//! The target is written as External Secrets Operator writes it, so that moving between ESO and Rekey changes nothing:
//! the same labels, annotations, owner reference and data hash, and nothing of what others put there is touched.
//!
//! | creationPolicy | no Secret | a Secret | controller reference, `created-by` |
//! |---|---|---|---|
//! | Owner | created | all of its data replaced; nobody's is adopted, another controller's refused | set |
//! | Orphan | created | all of its data replaced | removed |
//! | Merge | left alone | own keys added, changed, removed; those of others kept | removed |
//! | CreateOrMerge | created | as Merge | removed |
//! | None | left alone | marked as ESO marks it (the managed label), nothing else | as it is |
//!
//! Whatever the policy, a Secret that another ExternalSecret controls is refused.

mod managed;
mod refusal;
mod removal;
mod validity;
mod write;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::object::ObjectKey;
use crate::resource::external_secret::CreationPolicy;

pub use managed::{field_manager, last_writer};
pub use refusal::Refusal;
pub use removal::{Removal, orphan_removal, orphan_selector, removal};
pub use validity::{is_as_left, is_valid};
pub use write::plan;

/// Marks every Secret that an ExternalSecret produces.
pub const MANAGED_LABEL: &str = "reconcile.external-secrets.io/managed";
/// Tells which ExternalSecret owns it: a hash of `namespace/name`.
pub const CREATED_BY_LABEL: &str = "reconcile.external-secrets.io/created-by";
/// The hash of its data as it was written.
pub const DATA_HASH_ANNOTATION: &str = "reconcile.external-secrets.io/data-hash";

/// The group of ExternalSecrets, whichever version.
const GROUP: &str = "external-secrets.io";
const KIND: &str = "ExternalSecret";

/// The owner of a target, as far as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The ExternalSecret.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
}

impl Owner {
    /// Is that a reference to it? By name, as ESO sees it: one that was deleted and made anew still finds its target.
    fn is_meant_by(&self, reference: &OwnerReference) -> bool {
        is_external_secret(reference) && reference.name == self.key.name
    }
}

/// Whose target it is, and what its ExternalSecret says about it.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The ExternalSecret.
    pub owner: Owner,
    /// The Secret.
    pub target: &'a ObjectKey,
    /// `spec.target.creationPolicy`.
    pub policy: CreationPolicy,
    /// `spec.target.immutable`.
    pub immutable: bool,
    /// The names of other ExternalSecrets that write the same Secret.
    pub rivals: &'a [String],
}

/// What to do about a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It does not exist: create this.
    Create(Box<Secret>),
    /// Replace it with this; the resourceVersion it was planned on is in it.
    Update {
        /// The whole object.
        secret: Box<Secret>,
        /// Does any byte of its data change?
        data_changes: bool,
        /// Nobody owned it and no controller had marked it: the user is told that its data is replaced.
        adopts: bool,
    },
    /// Only the marks on it are brought up to date, for its data is not ours to change; `short_of` says so if it should
    /// have.
    Mark {
        /// The whole object.
        secret: Box<Secret>,
        /// Why it does not hold what it should.
        short_of: Option<Refusal>,
    },
    /// Nothing: it is as it should be.
    Unchanged,
    /// Nothing, because it does not exist and is not to be created.
    Missing,
    /// It must not be written.
    Refuse(Refusal),
}

fn is_external_secret(reference: &OwnerReference) -> bool {
    reference.kind == KIND && reference.api_version.split('/').next() == Some(GROUP)
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|other| other.controller == Some(true))
}

#[cfg(test)]
mod tests;
