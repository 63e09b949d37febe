//! ExternalSecret, SecretStore, ClusterSecretStore and ClusterExternalSecret as the API server stores them.
//!
//! The types are the one source of the chart's CRDs and accept every manifest that External Secrets Operator 2.9 accepts for
//! its AWS provider. They only carry data: nothing here talks to a cluster, checks a combination of fields or knows AWS.
//! What a user may get wrong in a way the schema cannot say (a duration, a regular expression) stays text here, so that it
//! becomes a condition on the object and not an object nobody can read.

mod admission;
pub mod cluster_external_secret;
pub mod crd;
pub mod external_secret;
mod schema;
pub mod status;
pub mod store;
mod version;

pub use cluster_external_secret::{ClusterExternalSecret, ClusterExternalSecretSpec, ClusterExternalSecretStatus};
pub use external_secret::{ExternalSecret, ExternalSecretSpec};
pub use status::{Condition, ExternalSecretStatus, SecretStoreStatus, SourceVersions};
pub use store::{ClusterSecretStore, ClusterSecretStoreSpec, SecretStore, SecretStoreSpec};
pub use version::Version;

/// For fields whose default the schema must not inject: an absent one and one that says the default are the same to us, and
/// an injected one would put Argo CD permanently out of sync.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
