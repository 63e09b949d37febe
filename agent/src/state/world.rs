//! What objects are resolved in: stores, labels of namespaces, and ServiceAccounts that have a role.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rekey_core::index::relation::Relation;
use rekey_core::object::ObjectKey;
use rekey_core::resource::SecretStoreSpec;
use rekey_core::resource::external_secret::{StoreKind, StoreRef};
use rekey_core::store::{self, AccountRole, AwsStore, Dependency, Rules, StoreProblem, Surroundings};

use super::StoreKey;

/// Labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// See the module's head.
#[derive(Default)]
pub(super) struct World {
    stores: HashMap<StoreKey, Arc<SecretStoreSpec>>,
    /// Those that cannot be parsed, and why.
    unreadable: HashMap<StoreKey, String>,
    /// What the stores' own credentials are made of, where that does not depend on who uses them.
    made_of: Relation<Dependency, StoreKey>,
    namespaces: HashMap<String, Arc<Labels>>,
    accounts: HashMap<ObjectKey, AccountRole>,
}

impl World {
    /// A store is there, as given, or gone. Returns whether that is news.
    pub fn store_seen(&mut self, key: &StoreKey, spec: Option<SecretStoreSpec>) -> bool {
        let was_unreadable = self.unreadable.remove(key).is_some();
        let Some(spec) = spec else {
            self.made_of.remove(key);
            return self.stores.remove(key).is_some() || was_unreadable;
        };
        if self.stores.get(key).is_some_and(|known| **known == spec) {
            return false;
        }
        let dependencies = store::dependencies(&key.reference(), &spec, key.namespace.as_deref().unwrap_or_default());
        self.made_of.upsert(key.clone(), dependencies.into_iter().collect());
        self.stores.insert(key.clone(), Arc::new(spec));
        true
    }

    /// A store is there and cannot be parsed: what it was is forgotten. Returns whether that is news.
    pub fn store_unreadable(&mut self, key: &StoreKey, problem: &str) -> bool {
        self.made_of.remove(key);
        let known = self.stores.remove(key).is_some();
        self.unreadable.insert(key.clone(), problem.to_owned()).is_none_or(|before| before != problem) || known
    }

    /// A namespace is there, with these labels, or gone. Returns whether that is news.
    pub fn namespace_seen(&mut self, name: &str, labels: Option<Labels>) -> bool {
        match labels {
            None => self.namespaces.remove(name).is_some(),
            Some(labels) if self.namespaces.get(name).is_some_and(|known| **known == labels) => false,
            Some(labels) => {
                self.namespaces.insert(name.to_owned(), Arc::new(labels));
                true
            }
        }
    }

    /// A ServiceAccount is there, with this role, or has none. Returns whether that is news.
    pub fn account_seen(&mut self, key: &ObjectKey, role: Option<AccountRole>) -> bool {
        let known = self.accounts.get(key);
        if known == role.as_ref() {
            return false;
        }
        match role {
            None => self.accounts.remove(key),
            Some(role) => self.accounts.insert(key.clone(), role),
        };
        true
    }

    pub fn spec(&self, key: &StoreKey) -> Option<&Arc<SecretStoreSpec>> {
        self.stores.get(key)
    }

    pub fn store(&self, reference: &StoreRef, namespace: &str) -> Option<&SecretStoreSpec> {
        self.spec(&StoreKey::of(reference, namespace)).map(Arc::as_ref)
    }

    /// A store, ready to be read from; see [`store::resolve`].
    pub fn resolve(&self, reference: &StoreRef, around: &Surroundings<'_>) -> Result<AwsStore, StoreProblem> {
        if let Some(problem) = self.unreadable.get(&StoreKey::of(reference, around.namespace)) {
            return Err(StoreProblem::Unreadable {
                kind: store::kind_name(reference.kind),
                name: reference.name.clone(),
                problem: problem.clone(),
            });
        }
        store::resolve(reference, self.store(reference, around.namespace), around)
    }

    pub fn namespaces(&self) -> impl Iterator<Item = (&String, &Arc<Labels>)> {
        self.namespaces.iter()
    }

    /// The stores that credentials in this object make work, or stop.
    pub fn stores_made_of(&self, dependency: &Dependency) -> Vec<StoreKey> {
        self.made_of.users(dependency).cloned().collect()
    }

    pub fn around<'a>(&'a self, rules: &'a Rules, namespace: &'a str) -> Surroundings<'a> {
        let labels = self.namespaces.get(namespace).map(Arc::as_ref);
        Surroundings { rules, namespace, labels, accounts: &self.accounts }
    }

    /// What the answer depends on, beside the stores themselves, when these are resolved for a namespace.
    pub fn looked_at(&self, stores: &BTreeSet<&StoreRef>, namespace: &str) -> LookedAt {
        let mut looked_at = LookedAt::default();
        for reference in stores {
            let Some(spec) = self.store(reference, namespace) else { continue };
            looked_at.labels |= reference.kind == StoreKind::ClusterSecretStore && store::depends_on_labels(spec);
            looked_at.dependencies.extend(store::dependencies(reference, spec, namespace));
        }
        looked_at
    }
}

/// See [`World::looked_at`].
#[derive(Default)]
pub(super) struct LookedAt {
    /// The labels of the namespace.
    pub labels: bool,
    pub dependencies: BTreeSet<Dependency>,
}

impl StoreKey {
    /// The kind and name, as objects refer to it.
    #[must_use]
    pub fn reference(&self) -> StoreRef {
        let kind = if self.namespace.is_some() { StoreKind::SecretStore } else { StoreKind::ClusterSecretStore };
        StoreRef { name: self.name.clone(), kind }
    }
}
