//! The hooks of all ExternalSecrets, and who waits for whom because of them.
//!
//! A change that has to wait is simply not shown to the decision: nothing else is different about workloads with hooks.
//! Nothing of this is remembered beyond what watches show, so it is the same after a restart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::resources::Resources;
use super::{Book, Entry, Write};
use crate::object::ObjectKey;
use crate::rollout::content::Content;
use crate::rollout::decide::{Current, Currents, Memory};
use crate::rollout::follow::Health;
use crate::rollout::hook::{ATTEMPTS, Hook, HookJob, HookProblem, Order, Run};
use crate::rollout::resource::ResourceName;
use crate::rollout::restart::{self, Restart};
use crate::rollout::state::State;
use crate::rollout::workload::{Standing, Workload, WorkloadKey, WorkloadKind};

/// An ExternalSecret with hooks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Namespace and name.
    pub object: ObjectKey,
    /// Its uid.
    pub uid: String,
}

#[derive(Debug, Default)]
pub(super) struct Hooks {
    by_owner: HashMap<Owner, Vec<Hook>>,
    /// Their Jobs by CronJob and name. Those that have ended stay until the next one begins, so that news of one that come
    /// late do not bring it to life again.
    jobs: HashMap<ObjectKey, BTreeMap<String, HookRun>>,
}

#[derive(Debug)]
struct HookRun {
    secret: ResourceName,
    ended: bool,
}

impl Hooks {
    /// The Secrets for which hooks run this workload.
    pub fn of(&self, key: &WorkloadKey) -> BTreeMap<ResourceName, Order> {
        if key.kind != WorkloadKind::CronJob {
            return BTreeMap::new();
        }
        let here = self.all(&key.object.namespace).filter(|(_, hook)| hook.cron_job == key.object.name);
        let mut hooks: Vec<(ResourceName, Order)> =
            here.map(|(_, hook)| (ResourceName::secret(&hook.secret), hook.order)).collect();
        // Two ExternalSecrets may make one Secret: the earlier order counts.
        hooks.sort_unstable_by(|a, b| b.cmp(a));
        hooks.into_iter().collect()
    }

    fn all<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Owner, &'a Hook)> {
        let here = self.by_owner.iter().filter(move |(owner, _)| owner.object.namespace == namespace);
        here.flat_map(|(owner, hooks)| hooks.iter().map(move |hook| (owner, hook)))
    }

    fn running(&self, cron_job: &ObjectKey) -> impl Iterator<Item = (&String, &ResourceName)> {
        let jobs = self.jobs.get(cron_job).into_iter().flatten().filter(|(_, run)| !run.ended);
        jobs.map(|(name, run)| (name, &run.secret))
    }

    /// The Job of this name, which is new if it was not known.
    fn job(&mut self, cron_job: &ObjectKey, name: &str, secret: &str) -> &mut HookRun {
        let jobs = self.jobs.entry(cron_job.clone()).or_default();
        if !jobs.contains_key(name) {
            jobs.retain(|_, run| !run.ended);
        }
        jobs.entry(name.to_owned()).or_insert_with(|| HookRun { secret: ResourceName::secret(secret), ended: false })
    }
}

impl Book {
    /// An ExternalSecret as Kubernetes holds it: these are its hooks, often none.
    pub fn hooks_seen(&mut self, owner: &Owner, hooks: Vec<Hook>, now: Timestamp) {
        let before = if hooks.is_empty() {
            self.hooks.by_owner.remove(owner)
        } else {
            self.hooks.by_owner.insert(owner.clone(), hooks.clone())
        };
        let before = before.unwrap_or_default();
        if before == hooks {
            return;
        }
        let named: BTreeSet<String> = before.into_iter().chain(hooks).map(|hook| hook.cron_job).collect();
        for name in named {
            let key = cron_job(ObjectKey::new(&owner.object.namespace, name));
            let hooks = self.hooks.of(&key);
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let workload = Workload { hooks, ..entry.workload.clone() };
            self.interest.remove(&entry.workload);
            self.interest.add(&workload);
            entry.workload = workload;
            entry.memory.asks_anew(now);
            self.wake_for_hooks(&key);
        }
    }

    /// An ExternalSecret was deleted.
    pub fn hooks_gone(&mut self, object: &ObjectKey, now: Timestamp) {
        let owners: Vec<Owner> = self.hooks.by_owner.keys().filter(|owner| owner.object == *object).cloned().collect();
        for owner in owners {
            self.hooks_seen(&owner, Vec::new(), now);
        }
    }

    /// A hook's Job as Kubernetes holds it.
    pub(super) fn hook_job_seen(&mut self, job: &HookJob) {
        let object = ObjectKey::new(&job.key.namespace, &job.cron_job);
        self.hooks.job(&object, &job.key.name, &job.secret).ended = job.ended;
        if job.ended {
            self.hook_ended(object);
        }
    }

    /// A workload was deleted, which may have been the Job of a hook.
    pub(super) fn hook_job_gone(&mut self, WorkloadKey { kind, object: job }: &WorkloadKey) {
        if *kind != WorkloadKind::Job {
            return;
        }
        let here = self.hooks.jobs.iter_mut().filter(|(object, _)| object.namespace == job.namespace);
        let run = here.into_iter().find_map(|(object, jobs)| Some((object.clone(), jobs.get_mut(&job.name)?)));
        if let Some((object, run)) = run {
            run.ended = true;
            self.hook_ended(object);
        }
    }

    fn hook_ended(&mut self, object: ObjectKey) {
        let key = cron_job(object);
        self.wake_for_hooks(&key);
        self.queue.push(key);
    }

    /// A Job was created for a hook, or was there already: unless its end was seen, it runs.
    pub(super) fn hook_started(&mut self, write: &Write) {
        if let (Some(Restart::Run { job, .. }), Some(run)) = (&write.restart, &write.hook) {
            self.hooks.job(&write.workload.object, job, &run.secret);
        }
    }

    /// The hooks that cannot be run.
    #[must_use]
    pub fn hook_problems(&self) -> BTreeSet<(Owner, HookProblem)> {
        let all = self.hooks.by_owner.iter().flat_map(|(owner, hooks)| hooks.iter().map(move |hook| (owner, hook)));
        let problem = |(owner, hook): (&Owner, &Hook)| {
            let key = cron_job(ObjectKey::new(&owner.object.namespace, &hook.cron_job));
            let (annotation, cron_job) = (hook.order.annotation(), hook.cron_job.clone());
            if [WorkloadKind::CronJob, WorkloadKind::Job].iter().any(|kind| self.options.ignored.contains(kind)) {
                return Some((owner.clone(), HookProblem::Ignored { annotation, cron_job }));
            }
            let problem = match self.entries.get(&key).map(|entry| entry.workload.standing) {
                None => HookProblem::Missing { annotation, cron_job },
                Some(Standing::Suspended) => return None,
                Some(_) => HookProblem::NotSuspended { annotation, cron_job },
            };
            Some((owner.clone(), problem))
        };
        all.filter_map(problem).collect()
    }

    /// Something about this workload has changed: whoever may have waited for that is looked at again.
    pub(super) fn wake_for_hooks(&mut self, key: &WorkloadKey) {
        if !self.complete || self.hooks.by_owner.is_empty() {
            return;
        }
        let namespace = &key.object.namespace;
        for (_, hook) in self.hooks.all(namespace) {
            let secret = ResourceName::secret(&hook.secret);
            let object = ObjectKey::new(namespace, &hook.cron_job);
            if *key == cron_job(object.clone()) {
                self.queue.extend(self.interest.workloads(&secret.within(namespace), &self.entries));
            } else if hook.order == Order::After
                && self.entries.get(key).is_some_and(|entry| entry.workload.concerns(&secret))
            {
                self.queue.push(cron_job(object));
            }
        }
    }

    /// The Secrets whose change this workload must not be shown yet.
    pub(super) fn held_by_hooks(&self, key: &WorkloadKey) -> BTreeSet<ResourceName> {
        let namespace = &key.object.namespace;
        let mut held = BTreeSet::new();
        for (_, hook) in self.hooks.all(namespace) {
            let secret = ResourceName::secret(&hook.secret);
            let own = *key == cron_job(ObjectKey::new(namespace, &hook.cron_job));
            let waits = if own {
                self.is_hook_early(key, &secret)
            } else {
                // Hooks of the same order do not wait for each other.
                let order = self.entries.get(key).and_then(|entry| entry.workload.hooks.get(&secret));
                hook.order == Order::Before
                    && order != Some(&Order::Before)
                    && self.is_hook_outstanding(namespace, hook)
            };
            if waits {
                held.insert(secret);
            }
        }
        held
    }

    /// Whether the hooks of this CronJob may not be run for this Secret yet.
    fn is_hook_early(&self, key: &WorkloadKey, secret: &ResourceName) -> bool {
        let Some(entry) = self.entries.get(key) else { return true };
        let Some(content) = self.resources.content(&secret.within(&key.object.namespace)) else { return true };
        // A Job of an earlier token could set the earlier password last. One that was made for this very change, by a
        // process that did not live to record it, is no reason to wait.
        let own = restart::job_name(&entry.workload, entry.memory.runs() + 1, [(secret, content)]);
        !self.can_run(entry)
            || self.hooks.running(&key.object).any(|(job, _)| *job != own)
            || (entry.workload.hooks.get(secret) == Some(&Order::After) && !self.is_rolled_out(key, secret, content))
    }

    /// Whether the rollouts of all workloads that this Secret restarts have ended, well or stuck. One that waits for a person
    /// is not waited for.
    fn is_rolled_out(&self, but: &WorkloadKey, secret: &ResourceName, content: Content) -> bool {
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
            (waits_for_a_person && !paused_by_us) || !(outstanding || entry.follow.is_under_way(workload))
        })
    }

    /// Whether the hook has still to be run, or runs, for what the Secret holds. One that cannot be run is not waited for.
    fn is_hook_outstanding(&self, namespace: &str, hook: &Hook) -> bool {
        let (object, secret) = (ObjectKey::new(namespace, &hook.cron_job), ResourceName::secret(&hook.secret));
        if self.hooks.running(&object).any(|(_, of)| *of == secret) {
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

/// Remembers the entries of Secrets that run hooks, so that a later Job can be told which changed.
pub(super) fn note_entries(workload: &Workload, memory: &mut Memory, current: &Currents<'_>, resources: &Resources) {
    for name in workload.hooks.keys() {
        let entries = resources.entries(&name.within(&workload.key.object.namespace));
        if let (Some(resource), Some(entries)) = (current.get(name), entries) {
            memory.note_entries(name, resource.content, entries);
        }
    }
}

/// What of these resources the decision may see. Of Secrets that run hooks, that is one: one token, one Job. Pods get
/// the newest data of all that they use, so a workload that must not see one change yet sees none.
pub(super) fn released<'a>(
    workload: &Workload,
    memory: &Memory,
    mut current: Currents<'a>,
    held: &BTreeSet<ResourceName>,
) -> Currents<'a> {
    let lacks = |name: &ResourceName, resource: &Current<'_>| memory.lacks(name, resource.content);
    let due = |name: &ResourceName| workload.hooks.contains_key(name) && !held.contains(name);
    let next = current.iter().find(|(name, resource)| due(name) && lacks(name, resource)).map(|(name, _)| name.clone());
    if let Some(next) = next {
        current.retain(|name, _| *name == next);
        return current;
    }
    current.retain(|name, _| !workload.hooks.contains_key(name));
    if current.iter().any(|(name, resource)| held.contains(name) && lacks(name, resource)) {
        current.clear();
    }
    current
}

/// What a hook's Job is told, if these changes run one; `state` remembers it.
pub(super) fn run(
    workload: &Workload,
    memory: &Memory,
    changed: &[ResourceName],
    resources: &Resources,
    state: &mut State,
) -> Option<Run> {
    if workload.key.kind == WorkloadKind::CronJob && !changed.is_empty() {
        state.runs += 1;
    }
    let secret = changed.iter().find(|name| workload.hooks.contains_key(name))?;
    let entries = resources.entries(&secret.within(&workload.key.object.namespace))?;
    let mut changed_keys = entries.changed_since(memory.entries(secret));
    if changed_keys.is_empty() {
        changed_keys = entries.changed_since(None);
    }
    state.entries.insert(secret.clone(), entries.clone());
    Some(Run { secret: secret.name.clone(), changed_keys })
}

fn cron_job(object: ObjectKey) -> WorkloadKey {
    WorkloadKey { kind: WorkloadKind::CronJob, object }
}

#[cfg(test)]
mod tests;
