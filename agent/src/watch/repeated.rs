//! ClusterExternalSecrets, which repeat ExternalSecrets over namespaces.

use kube::core::DeserializeGuard;
use rekey_core::resource::ClusterExternalSecret;
use tracing::warn;

use super::Watches;
use super::follow::Seen;

impl Watches {
    pub(super) fn cluster_external_secret(&self, seen: Seen<DeserializeGuard<ClusterExternalSecret>>) {
        let Some(repeated) = &self.repeated else { return };
        match seen {
            Seen::There(guard) => match guard.0 {
                Ok(object) => repeated.seen(object),
                Err(invalid) => {
                    warn!(name = invalid.metadata.name, error = %invalid.error, "ClusterExternalSecret is not readable");
                }
            },
            Seen::Gone(key) => {
                repeated.gone(&key.name);
                self.state.repeated_gone(&key.name);
            }
        }
    }
}
