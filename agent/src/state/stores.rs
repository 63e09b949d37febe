//! What the state is told about stores and what they are resolved in, and what it tells of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rekey_core::object::ObjectKey;
use rekey_core::resource::SecretStoreSpec;
use rekey_core::store::{self, AccountRole, AwsStore, Dependency, StoreProblem};

use super::inner::Use;
use super::{Labels, Object, State, StoreKey, Validated};

impl State {
    /// A store is there, has changed, or is gone (`None`). Returns the objects that use it.
    #[must_use]
    pub fn store_seen(&self, key: &StoreKey, spec: Option<SecretStoreSpec>) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        if spec.is_none() {
            inner.validated.remove(key);
        }
        if inner.world.store_seen(key, spec) { inner.resolve_all(&Use::Store(key.clone())) } else { Vec::new() }
    }

    /// A store is there, and cannot be parsed. Returns the objects that use it.
    #[must_use]
    pub fn store_unreadable(&self, key: &StoreKey, problem: &str) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        inner.validated.remove(key);
        if inner.world.store_unreadable(key, problem) {
            inner.resolve_all(&Use::Store(key.clone()))
        } else {
            Vec::new()
        }
    }

    /// A namespace is there, with these labels, or gone (`None`). Returns the objects for which that changes something.
    #[must_use]
    pub fn namespace_seen(&self, name: &str, labels: Option<Labels>) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        if inner.world.namespace_seen(name, labels) {
            inner.resolve_users(&Use::Labels(name.to_owned()))
        } else {
            Vec::new()
        }
    }

    /// Every namespace, with its labels.
    #[must_use]
    pub fn namespaces(&self) -> BTreeMap<String, Arc<Labels>> {
        self.lock().world.namespaces().map(|(name, labels)| (name.clone(), Arc::clone(labels))).collect()
    }

    /// A ServiceAccount is there, with this role, or has none. Returns the objects and the stores for which that changes
    /// something.
    #[must_use]
    pub fn account_seen(&self, key: &ObjectKey, role: Option<AccountRole>) -> (Vec<ObjectKey>, Vec<StoreKey>) {
        let mut inner = self.lock();
        if !inner.world.account_seen(key, role) {
            return (Vec::new(), Vec::new());
        }
        let account = Dependency::ServiceAccount(key.clone());
        (inner.resolve_users(&Use::Credentials(account.clone())), inner.world.stores_made_of(&account))
    }

    /// A store's spec.
    #[must_use]
    pub fn store(&self, key: &StoreKey) -> Option<Arc<SecretStoreSpec>> {
        self.lock().world.spec(key).cloned()
    }

    /// Checks a store by itself; see [`store::check`]. `None` if it is gone.
    #[must_use]
    pub fn check_store(&self, key: &StoreKey) -> Option<Result<Option<AwsStore>, StoreProblem>> {
        let inner = self.lock();
        let spec = inner.world.spec(key)?;
        let around = inner.world.around(&inner.options.stores, key.namespace.as_deref().unwrap_or_default());
        Some(store::check(&key.reference(), spec, &around))
    }

    /// A store was validated. One that went meanwhile is forgotten.
    pub fn store_validated(&self, key: &StoreKey, validated: Validated) {
        let mut inner = self.lock();
        if inner.world.spec(key).is_some() {
            inner.validated.insert(key.clone(), validated);
        }
    }

    /// What became of the stores' validations, in order.
    #[must_use]
    pub fn validated_stores(&self) -> Vec<(StoreKey, Validated)> {
        let mut all: Vec<_> = self.lock().validated.iter().map(|(key, validated)| (key.clone(), *validated)).collect();
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// A store can be used again: its objects need not wait for their retries. Returns them.
    #[must_use]
    pub fn store_recovered(&self, key: &StoreKey) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        let users = inner.users(&Use::Store(key.clone()));
        for user in &users {
            inner.objects.get_mut(user).map(Object::forget_failures);
        }
        users
    }

    /// A Secret changed or went. Returns the objects and the stores whose access keys may be others now; what the objects
    /// hold is compared with AWS again.
    #[must_use]
    pub fn keys_changed(&self, secret: &ObjectKey) -> (Vec<ObjectKey>, Vec<StoreKey>) {
        let mut inner = self.lock();
        let keys = Dependency::Secret(secret.clone());
        let users = inner.users(&Use::Credentials(keys.clone()));
        for user in &users {
            if let Some(object) = inner.objects.get_mut(user) {
                object.forget_failures();
                object.checked = None;
            }
        }
        (users, inner.world.stores_made_of(&keys))
    }
}
