//! ClusterExternalSecrets, which repeat ExternalSecrets over namespaces.

use kube::api::ObjectMeta;
use rekey_core::resource::ClusterExternalSecret;

use super::follow::Seen;
use super::guard::Guarded;
use super::{Watches, Which};

impl Watches {
    pub(super) fn cluster_external_secret(&self, seen: Seen<Guarded<ClusterExternalSecret>>) {
        let Some(repeated) = &self.repeated else { return };
        match seen {
            Seen::There(guard) => match guard.0 {
                Ok(object) => {
                    self.unreadable.is_over(&of(&object.metadata));
                    repeated.seen(object);
                }
                Err(invalid) => self.unreadable.seen(of(&invalid.metadata), invalid),
            },
            Seen::Gone(key) => {
                self.unreadable.is_over(&Which::ClusterExternalSecret(key.name.clone()));
                repeated.gone(&key.name);
                self.state.repeated_gone(&key.name);
            }
        }
    }
}

fn of(metadata: &ObjectMeta) -> Which {
    Which::ClusterExternalSecret(metadata.name.clone().unwrap_or_default())
}
