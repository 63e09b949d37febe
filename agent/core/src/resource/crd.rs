//! The CustomResourceDefinitions that the chart installs, made from the Rust types.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition,
};
use kube::CustomResourceExt;

use super::admission::{self, Rule};
use super::{ClusterExternalSecret, ClusterSecretStore, ExternalSecret, SecretStore};

/// The CRDs of the four kinds, in the order in which people read them.
///
/// Each serves v1 (stored) and v1beta1 with one schema and without a conversion webhook: an object of the one version is the
/// same object with the other version's name.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        complete(ExternalSecret::crd(), admission::EXTERNAL_SECRET),
        complete(SecretStore::crd(), admission::STORE),
        complete(ClusterSecretStore::crd(), admission::STORE),
        complete(ClusterExternalSecret::crd(), &[]),
    ]
}

fn complete(mut crd: CustomResourceDefinition, rules: &[Rule]) -> CustomResourceDefinition {
    crd.metadata.labels = Some(BTreeMap::from([("external-secrets.io/component".to_owned(), "controller".to_owned())]));
    crd.spec.conversion = Some(CustomResourceConversion { strategy: "None".to_owned(), webhook: None });
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            admission::add(rules, schema);
        }
    }
    let older = crd.spec.versions.iter().cloned().map(|mut version| {
        "v1beta1".clone_into(&mut version.name);
        version.storage = false;
        version.deprecated = Some(true);
        version
    });
    let older: Vec<_> = older.collect();
    crd.spec.versions.extend(older);
    crd
}
