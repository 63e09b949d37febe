//! The resources of all namespaces, as hashes.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::rollout::content::Content;
use crate::rollout::decide::{Change, Current, Currents};
use crate::rollout::decision::Flags;
use crate::rollout::hash::Mac;
use crate::rollout::hook::EntryMacs;
use crate::rollout::options::{Creation, Options};
use crate::rollout::resource::{ResourceKey, ResourceName};
use crate::rollout::stakater::Sha;
use crate::rollout::state::Hashes;
use crate::rollout::workload::Workload;

/// How many names that only regular expressions find are remembered of a workload when they are gone. Otherwise there would
/// be no end of them: a Secret for each release of a chart, a ConfigMap for each content.
const GONE: usize = 100;

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
    /// The hashes of a Secret's entries, for hooks.
    pub entries: &'a EntryMacs,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
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
    entries: EntryMacs,
    /// Most never change.
    changed: Option<Box<Change>>,
}

impl Resources {
    /// Takes in a resource; whether that can make a difference to a workload. `appears`: everything there was has been
    /// seen, so one that is not known was not there.
    pub fn seen(&mut self, key: &ResourceKey, seen: &ResourceSeen<'_>, appears: bool, now: Timestamp) -> bool {
        let version = seen.resource_version.parse().ok();
        let ResourceSeen { mac, sha, flags, entries, .. } = *seen;
        let facts = self.by_namespace.entry(key.object.namespace.clone()).or_default();
        let name = key.local();
        let known = facts.get(&name);
        if matches!((version, known.and_then(|fact| fact.version)), (Some(new), Some(old)) if new < old) {
            return false;
        }
        let from = known.map_or(Content::Gone, |fact| fact.mac.into());
        let is_change = from != mac.into() && (known.is_some() || appears);
        let changed = if is_change {
            self.changes += 1;
            Some(Change { at: now, version, from, number: self.changes, asked: true })
        } else {
            let still = |fact: &Fact| Some(Change { asked: fact.flags == flags, ..*fact.changed.as_deref()? });
            known.and_then(still)
        };
        let different = known.is_none_or(|fact| fact.mac != mac || fact.flags != flags);
        facts.insert(name, Fact { version, mac, sha, flags, entries: entries.clone(), changed: changed.map(Box::new) });
        different
    }

    /// Takes in that a resource is gone; whether it was there.
    pub fn gone(&mut self, key: &ResourceKey) -> bool {
        let namespace = &key.object.namespace;
        let Some(facts) = self.by_namespace.get_mut(namespace) else { return false };
        let was_there = facts.remove(&key.local()).is_some();
        if facts.is_empty() {
            self.by_namespace.remove(namespace);
        }
        was_there
    }

    /// What a resource's annotations say; nothing if there is no such resource.
    pub fn flags(&self, key: &ResourceKey) -> Option<Flags> {
        Some(self.fact(key)?.flags)
    }

    /// What it holds.
    pub fn content(&self, key: &ResourceKey) -> Option<Content> {
        Some(self.fact(key)?.mac.into())
    }

    /// The hashes of its entries.
    pub fn entries(&self, key: &ResourceKey) -> Option<&EntryMacs> {
        Some(&self.fact(key)?.entries)
    }

    fn fact(&self, key: &ResourceKey) -> Option<&Fact> {
        self.by_namespace.get(&key.object.namespace)?.get(&key.local())
    }

    /// The resources whose change restarts the workload: those that exist, and those of which its pods have `applied`
    /// data and that are gone. The latter hold what they held, unless somebody minds.
    pub fn current<'a>(&self, workload: &'a Workload, applied: &Hashes, options: &Options) -> Currents<'a> {
        let mut currents = unchanged(workload, applied);
        for (name, current) in currents.iter_mut().filter(|(name, _)| !workload.hooks.contains_key(name)) {
            if options.on_delete && workload.markers.can_lose(name, options.strategy) {
                current.content = Content::Gone;
            }
        }
        let none = BTreeMap::new();
        let facts = self.by_namespace.get(&workload.key.object.namespace).unwrap_or(&none);
        let standing = workload.resources();
        let there: Vec<(&ResourceName, &Fact)> = if workload.has_patterns() {
            facts.iter().collect()
        } else {
            standing.iter().filter_map(|name| facts.get_key_value(name)).collect()
        };
        for (name, fact) in there {
            if let Some(container) = workload.container_for(name, fact.flags) {
                let (content, changed) = (fact.mac.into(), fact.changed.as_deref().copied());
                let stands = standing.binary_search(name).is_ok();
                currents.insert(name.clone(), Current { content, sha: Some(fact.sha), changed, container, stands });
            } else {
                currents.remove(name);
            }
        }
        if options.creation == Creation::RestartsLate {
            // What is awaited is on record, so that a later process knows it if it finds it.
            for name in standing.iter().filter(|name| !facts.contains_key(name) && !workload.hooks.contains_key(name)) {
                if let Some(container) = workload.conceivable_container_for(name) {
                    let awaited =
                        || Current { content: Content::Gone, sha: None, changed: None, container, stands: true };
                    currents.entry(name.clone()).or_insert_with(awaited);
                }
            }
        }
        let mut gone = 0;
        currents.retain(|_, current| {
            gone += usize::from(!current.stands && !current.is_there());
            current.stands || current.is_there() || gone <= GONE
        });
        currents
    }
}

/// The same as far as the pods have data of them, each as it was.
pub(super) fn unchanged<'a>(workload: &'a Workload, applied: &Hashes) -> Currents<'a> {
    let standing = workload.resources();
    let current = |(name, content): (&ResourceName, &Content)| {
        let container = workload.conceivable_container_for(name)?;
        let stands = standing.binary_search(name).is_ok();
        Some((name.clone(), Current { content: *content, sha: None, changed: None, container, stands }))
    };
    applied.iter().filter_map(current).collect()
}
