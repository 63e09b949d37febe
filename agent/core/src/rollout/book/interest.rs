//! Which workloads to look at when a resource moves.

use std::collections::HashMap;

use super::Entry;
use crate::index::few::Few;
use crate::rollout::resource::ResourceKey;
use crate::rollout::workload::{Workload, WorkloadKey};

#[derive(Debug, Default)]
pub(super) struct Interest {
    /// By the resources whose names stand in the workload.
    by_resource: HashMap<ResourceKey, Few<WorkloadKey>>,
    /// By namespace: those with patterns, for which every name has to be tried.
    by_namespace: HashMap<String, Few<WorkloadKey>>,
}

impl Interest {
    pub fn add(&mut self, workload: &Workload) {
        for resource in resources(workload) {
            self.by_resource.entry(resource).or_default().insert(workload.key.clone());
        }
        if workload.has_patterns() {
            let namespace = workload.key.object.namespace.clone();
            self.by_namespace.entry(namespace).or_default().insert(workload.key.clone());
        }
    }

    pub fn remove(&mut self, workload: &Workload) {
        for resource in resources(workload) {
            if let Some(workloads) = self.by_resource.get_mut(&resource) {
                workloads.remove(&workload.key);
                if workloads.is_empty() {
                    self.by_resource.remove(&resource);
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

    /// The workloads that this resource could restart.
    pub fn workloads(&self, resource: &ResourceKey, entries: &HashMap<WorkloadKey, Entry>) -> Vec<WorkloadKey> {
        let local = resource.local();
        let named = self.by_resource.get(resource).into_iter().flatten();
        let tried = self.by_namespace.get(&resource.object.namespace).into_iter().flatten();
        let tried = tried.filter(|key| entries.get(key).is_some_and(|entry| entry.workload.concerns(&local)));
        named.chain(tried).cloned().collect()
    }

    /// Whether any of these resources could restart the workload.
    pub fn is_any(workload: &Workload, among: &HashMap<ResourceKey, usize>) -> bool {
        if among.is_empty() {
            return false;
        }
        if workload.has_patterns() {
            let namespace = &workload.key.object.namespace;
            return among.keys().any(|key| key.object.namespace == *namespace && workload.concerns(&key.local()));
        }
        resources(workload).any(|resource| among.contains_key(&resource))
    }
}

fn resources(workload: &Workload) -> impl Iterator<Item = ResourceKey> {
    let namespace = &workload.key.object.namespace;
    workload.resources().into_iter().map(move |resource| resource.within(namespace.clone()))
}
