//! The resources of all namespaces, as hashes.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::rollout::content::Content;
use crate::rollout::decide::{Change, Current, Currents};
use crate::rollout::decision::{self, Flags};
use crate::rollout::hash::Mac;
use crate::rollout::resource::{ResourceKey, ResourceName};
use crate::rollout::stakater::Sha;
use crate::rollout::workload::Workload;

/// What is kept of a resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceSeen<'a> {
    /// Its resourceVersion.
    pub resource_version: &'a str,
    /// The hash of its data.
    pub mac: Mac,
    /// The hash of its data for markers in Stakater Reloader's variables.
    pub sha: Sha,
    /// What its annotations say.
    pub flags: Flags,
}

#[derive(Debug, Default)]
pub(super) struct Resources {
    by_namespace: HashMap<String, BTreeMap<ResourceName, Fact>>,
    /// How many changes of data were seen.
    pub changes: u64,
}

#[derive(Debug)]
struct Fact {
    /// The version, as a number if it is one.
    version: Option<u64>,
    mac: Mac,
    sha: Sha,
    flags: Flags,
    changed: Option<Change>,
}

impl Resources {
    /// Takes in a resource; whether that can make a difference to a workload.
    pub fn seen(&mut self, key: &ResourceKey, seen: &ResourceSeen<'_>, now: Timestamp) -> bool {
        let version = seen.resource_version.parse().ok();
        let ResourceSeen { mac, sha, flags, .. } = *seen;
        let (namespace, name) = (&key.object.namespace, key.local());
        let Some(fact) = self.by_namespace.get_mut(namespace).and_then(|facts| facts.get_mut(&name)) else {
            let facts = self.by_namespace.entry(namespace.clone()).or_default();
            facts.insert(name, Fact { version, mac, sha, flags, changed: None });
            return true;
        };
        if matches!((version, fact.version), (Some(new), Some(old)) if new < old) {
            return false;
        }
        let different = fact.mac != mac || fact.flags != flags;
        if fact.mac != mac {
            self.changes += 1;
            fact.changed = Some(Change { at: now, version, from: fact.mac.into(), number: self.changes });
        }
        *fact = Fact { version, mac, sha, flags, changed: fact.changed };
        different
    }

    pub fn gone(&mut self, key: &ResourceKey) {
        let namespace = &key.object.namespace;
        if let Some(facts) = self.by_namespace.get_mut(namespace) {
            facts.remove(&key.local());
            if facts.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
    }

    /// What a resource's annotations say; nothing if there is no such resource.
    pub fn flags(&self, key: &ResourceKey) -> Option<Flags> {
        Some(self.by_namespace.get(&key.object.namespace)?.get(&key.local())?.flags)
    }

    /// The resources that exist and whose change restarts the workload.
    pub fn current<'a>(&self, workload: &'a Workload) -> Currents<'a> {
        let Some(facts) = self.by_namespace.get(&workload.key.object.namespace) else { return Currents::new() };
        let current = |name: &ResourceName, fact: &Fact| {
            let triggers = workload.triggers.of(name.kind);
            let container = decision::decide(triggers, &workload.references, name, fact.flags).ok()?;
            let content = Content::Data(fact.mac);
            Some((name.clone(), Current { content, sha: Some(fact.sha), changed: fact.changed, container }))
        };
        if workload.has_patterns() {
            return facts.iter().filter_map(|(name, fact)| current(name, fact)).collect();
        }
        workload.resources().iter().filter_map(|name| current(name, facts.get(name)?)).collect()
    }
}
