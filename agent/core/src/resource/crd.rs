//! The CustomResourceDefinitions that the chart installs, made from the Rust types.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition,
};
use kube::CustomResourceExt;

use super::{ClusterSecretStore, ExternalSecret, SecretStore};

/// The CRDs of the three kinds, in the order in which people read them.
///
/// Each serves v1 (stored) and v1beta1 with one schema and without a conversion webhook: an object of the one version is the
/// same object with the other version's name.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [ExternalSecret::crd(), SecretStore::crd(), ClusterSecretStore::crd()].into_iter().map(with_both_versions).collect()
}

fn with_both_versions(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.metadata.labels = Some(BTreeMap::from([("external-secrets.io/component".to_owned(), "controller".to_owned())]));
    crd.spec.conversion = Some(CustomResourceConversion { strategy: "None".to_owned(), webhook: None });
    let older = crd.spec.versions.iter().cloned().map(|mut version| {
        "v1beta1".clone_into(&mut version.name);
        version.storage = false;
        version
    });
    let older: Vec<_> = older.collect();
    crd.spec.versions.extend(older);
    crd
}
