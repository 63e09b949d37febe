//! Which workloads to look at when a Secret moves.

use std::collections::{BTreeSet, HashMap};

use super::Entry;
use crate::object::ObjectKey;
use crate::rollout::workload::{Workload, WorkloadKey};

#[derive(Debug, Default)]
pub(super) struct Interest {
    /// By the Secrets whose names stand in the workload.
    by_secret: HashMap<ObjectKey, BTreeSet<WorkloadKey>>,
    /// By namespace: those with patterns, for which every name has to be tried.
    by_namespace: HashMap<String, BTreeSet<WorkloadKey>>,
}

impl Interest {
    pub fn add(&mut self, workload: &Workload) {
        for secret in secrets(workload) {
            self.by_secret.entry(secret).or_default().insert(workload.key.clone());
        }
        if workload.triggers.has_patterns() {
            let namespace = workload.key.object.namespace.clone();
            self.by_namespace.entry(namespace).or_default().insert(workload.key.clone());
        }
    }

    pub fn remove(&mut self, workload: &Workload) {
        for secret in secrets(workload) {
            if let Some(workloads) = self.by_secret.get_mut(&secret) {
                workloads.remove(&workload.key);
                if workloads.is_empty() {
                    self.by_secret.remove(&secret);
                }
            }
        }
        let namespace = &workload.key.object.namespace;
        if let Some(workloads) = self.by_namespace.get_mut(namespace) {
            workloads.remove(&workload.key);
            if workloads.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
    }

    /// Most deliveries are of a status; they change nothing here.
    pub fn replace(&mut self, old: &Workload, new: &Workload) {
        let same =
            old.triggers.has_patterns() == new.triggers.has_patterns() && old.secret_names() == new.secret_names();
        if !same {
            self.remove(old);
            self.add(new);
        }
    }

    /// The workloads that this Secret could restart.
    pub fn workloads(&self, secret: &ObjectKey, entries: &HashMap<WorkloadKey, Entry>) -> Vec<WorkloadKey> {
        let named = self.by_secret.get(secret).into_iter().flatten();
        let tried = self.by_namespace.get(&secret.namespace).into_iter().flatten();
        let tried = tried.filter(|key| entries.get(key).is_some_and(|entry| entry.workload.concerns(&secret.name)));
        named.chain(tried).cloned().collect()
    }

    /// Whether any of these Secrets could restart the workload.
    pub fn is_any(workload: &Workload, among: &HashMap<ObjectKey, usize>) -> bool {
        if among.is_empty() {
            return false;
        }
        if workload.triggers.has_patterns() {
            let namespace = &workload.key.object.namespace;
            return among.keys().any(|secret| secret.namespace == *namespace && workload.concerns(&secret.name));
        }
        secrets(workload).any(|secret| among.contains_key(&secret))
    }
}

fn secrets(workload: &Workload) -> impl Iterator<Item = ObjectKey> {
    let namespace = workload.key.object.namespace.clone();
    workload.secret_names().into_iter().map(move |name| ObjectKey { namespace: namespace.clone(), name })
}
