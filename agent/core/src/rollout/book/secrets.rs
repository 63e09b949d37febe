//! The Secrets of all namespaces, as hashes.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::object::ObjectKey;
use crate::rollout::decide::{Change, Current, Currents};
use crate::rollout::decision::{self, Flags};
use crate::rollout::hash::Mac;
use crate::rollout::resource::ResourceName;
use crate::rollout::workload::Workload;

/// What is kept of a Secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretSeen<'a> {
    /// Its resourceVersion.
    pub resource_version: &'a str,
    /// The hash of its data.
    pub mac: Mac,
    /// What its annotations say.
    pub flags: Flags,
}

#[derive(Debug, Default)]
pub(super) struct Secrets {
    by_namespace: HashMap<String, BTreeMap<String, Fact>>,
    /// How many changes of data were seen.
    pub changes: u64,
}

#[derive(Debug)]
struct Fact {
    /// The version, as a number if it is one.
    version: Option<u64>,
    mac: Mac,
    flags: Flags,
    changed: Option<Change>,
}

impl Secrets {
    /// Takes in a Secret; whether that can make a difference to a workload.
    pub fn seen(&mut self, key: &ObjectKey, seen: &SecretSeen<'_>, now: Timestamp) -> bool {
        let version = seen.resource_version.parse().ok();
        let SecretSeen { mac, flags, .. } = *seen;
        let Some(fact) = self.by_namespace.get_mut(&key.namespace).and_then(|facts| facts.get_mut(&key.name)) else {
            let facts = self.by_namespace.entry(key.namespace.clone()).or_default();
            facts.insert(key.name.clone(), Fact { version, mac, flags, changed: None });
            return true;
        };
        if matches!((version, fact.version), (Some(new), Some(old)) if new < old) {
            return false;
        }
        let different = fact.mac != mac || fact.flags != flags;
        if fact.mac != mac {
            self.changes += 1;
            fact.changed = Some(Change { at: now, version, from: fact.mac, number: self.changes });
        }
        (fact.version, fact.mac, fact.flags) = (version, mac, flags);
        different
    }

    pub fn gone(&mut self, key: &ObjectKey) {
        if let Some(facts) = self.by_namespace.get_mut(&key.namespace) {
            facts.remove(&key.name);
            if facts.is_empty() {
                self.by_namespace.remove(&key.namespace);
            }
        }
    }

    /// What a Secret's annotations say; nothing if there is no such Secret.
    pub fn flags(&self, key: &ObjectKey) -> Option<Flags> {
        Some(self.by_namespace.get(&key.namespace)?.get(&key.name)?.flags)
    }

    /// The Secrets that exist and whose change restarts the workload.
    pub fn current<'a>(&self, workload: &'a Workload) -> Currents<'a> {
        let Some(facts) = self.by_namespace.get(&workload.key.object.namespace) else { return Currents::new() };
        let current = |name: &str, fact: &Fact| {
            let container = decision::decide(&workload.triggers, &workload.references, name, fact.flags).ok()?;
            let current = Current { mac: fact.mac, changed: fact.changed, container };
            Some((ResourceName::secret(name), current))
        };
        if workload.triggers.has_patterns() {
            return facts.iter().filter_map(|(name, fact)| current(name, fact)).collect();
        }
        let names = workload.secret_names();
        names.iter().filter_map(|name| current(name, facts.get(name)?)).collect()
    }
}
