//! The hooks of all ExternalSecrets: those that there are, and what is told to their Jobs.
//!
//! A change that has to wait is simply not shown to the decision: nothing else is different about workloads with hooks.
//! Nothing of this is remembered beyond what watches show, so it is the same after a restart.

mod order;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use self::runs::Runs;
use super::resources::Resources;
use super::{Book, Write};
use crate::backoff::after;
use crate::object::ObjectKey;
use crate::rollout::decide::{Currents, Memory};
use crate::rollout::hook::{Hook, HookJob, HookProblem, LONGEST, Order, Run};
use crate::rollout::resource::ResourceName;
use crate::rollout::restart::Restart;
use crate::rollout::state::State;
use crate::rollout::workload::{Standing, Workload, WorkloadKey, WorkloadKind};

pub(super) use self::order::released;

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
    /// By namespace and name of the ExternalSecret. One that takes the place of another has what it says itself.
    owned: HashMap<String, BTreeMap<String, Owned>>,
    runs: Runs,
}

#[derive(Debug)]
struct Owned {
    uid: String,
    hooks: Vec<Hook>,
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

    /// All hooks of a namespace, each with the name and uid of its ExternalSecret.
    fn all(&self, namespace: &str) -> impl Iterator<Item = ((&String, &String), &Hook)> {
        let here = self.owned.get(namespace).into_iter().flatten();
        here.flat_map(|(name, owned)| owned.hooks.iter().map(move |hook| ((name, &owned.uid), hook)))
    }

    /// From now on an ExternalSecret has these; it had those.
    fn replace(&mut self, owner: &Owner, hooks: Vec<Hook>) -> Vec<Hook> {
        let ObjectKey { namespace, name } = &owner.object;
        let here = self.owned.entry(namespace.clone()).or_default();
        let before = if hooks.is_empty() {
            here.remove(name)
        } else {
            here.insert(name.clone(), Owned { uid: owner.uid.clone(), hooks })
        };
        if here.is_empty() {
            self.owned.remove(namespace);
        }
        before.map(|owned| owned.hooks).unwrap_or_default()
    }
}

impl Book {
    /// An ExternalSecret as Kubernetes holds it: these are its hooks, often none.
    pub fn hooks_seen(&mut self, owner: &Owner, hooks: Vec<Hook>, now: Timestamp) {
        let before = self.hooks.replace(owner, hooks.clone());
        if before == hooks {
            return;
        }
        let namespace = &owner.object.namespace;
        for hook in before.into_iter().chain(hooks) {
            let key = cron_job(ObjectKey::new(namespace, hook.cron_job));
            let hooks = self.hooks.of(&key);
            if let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.workload.hooks != hooks) {
                let workload = Workload { hooks, ..entry.workload.clone() };
                self.interest.remove(&entry.workload);
                self.interest.add(&workload);
                entry.workload = workload;
                entry.memory.asks_anew(None, now);
            }
            if self.complete {
                // Whoever waited for a hook that is no more, too.
                let secret = ResourceName::secret(hook.secret).within(namespace);
                self.queue.extend(self.interest.workloads(&secret, &self.entries));
                self.queue.push(key);
            }
        }
    }

    /// An ExternalSecret was deleted.
    pub fn hooks_gone(&mut self, object: &ObjectKey, now: Timestamp) {
        self.hooks_seen(&Owner { object: object.clone(), uid: String::new() }, Vec::new(), now);
    }

    /// A hook's Job as Kubernetes holds it.
    pub(super) fn hook_job_seen(&mut self, job: &HookJob) {
        self.hooks.runs.seen(job);
        if job.ended {
            self.hook_ended(ObjectKey::new(&job.key.namespace, &job.cron_job));
        }
    }

    /// A workload was deleted, which may have been a hook's CronJob or its Job.
    pub(super) fn hook_job_gone(&mut self, WorkloadKey { kind, object }: &WorkloadKey) {
        match kind {
            WorkloadKind::CronJob => self.hooks.runs.forget(object),
            WorkloadKind::Job => {
                let Some(of) = self.hooks.runs.gone(object) else { return };
                if !self.entries.contains_key(&cron_job(of.clone())) {
                    self.hooks.runs.forget(&of);
                }
                self.hook_ended(of);
            }
            _ => {}
        }
    }

    fn hook_ended(&mut self, object: ObjectKey) {
        let key = cron_job(object);
        self.wake_for_hooks(&key);
        self.queue.push(key);
    }

    /// A Job was created for a hook, or was there already.
    pub(super) fn hook_started(&mut self, write: &Write, now: Timestamp) {
        if let (Some(Restart::Run { job, .. }), Some(run)) = (&write.restart, &write.hook) {
            self.hooks.runs.began(&write.workload.object, job, &run.secret, after(now, LONGEST));
        }
    }

    /// The hooks that cannot be run.
    #[must_use]
    pub fn hook_problems(&self) -> BTreeSet<(Owner, HookProblem)> {
        let mut problems = BTreeSet::new();
        for namespace in self.hooks.owned.keys().filter(|namespace| self.reach.has_namespace(namespace)) {
            for ((name, uid), hook) in self.hooks.all(namespace) {
                let owner = Owner { object: ObjectKey::new(namespace, name), uid: uid.clone() };
                problems.extend(self.hook_problem(namespace, hook).map(|problem| (owner, problem)));
            }
        }
        problems
    }

    fn hook_problem(&self, namespace: &str, hook: &Hook) -> Option<HookProblem> {
        let key = cron_job(ObjectKey::new(namespace, &hook.cron_job));
        let (annotation, cron_job) = (hook.order.annotation(), hook.cron_job.clone());
        if [WorkloadKind::CronJob, WorkloadKind::Job].iter().any(|kind| self.options.ignored.contains(kind)) {
            return Some(HookProblem::Ignored { annotation, cron_job });
        }
        match self.entries.get(&key).map(|entry| entry.workload.standing) {
            None | Some(Standing::Deleted) => Some(HookProblem::Missing { annotation, cron_job }),
            Some(Standing::Suspended) => None,
            Some(_) => Some(HookProblem::NotSuspended { annotation, cron_job }),
        }
    }

    /// Something about this workload has changed: whoever may have waited for that is looked at again.
    pub(super) fn wake_for_hooks(&mut self, key: &WorkloadKey) {
        if !self.complete {
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
