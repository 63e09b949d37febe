//! Who waits for whom because of hooks.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cron_job;
use crate::object::ObjectKey;
use crate::rollout::book::{Book, Entry};
use crate::rollout::content::Content;
use crate::rollout::decide::{Current, Currents, Memory};
use crate::rollout::follow::Health;
use crate::rollout::hook::{ATTEMPTS, Hook, Order};
use crate::rollout::resource::ResourceName;
use crate::rollout::restart;
use crate::rollout::workload::{Standing, Workload, WorkloadKey, WorkloadKind};

impl Book {
    /// The Secrets whose change this workload must not be shown yet.
    pub(in crate::rollout::book) fn held_by_hooks(&self, key: &WorkloadKey, now: Timestamp) -> BTreeSet<ResourceName> {
        let namespace = &key.object.namespace;
        let mut held = BTreeSet::new();
        for (_, hook) in self.hooks.all(namespace) {
            let secret = ResourceName::secret(&hook.secret);
            let own = *key == cron_job(ObjectKey::new(namespace, &hook.cron_job));
            let waits = if own {
                self.is_hook_early(key, &secret, now)
            } else {
                // Hooks of the same order do not wait for each other.
                let order = self.entries.get(key).and_then(|entry| entry.workload.hooks.get(&secret));
                hook.order == Order::Before
                    && order != Some(&Order::Before)
                    && self.is_hook_outstanding(namespace, hook, now)
            };
            if waits {
                held.insert(secret);
            }
        }
        held
    }

    /// Whether the hooks of this CronJob may not be run for this Secret yet.
    fn is_hook_early(&self, key: &WorkloadKey, secret: &ResourceName, now: Timestamp) -> bool {
        let Some(entry) = self.entries.get(key) else { return true };
        let Some(content) = self.resources.content(&secret.within(&key.object.namespace)) else { return true };
        // A Job of an earlier token could set the earlier password last. One that was made for this very change, by a
        // process that did not live to record it, is no reason to wait.
        let own = restart::job_name(&entry.workload, entry.memory.runs() + 1, [(secret, content)]);
        !self.can_run(entry)
            || self.hooks.runs.under_way(&key.object, now).any(|(job, _)| *job != own)
            || (entry.workload.hooks.get(secret) == Some(&Order::After)
                && !self.is_rolled_out(key, secret, content, now))
    }

    /// Whether the rollouts of all workloads that this Secret restarts have ended, well or stuck. One that waits for a person
    /// is not waited for.
    fn is_rolled_out(&self, but: &WorkloadKey, secret: &ResourceName, content: Content, now: Timestamp) -> bool {
        let resource = secret.within(&but.object.namespace);
        let flags = self.resources.flags(&resource).unwrap_or_default();
        self.interest.workloads(&resource, &self.entries).iter().all(|key| {
            let Some(entry) = self.entries.get(key) else { return true };
            let Entry { workload, memory, .. } = entry;
            if workload.hooks.contains_key(secret) || workload.container_for(secret, flags).is_none() {
                return true;
            }
            let paused_by_us = workload.standing == Standing::Paused && workload.pausing.since.is_some();
            let waits_for_a_person = workload.standing != Standing::Usual || workload.health == Health::Held;
            let outstanding =
                memory.applied().contains_key(secret) && memory.lacks(secret, content) && entry.failures < ATTEMPTS;
            // A Job that was made anew has what it needs, and may run for days.
            let under_way = workload.key.kind != WorkloadKind::Job && entry.follow.is_under_way(workload, now);
            (waits_for_a_person && !paused_by_us) || !(outstanding || under_way)
        })
    }

    /// Whether the hook has still to be run, or runs, for what the Secret holds. One that cannot be run is not waited for.
    fn is_hook_outstanding(&self, namespace: &str, hook: &Hook, now: Timestamp) -> bool {
        let (object, secret) = (ObjectKey::new(namespace, &hook.cron_job), ResourceName::secret(&hook.secret));
        if self.hooks.runs.under_way(&object, now).any(|(_, of)| *of == secret) {
            return true;
        }
        let Some(entry) = self.entries.get(&cron_job(object)) else { return false };
        let due = self.resources.content(&secret.within(namespace)).is_some_and(|content| {
            entry.memory.applied().contains_key(&secret) && entry.memory.lacks(&secret, content)
        });
        due && self.can_run(entry) && entry.failures < ATTEMPTS
    }

    /// Whether a CronJob may be run for hooks. If Jobs are left alone, nobody would see one end.
    fn can_run(&self, cron_job: &Entry) -> bool {
        cron_job.workload.standing == Standing::Suspended && !self.options.ignored.contains(&WorkloadKind::Job)
    }
}

/// What of these resources the decision may see, and whether a change waits for a hook. Of Secrets that run hooks, it may
/// see one: one token, one Job. Pods get the newest data of all that they use, so a workload that must not see one change
/// yet sees none.
pub(in crate::rollout::book) fn released<'a>(
    workload: &Workload,
    memory: &Memory,
    mut current: Currents<'a>,
    held: &BTreeSet<ResourceName>,
) -> (Currents<'a>, bool) {
    let lacks = |name: &ResourceName, resource: &Current<'_>| memory.lacks(name, resource.content);
    let is_held =
        |current: &Currents<'_>| current.iter().any(|(name, resource)| held.contains(name) && lacks(name, resource));
    let waits = is_held(&current);
    let due = |name: &ResourceName| workload.hooks.contains_key(name) && !held.contains(name);
    let next = current.iter().find(|(name, resource)| due(name) && lacks(name, resource)).map(|(name, _)| name.clone());
    if let Some(next) = next {
        current.retain(|name, _| *name == next);
        return (current, waits);
    }
    current.retain(|name, _| !workload.hooks.contains_key(name));
    if is_held(&current) {
        current.clear();
    }
    (current, waits)
}
