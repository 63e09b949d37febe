//! The Jobs of hooks. Each is remembered for as long as it exists, however long it has ended: news of it that come late
//! do not bring it to life again.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::object::ObjectKey;
use crate::rollout::hook::HookJob;
use crate::rollout::resource::ResourceName;

#[derive(Debug, Default)]
pub(in crate::rollout::book) struct Runs {
    /// By CronJob and name.
    jobs: HashMap<ObjectKey, BTreeMap<String, Run>>,
}

#[derive(Debug)]
struct Run {
    secret: ResourceName,
    /// Nobody waits for it any longer then, whether its end was seen or not.
    until: Timestamp,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    UnderWay,
    Ended,
    /// It is not there any more, and stays until the next one begins: the answer to its creation may come late.
    Gone,
}

impl Runs {
    /// The Jobs of this CronJob that may still do something, and the Secrets for which they were made.
    pub fn under_way(&self, cron_job: &ObjectKey, now: Timestamp) -> impl Iterator<Item = (&String, &ResourceName)> {
        let jobs = self.jobs.get(cron_job).into_iter().flatten();
        let running = jobs.filter(move |(_, run)| run.stage == Stage::UnderWay && now < run.until);
        running.map(|(name, run)| (name, &run.secret))
    }

    /// A Job as Kubernetes holds it.
    pub fn seen(&mut self, job: &HookJob) {
        let stage = if job.ended { Stage::Ended } else { Stage::UnderWay };
        let run = Run { secret: ResourceName::secret(&job.secret), until: job.until, stage };
        let cron_job = ObjectKey::new(&job.key.namespace, &job.cron_job);
        self.beside(cron_job, &job.key.name).insert(job.key.name.clone(), run);
    }

    /// A Job was created for this Secret, or was there already: unless its end was seen, it runs.
    pub fn began(&mut self, cron_job: &ObjectKey, name: &str, secret: &str, until: Timestamp) {
        let run = Run { secret: ResourceName::secret(secret), until, stage: Stage::UnderWay };
        self.beside(cron_job.clone(), name).entry(name.to_owned()).or_insert(run);
    }

    /// A Job was deleted; the CronJob whose it was, if it was a hook's.
    pub fn gone(&mut self, job: &ObjectKey) -> Option<ObjectKey> {
        let here = self.jobs.iter_mut().filter(|(cron_job, _)| cron_job.namespace == job.namespace);
        let (cron_job, run) = here.into_iter().find_map(|(key, jobs)| Some((key, jobs.get_mut(&job.name)?)))?;
        run.stage = Stage::Gone;
        Some(cron_job.clone())
    }

    /// There is no such CronJob: of its Jobs that are gone nothing is heard again.
    pub fn forget(&mut self, cron_job: &ObjectKey) {
        if let Some(jobs) = self.jobs.get_mut(cron_job) {
            jobs.retain(|_, run| run.stage != Stage::Gone);
            if jobs.is_empty() {
                self.jobs.remove(cron_job);
            }
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The Jobs of a CronJob, of which this one may be the next.
    fn beside(&mut self, cron_job: ObjectKey, name: &str) -> &mut BTreeMap<String, Run> {
        let jobs = self.jobs.entry(cron_job).or_default();
        if !jobs.contains_key(name) {
            jobs.retain(|_, run| run.stage != Stage::Gone);
        }
        jobs
    }
}
