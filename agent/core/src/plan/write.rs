//! The write: what the Secret should be, beside what it is.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::managed::{self, Owned};
use super::{
    CREATED_BY_LABEL, DATA_HASH_ANNOTATION, GROUP, KIND, MANAGED_LABEL, Order, Plan, Refusal, refusal, validity,
};
use crate::hash;
use crate::render::Rendered;
use crate::resource::external_secret::CreationPolicy;

/// Plans the write of a target; see the table above.
#[must_use]
pub fn plan(order: &Order<'_>, existing: Option<&Secret>, rendered: &Rendered) -> Plan {
    let Some(existing) = existing else {
        return match order.policy {
            CreationPolicy::None => Plan::Unchanged,
            CreationPolicy::Merge => Plan::Missing,
            CreationPolicy::Owner | CreationPolicy::Orphan | CreationPolicy::CreateOrMerge => {
                Plan::Create(Box::new(planned(order, None, rendered)))
            }
        };
    };
    if order.policy == CreationPolicy::None {
        return marked_only(existing);
    }
    if let Some(refusal) = refusal::by_controller(order, existing) {
        return Plan::Refuse(refusal);
    }
    let planned = planned(order, Some(existing), rendered);
    if planned == *existing {
        return Plan::Unchanged;
    }
    if let Some(refusal) = refusal::by_rivals(order, existing, &planned) {
        return Plan::Refuse(refusal);
    }
    let data_changes = planned.data != existing.data;
    let frozen = order.immutable || existing.immutable == Some(true);
    if frozen && (data_changes || planned.type_ != existing.type_) {
        return frozen_as_it_is(existing, planned);
    }
    let has_owner = existing.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let known = has_owner || validity::is_marked(existing) || is_ours(order, existing);
    let adopts = !merges(order.policy) && !known;
    Plan::Update { secret: Box::new(planned), data_changes, adopts }
}

/// An immutable Secret keeps its data; its marks say whose it is, and that this is what it holds.
fn frozen_as_it_is(existing: &Secret, planned: Secret) -> Plan {
    let mut secret =
        Secret { data: existing.data.clone(), type_: existing.type_.clone(), immutable: existing.immutable, ..planned };
    note_hash(&mut secret);
    if secret == *existing {
        return Plan::Refuse(Refusal::Immutable);
    }
    Plan::Mark { secret: Box::new(secret), short_of: Some(Refusal::Immutable) }
}

/// ESO marks a Secret that it finds under the name of a target before it looks at the policy. One that has a controller
/// is left to it.
fn marked_only(existing: &Secret) -> Plan {
    if validity::is_marked(existing) || super::controller(&existing.metadata).is_some() {
        return Plan::Unchanged;
    }
    let mut secret = existing.clone();
    secret.metadata.labels.get_or_insert_default().insert(MANAGED_LABEL.to_owned(), "true".to_owned());
    Plan::Mark { secret: Box::new(secret), short_of: None }
}

fn planned(order: &Order<'_>, existing: Option<&Secret>, rendered: &Rendered) -> Secret {
    let mut secret = existing.cloned().unwrap_or_default();
    secret.metadata.namespace = Some(order.target.namespace.clone());
    secret.metadata.name = Some(order.target.name.clone());
    let ours = existing.map(|existing| managed::owned(existing, &order.owner.key.name)).unwrap_or_default();

    let mut data = if merges(order.policy) { secret.data.take().unwrap_or_default() } else { BTreeMap::new() };
    data.retain(|key, _| !ours.data.contains(key));
    data.extend(rendered.data.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().to_vec()))));
    secret.data = Some(data).filter(|data| !data.is_empty());

    metadata(order, &ours, rendered, &mut secret);
    own(order, &mut secret);
    if let Some(type_) = &rendered.type_ {
        secret.type_ = Some(type_.clone());
    } else {
        secret.type_.get_or_insert_with(|| "Opaque".to_owned());
    }
    if order.immutable {
        secret.immutable = Some(true);
    }
    secret
}

fn metadata(order: &Order<'_>, ours: &Owned, rendered: &Rendered, secret: &mut Secret) {
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.retain(|key, _| !ours.labels.contains(key));
    labels.extend(rendered.labels.clone());
    labels.insert(MANAGED_LABEL.to_owned(), "true".to_owned());
    if order.policy == CreationPolicy::Owner {
        labels.insert(CREATED_BY_LABEL.to_owned(), hash::name(&order.owner.key.to_string()));
    } else {
        labels.remove(CREATED_BY_LABEL);
    }

    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.retain(|key, _| !ours.annotations.contains(key));
    annotations.extend(rendered.annotations.clone());
    note_hash(secret);

    for finalizer in &rendered.finalizers {
        let finalizers = secret.metadata.finalizers.get_or_insert_default();
        if !finalizers.contains(finalizer) {
            finalizers.push(finalizer.clone());
        }
    }
}

/// Signs the Secret, or takes the signature away where the policy changed.
fn own(order: &Order<'_>, secret: &mut Secret) {
    let owner = &order.owner;
    if order.policy != CreationPolicy::Owner {
        if let Some(owners) = &mut secret.metadata.owner_references {
            owners.retain(|other| !owner.is_meant_by(other));
        }
        if secret.metadata.owner_references.as_ref().is_some_and(Vec::is_empty) {
            secret.metadata.owner_references = None;
        }
        return;
    }
    let reference = OwnerReference {
        api_version: format!("{GROUP}/v1"),
        kind: KIND.to_owned(),
        name: owner.key.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let owners = secret.metadata.owner_references.get_or_insert_default();
    match owners.iter_mut().find(|other| owner.is_meant_by(other)) {
        // An object created as v1beta1 may have signed with that version; it is the same owner.
        Some(known) => *known = OwnerReference { api_version: known.api_version.clone(), ..reference },
        None => owners.push(reference),
    }
}

fn note_hash(secret: &mut Secret) {
    let hash = hash::data(validity::data(secret));
    secret.metadata.annotations.get_or_insert_default().insert(DATA_HASH_ANNOTATION.to_owned(), hash);
}

fn merges(policy: CreationPolicy) -> bool {
    matches!(policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge)
}

/// Did this ExternalSecret create it? (Releases up to 0.9 did not mark it otherwise.)
fn is_ours(order: &Order<'_>, existing: &Secret) -> bool {
    let created_by = existing.metadata.labels.as_ref().and_then(|labels| labels.get(CREATED_BY_LABEL));
    created_by.is_some_and(|hash| hash::names(&order.owner.key.to_string()).contains(hash))
}
