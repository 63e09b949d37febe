//! What is owed to an ExternalSecret that is being deleted.
//!
//! ESO puts a finalizer on every object. Rekey needs none: a target that is to go with its object has an owner reference,
//! and Kubernetes deletes it. Objects that ESO had still have to be let go of, as ESO would.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::DeletionPolicy;

/// ESO's finalizer.
pub const FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";

/// Is the object being deleted, and does it wait for its controller?
#[must_use]
pub fn is_awaited(object: &ObjectMeta) -> bool {
    object.deletion_timestamp.is_some() && object.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Does its target go first?
#[must_use]
pub fn takes_target(spec: &ExternalSecretSpec) -> bool {
    spec.target.deletion_policy == DeletionPolicy::Delete
}

/// The finalizers that are left: those of others.
#[must_use]
pub fn finalizers_left(object: &ObjectMeta) -> Vec<String> {
    object.finalizers.iter().flatten().filter(|finalizer| *finalizer != FINALIZER).cloned().collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn only_an_object_that_is_being_deleted_waits_and_others_keep_their_finalizers() {
        let finalizers = Some(vec!["theirs".to_owned(), FINALIZER.to_owned()]);
        let living = ObjectMeta { finalizers, ..ObjectMeta::default() };
        assert!(!is_awaited(&living));
        let going = ObjectMeta { deletion_timestamp: Some(Time(jiff::Timestamp::UNIX_EPOCH)), ..living };
        assert!(is_awaited(&going));
        let left = finalizers_left(&going);
        assert_eq!(left, ["theirs"]);
        assert!(!is_awaited(&ObjectMeta { finalizers: Some(left), ..going }));
    }
}
