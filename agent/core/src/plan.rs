//! From the target as it is and as it should be to the one write that is needed, if any.
//!
//! The target is written as External Secrets Operator writes it, so that moving between ESO and Rekey changes nothing:
//! the same labels, annotations, owner reference and data hash, and nothing of what others put there is touched.

mod managed;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::hash;
use crate::object::ObjectKey;
use crate::render::Rendered;
use crate::value::SecretValue;

/// Marks every Secret that an ExternalSecret produces.
pub const MANAGED_LABEL: &str = "reconcile.external-secrets.io/managed";
/// Tells which ExternalSecret owns it: a hash of `namespace/name`.
pub const CREATED_BY_LABEL: &str = "reconcile.external-secrets.io/created-by";
/// The hash of its data as it was written.
pub const DATA_HASH_ANNOTATION: &str = "reconcile.external-secrets.io/data-hash";

/// The owner of a target, as far as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The ExternalSecret.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
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
    /// Nothing: it is as it should be.
    Unchanged,
    /// It must not be written.
    Refuse(Refusal),
}

/// Why a target must not be written. The texts are ESO's condition messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its controller is another ExternalSecret.
    #[error("target is owned by another ExternalSecret")]
    OwnedByAnother,
    /// Its controller is something else.
    #[error("failed to take ownership of target secret")]
    OwnedByAnotherKind,
    /// The Secret is immutable and its data would change.
    #[error("could not update secret, target is immutable")]
    Immutable,
}

/// The name under which targets are written; ESO's, so that each side recognises the other's fields
/// (`externalsecrets.external-secrets.io/<name>`, hashed where that would exceed 63 characters).
#[must_use]
pub fn field_manager(external_secret: &str) -> String {
    const PREFIX: &str = "externalsecrets.external-secrets.io/";
    if PREFIX.len() + external_secret.len() <= 63 {
        format!("{PREFIX}{external_secret}")
    } else {
        format!("{PREFIX}sha3/{}", hash::name(external_secret))
    }
}

/// Is the Secret as an ExternalSecret left it? (ESO's validity: the managed label, and the hash of the data.)
#[must_use]
pub fn is_valid(secret: &Secret) -> bool {
    let labelled =
        secret.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_LABEL)).is_some_and(|v| v == "true");
    let noted = secret.metadata.annotations.as_ref().and_then(|annotations| annotations.get(DATA_HASH_ANNOTATION));
    labelled && noted.is_some_and(|noted| *noted == data_hash(secret))
}

/// Plans for `creationPolicy: Owner`.
#[must_use]
pub fn plan(
    owner: &Owner,
    target: &ObjectKey,
    existing: Option<&Secret>,
    rendered: &Rendered,
    immutable: bool,
) -> Plan {
    if let Some(refusal) = existing.and_then(|secret| foreign_controller(owner, secret)) {
        return Plan::Refuse(refusal);
    }
    let planned = planned(owner, target, existing, rendered, immutable);
    let Some(existing) = existing else { return Plan::Create(Box::new(planned)) };
    if planned == *existing {
        return Plan::Unchanged;
    }
    let data_changes = planned.data != existing.data;
    if data_changes && existing.immutable == Some(true) {
        return Plan::Refuse(Refusal::Immutable);
    }
    let marked = existing.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(MANAGED_LABEL));
    let has_owner = existing.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    Plan::Update { secret: Box::new(planned), data_changes, adopts: !marked && !has_owner }
}

/// What to do about a target that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Delete exactly this object.
    Delete {
        /// Its uid.
        uid: String,
        /// Its version.
        resource_version: String,
    },
    /// There is nothing of ours.
    Nothing,
}

/// Plans the deletion of a target: only the Secret that this owner controls is ever deleted.
#[must_use]
pub fn removal(owner: &Owner, existing: Option<&Secret>) -> Removal {
    let controlled = |secret: &&Secret| {
        let mut owners = secret.metadata.owner_references.iter().flatten();
        owners.any(|other| other.controller == Some(true) && other.uid == owner.uid)
    };
    let metadata = existing.filter(controlled).map(|secret| &secret.metadata);
    match metadata.map(|metadata| (metadata.uid.clone(), metadata.resource_version.clone())) {
        Some((Some(uid), Some(resource_version))) => Removal::Delete { uid, resource_version },
        _ => Removal::Nothing,
    }
}

fn foreign_controller(owner: &Owner, secret: &Secret) -> Option<Refusal> {
    let controller = secret.metadata.owner_references.iter().flatten().find(|other| other.controller == Some(true))?;
    if controller.uid == owner.uid {
        return None;
    }
    Some(if controller.kind == "ExternalSecret" { Refusal::OwnedByAnother } else { Refusal::OwnedByAnotherKind })
}

fn planned(
    owner: &Owner,
    target: &ObjectKey,
    existing: Option<&Secret>,
    rendered: &Rendered,
    immutable: bool,
) -> Secret {
    let mut secret = existing.cloned().unwrap_or_default();
    secret.metadata.namespace = Some(target.namespace.clone());
    secret.metadata.name = Some(target.name.clone());

    let manager = field_manager(&owner.key.name);
    let ours = existing.map(|existing| managed::owned_metadata(existing, &manager)).unwrap_or_default();
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.retain(|key, _| !ours.labels.contains(key));
    labels.extend(rendered.labels.clone());
    labels.insert(MANAGED_LABEL.to_owned(), "true".to_owned());
    labels.insert(CREATED_BY_LABEL.to_owned(), hash::name(&owner.key.to_string()));

    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.retain(|key, _| !ours.annotations.contains(key));
    annotations.extend(rendered.annotations.clone());
    annotations.insert(DATA_HASH_ANNOTATION.to_owned(), hash::values(&rendered.data));

    own(owner, &mut secret);
    for finalizer in &rendered.finalizers {
        let finalizers = secret.metadata.finalizers.get_or_insert_default();
        if !finalizers.contains(finalizer) {
            finalizers.push(finalizer.clone());
        }
    }
    if let Some(type_) = &rendered.type_ {
        secret.type_ = Some(type_.clone());
    } else {
        secret.type_.get_or_insert_with(|| "Opaque".to_owned());
    }
    if immutable {
        secret.immutable = Some(true);
    }
    secret.data = Some(bytes(&rendered.data)).filter(|data| !data.is_empty());
    secret
}

fn own(owner: &Owner, secret: &mut Secret) {
    let reference = OwnerReference {
        api_version: "external-secrets.io/v1".to_owned(),
        kind: "ExternalSecret".to_owned(),
        name: owner.key.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let owners = secret.metadata.owner_references.get_or_insert_default();
    match owners.iter_mut().find(|other| other.uid == owner.uid) {
        // An object created as v1beta1 may have signed with that version; it is the same owner.
        Some(known) => {
            known.controller = Some(true);
            known.block_owner_deletion = Some(true);
        }
        None => owners.push(reference),
    }
}

fn bytes(values: &BTreeMap<String, SecretValue>) -> BTreeMap<String, ByteString> {
    values.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().to_vec()))).collect()
}

fn data_hash(secret: &Secret) -> String {
    hash::data(secret.data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice())))
}

#[cfg(test)]
mod tests;
