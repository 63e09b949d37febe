//! What decides who a store asks as, and who may use it: namespaces, ServiceAccounts, and Secrets with access keys.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::core::PartialObjectMeta;
use rekey_core::object::ObjectKey;
use rekey_core::store::AccountRole;

use super::{Seen, Watches, key_of};
use crate::state::StoreKey;
use crate::worker::Urgency;

impl Watches {
    pub(super) fn namespace(&self, seen: Seen<PartialObjectMeta<Namespace>>) {
        if let Some(repeated) = &self.repeated {
            match &seen {
                Seen::There(namespace) => repeated.namespace_seen(&namespace.metadata),
                Seen::Gone(key) => repeated.namespace_gone(&key.name),
            }
        }
        let users = match seen {
            Seen::There(namespace) => {
                let name = namespace.metadata.name.unwrap_or_default();
                let labels = namespace.metadata.labels.unwrap_or_default();
                self.rollouts.namespace_seen(&name, Some(&labels));
                self.state.namespace_seen(&name, Some(labels))
            }
            Seen::Gone(key) => {
                self.rollouts.namespace_seen(&key.name, None);
                self.state.namespace_seen(&key.name, None)
            }
        };
        self.wake(users, Vec::new());
    }

    pub(super) fn service_account(&self, seen: Seen<PartialObjectMeta<ServiceAccount>>) {
        let (key, role) = match seen {
            Seen::There(account) => {
                let Some(key) = key_of(&account.metadata) else { return };
                (key, AccountRole::of(account.metadata.annotations.as_ref()))
            }
            Seen::Gone(key) => (key, None),
        };
        let (users, stores) = self.state.account_seen(&key, role);
        self.wake(users, stores);
    }

    /// A Secret changed or went, in which stores may have their keys.
    pub(super) fn keys_changed(&self, secret: &ObjectKey) {
        self.provider.forget_keys(secret);
        let (users, stores) = self.state.keys_changed(secret);
        self.wake(users, stores);
    }

    fn wake(&self, users: Vec<ObjectKey>, stores: Vec<StoreKey>) {
        for user in users {
            self.look(user, Urgency::Routine);
        }
        for store in stores {
            self.stores.look(store);
        }
    }
}
