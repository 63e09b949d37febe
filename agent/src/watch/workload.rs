//! Workloads, and the ConfigMaps that they use. Of an object that nobody asks to follow nothing is kept.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use rekey_core::rollout::resource::ResourceKey;
use rekey_core::rollout::workload::{Restartable, WorkloadKey};
use rekey_core::template_from::TemplateSource;
use tracing::warn;

use super::guard::Guarded;
use super::{Seen, Watches, key_of};

impl Watches {
    pub(super) fn config_map(&self, seen: Seen<ConfigMap>) {
        match seen {
            Seen::There(config_map) => {
                let Some(key) = key_of(&config_map.metadata) else { return };
                self.rollouts.resource_seen(&config_map);
                self.template_changed(&TemplateSource::ConfigMap(key), Some(&config_map.metadata));
            }
            Seen::Gone(key) => {
                self.rollouts.resource_gone(&ResourceKey::config_map(key.clone()));
                self.template_changed(&TemplateSource::ConfigMap(key), None);
            }
        }
    }

    pub(super) fn workload<K: Restartable>(&self, seen: Seen<K>) {
        match seen {
            Seen::There(object) => self.rollouts.workload_seen(&object),
            Seen::Gone(object) => self.rollouts.workload_gone(&WorkloadKey { kind: K::WORKLOAD, object }),
        }
    }

    /// Of a kind whose objects need not be what their CRD's newest version says.
    pub(super) fn guarded_workload<K: Restartable + Resource>(&self, seen: Seen<Guarded<K>>) {
        match seen {
            Seen::There(Guarded(Ok(object))) => self.workload(Seen::There(object)),
            Seen::There(Guarded(Err(invalid))) => {
                let (kind, name) = (K::WORKLOAD.as_str(), &invalid.metadata.name);
                // What stands in the field may be a password: people write them into manifests.
                warn!(kind, name, field = invalid.field, "workload is not readable there; it is left alone");
                if let Some(key) = key_of(&invalid.metadata) {
                    self.workload(Seen::<K>::Gone(key));
                }
            }
            Seen::Gone(key) => self.workload(Seen::<K>::Gone(key)),
        }
    }
}
