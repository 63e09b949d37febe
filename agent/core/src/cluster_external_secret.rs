//! ClusterExternalSecret: which ExternalSecrets it asks for, and what is to be done until there are exactly those.
//!
//! As External Secrets Operator has it: one in each chosen namespace, controlled by the ClusterExternalSecret, with its
//! spec, labels and annotations and no others; a foreign one of the same name is a failure of that namespace. What is not
//! asked for any more is found by its owner, so that nothing depends on what the status remembers.

mod finalizers;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};

use crate::object::ObjectKey;
use crate::resource::cluster_external_secret::NamespaceFailure;
use crate::resource::{ClusterExternalSecret, ClusterExternalSecretStatus, Condition, ExternalSecret};
use crate::selector::{self, SelectorProblem};
pub use finalizers::{CLEANUP, leftover, without};

/// ESO's annotation for "refresh now"; each ExternalSecret has its ClusterExternalSecret's, or none.
pub const FORCE_SYNC: &str = "external-secrets.io/force-sync";

const KIND: &str = "ClusterExternalSecret";

/// A namespace, as far as it can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Is it being deleted? Then nothing is made in it.
    pub terminating: bool,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is none yet: create this.
    Create(Box<ExternalSecret>),
    /// It is not as it should be: replace it with this, which has the version it was planned on.
    Update(Box<ExternalSecret>),
    /// It is not asked for any more: delete exactly this object.
    Delete {
        /// Which.
        key: ObjectKey,
        /// Its uid.
        uid: String,
    },
}

impl Step {
    /// A word for the log.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update(_) => "update",
            Self::Delete { .. } => "delete",
        }
    }

    /// The namespace that it is for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Create(object) | Self::Update(object) => object.metadata.namespace.as_deref().unwrap_or_default(),
            Self::Delete { key, .. } => &key.namespace,
        }
    }
}

/// What is to be done for one ClusterExternalSecret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The writes, deletions first; none depends on another.
    pub steps: Vec<Step>,
    /// Namespaces that have what is asked for, once every step for them was done.
    pub provisioned: BTreeSet<String>,
    /// Namespaces that cannot have it, and why.
    pub failed: BTreeMap<String, String>,
}

/// The name of the ExternalSecrets.
#[must_use]
pub fn name(object: &ClusterExternalSecret) -> &str {
    let own = object.metadata.name.as_deref().unwrap_or_default();
    object.spec.external_secret_name.as_deref().unwrap_or(own)
}

/// The ClusterExternalSecret that controls an ExternalSecret, as that says.
#[must_use]
pub fn owner(object: &ExternalSecret) -> Option<&OwnerReference> {
    let mut owners = object.metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true)).filter(|owner| is_ours(owner))
}

/// Its name.
#[must_use]
pub fn controller(object: &ExternalSecret) -> Option<&str> {
    owner(object).map(|owner| owner.name.as_str())
}

/// Does an ExternalSecret matter to a ClusterExternalSecret: by its owner, or by its name?
#[must_use]
pub fn concerns(object: &ClusterExternalSecret, existing: &ExternalSecret) -> bool {
    existing.metadata.name.as_deref() == Some(name(object)) || controller(existing) == object.metadata.name.as_deref()
}

/// Plans. `existing` are the ExternalSecrets that concern it.
#[must_use]
pub fn plan(
    object: &ClusterExternalSecret,
    namespaces: &BTreeMap<String, Namespace>,
    existing: &[impl Borrow<ExternalSecret>],
) -> Plan {
    let mut plan = Plan::default();
    let chosen = match chosen(object, namespaces) {
        Ok(chosen) => chosen,
        Err(problem) => {
            // ESO's word for "no namespace in particular". What is there stays until it can be told again.
            plan.failed.insert("unknown".to_owned(), problem.to_string());
            return plan;
        }
    };
    let mut there: BTreeMap<&str, &ExternalSecret> = BTreeMap::new();
    for existing in existing.iter().map(Borrow::borrow) {
        let namespace = existing.metadata.namespace.as_deref().unwrap_or_default();
        let named = existing.metadata.name.as_deref() == Some(name(object));
        if named {
            there.insert(namespace, existing);
        }
        let wanted = named && chosen.contains(namespace);
        // What is in a namespace that is being deleted goes with it.
        let stays = namespaces.get(namespace).is_none_or(|namespace| namespace.terminating);
        if controller(existing) == object.metadata.name.as_deref() && !wanted && !stays {
            plan.steps.extend(deletion(existing));
        }
    }
    for namespace in chosen {
        match there.get(namespace).copied() {
            None => plan.steps.push(Step::Create(Box::new(wanted(object, namespace, None)))),
            Some(existing) if controller(existing) != object.metadata.name.as_deref() => {
                plan.failed.insert(namespace.to_owned(), "external secret already exists in namespace".to_owned());
                continue;
            }
            Some(existing) => {
                let wanted = wanted(object, namespace, Some(existing));
                if !is_same(&wanted, existing) {
                    plan.steps.push(Step::Update(Box::new(wanted)));
                }
            }
        }
        plan.provisioned.insert(namespace.to_owned());
    }
    plan
}

/// The status after a plan was carried out; texts are ESO's.
#[must_use]
pub fn status(object: &ClusterExternalSecret, plan: &Plan) -> ClusterExternalSecretStatus {
    let ready = plan.failed.is_empty();
    let failure = |(namespace, reason): (&String, &String)| NamespaceFailure {
        namespace: namespace.clone(),
        reason: Some(reason.clone()),
    };
    ClusterExternalSecretStatus {
        external_secret_name: Some(name(object).to_owned()),
        failed_namespaces: plan.failed.iter().map(failure).collect(),
        provisioned_namespaces: plan.provisioned.iter().cloned().collect(),
        conditions: vec![Condition {
            type_: "Ready".to_owned(),
            status: if ready { "True" } else { "False" }.to_owned(),
            message: (!ready).then(|| "one or more namespaces failed".to_owned()),
            ..Condition::default()
        }],
    }
}

/// The namespaces it asks for, without those that are being deleted. None for one that is being deleted itself.
fn chosen<'a>(
    object: &ClusterExternalSecret,
    namespaces: &'a BTreeMap<String, Namespace>,
) -> Result<BTreeSet<&'a str>, SelectorProblem> {
    let mut chosen = BTreeSet::new();
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(chosen);
    }
    let spec = &object.spec;
    let selectors: Vec<&LabelSelector> = spec.namespace_selector.iter().chain(&spec.namespace_selectors).collect();
    for (name, namespace) in namespaces.iter().filter(|(_, namespace)| !namespace.terminating) {
        let mut fits = spec.namespaces.contains(name);
        for selector in &selectors {
            fits |= selector::matches(selector, &namespace.labels)?;
        }
        if fits {
            chosen.insert(name.as_str());
        }
    }
    Ok(chosen)
}

fn deletion(existing: &ExternalSecret) -> Option<Step> {
    let metadata = &existing.metadata;
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let key = ObjectKey::new(metadata.namespace.clone()?, metadata.name.clone()?);
    Some(Step::Delete { key, uid: metadata.uid.clone()? })
}

/// The ExternalSecret as it should be: what others may add (finalizers, further owners) stays.
fn wanted(object: &ClusterExternalSecret, namespace: &str, existing: Option<&ExternalSecret>) -> ExternalSecret {
    let mut wanted = ExternalSecret::new(name(object), object.spec.external_secret_spec.clone());
    if let Some(existing) = existing {
        wanted.metadata = existing.metadata.clone();
        wanted.status.clone_from(&existing.status);
    }
    let mut annotations = object.spec.external_secret_metadata.annotations.clone();
    match object.metadata.annotations.as_ref().and_then(|all| all.get(FORCE_SYNC)) {
        Some(value) => annotations.insert(FORCE_SYNC.to_owned(), value.clone()),
        None => annotations.remove(FORCE_SYNC),
    };
    let metadata = &mut wanted.metadata;
    metadata.namespace = Some(namespace.to_owned());
    metadata.annotations = Some(annotations);
    metadata.labels = Some(object.spec.external_secret_metadata.labels.clone());
    own(object, metadata.owner_references.get_or_insert_default());
    wanted
}

fn own(object: &ClusterExternalSecret, owners: &mut Vec<OwnerReference>) {
    let (name, uid) = (object.metadata.name.clone(), object.metadata.uid.clone());
    let (name, uid) = (name.unwrap_or_default(), uid.unwrap_or_default());
    match owners.iter_mut().find(|owner| is_ours(owner) && owner.name == name) {
        // One of an earlier object of the same name, or one that was signed with another version of the API.
        Some(owner) => {
            owner.uid = uid;
            owner.controller = Some(true);
            owner.block_owner_deletion = Some(true);
        }
        None => owners.push(OwnerReference {
            api_version: "external-secrets.io/v1".to_owned(),
            kind: KIND.to_owned(),
            name,
            uid,
            controller: Some(true),
            block_owner_deletion: Some(true),
        }),
    }
}

fn is_ours(owner: &OwnerReference) -> bool {
    owner.kind == KIND && owner.api_version.starts_with("external-secrets.io/")
}

fn is_same(wanted: &ExternalSecret, existing: &ExternalSecret) -> bool {
    let texts = |map: &Option<BTreeMap<String, String>>| map.clone().unwrap_or_default();
    let (new, old) = (&wanted.metadata, &existing.metadata);
    wanted.spec == existing.spec
        && texts(&new.labels) == texts(&old.labels)
        && texts(&new.annotations) == texts(&old.annotations)
        && new.owner_references == old.owner_references
}

#[cfg(test)]
mod tests;
