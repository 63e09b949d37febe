//! Hooks: a command that is run once for each new token, because a program reads a credential only when it first starts
//! and keeps it in a database of its own from then on.
//!
//! An annotation of the ExternalSecret names a suspended CronJob beside it. To the [`super::book::Book`] that CronJob is
//! a workload like any other, which the target of the ExternalSecret restarts: a Job is made from its template. So all
//! that holds for restarts holds for hooks: first sight runs nothing, nothing is run twice or lost, whatever ends in
//! between. What is added is the order: the restarts for that Secret wait for the end of the Job, or it for theirs.

mod entries;
mod job;

use std::fmt;

pub use entries::EntryMacs;
pub use job::{ATTEMPTS, HookJob, LONGEST, Run};

use super::annotations::Annotations;

/// When a hook's Job is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Before the workloads that use the Secret are restarted: they wait until it has ended.
    Before,
    /// After them: it waits until their rollouts have ended.
    After,
}

impl Order {
    const ALL: [Self; 2] = [Self::Before, Self::After];

    /// The annotation of an ExternalSecret that names the CronJob.
    #[must_use]
    pub fn annotation(self) -> &'static str {
        match self {
            Self::Before => "rekey.dev/before-restart",
            Self::After => "rekey.dev/after-restart",
        }
    }
}

/// What one annotation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The CronJob's name; its namespace is the ExternalSecret's.
    pub cron_job: String,
    /// The Secret that the ExternalSecret produces.
    pub secret: String,
    /// When.
    pub order: Order,
}

impl Hook {
    /// Reads the annotations of an ExternalSecret that produces `secret`. Where both name the same CronJob, the first
    /// counts: one token, one Job.
    #[must_use]
    pub fn read(annotations: &Annotations, secret: &str) -> Vec<Self> {
        let mut hooks: Vec<Self> = Vec::new();
        for order in Order::ALL {
            let named = annotations.get(order.annotation()).map(|name| name.trim()).filter(|name| !name.is_empty());
            let Some(cron_job) = named else { continue };
            if hooks.iter().all(|hook| hook.cron_job != cron_job) {
                hooks.push(Self { cron_job: cron_job.to_owned(), secret: secret.to_owned(), order });
            }
        }
        hooks
    }
}

/// Why a hook cannot be run. Nothing waits for such a one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum HookProblem {
    /// There is no such CronJob.
    #[error(
        "the annotation {annotation} names the CronJob {cron_job}, which does not exist in this namespace; create it, with spec.suspend: true"
    )]
    Missing {
        /// The annotation.
        annotation: &'static str,
        /// The CronJob.
        cron_job: String,
    },
    /// Rekey is told to leave such objects alone.
    #[error(
        "the annotation {annotation} names the CronJob {cron_job}, but Rekey leaves CronJobs or Jobs alone; set createJobs to true in its chart, and have it ignore neither kind"
    )]
    Ignored {
        /// The annotation.
        annotation: &'static str,
        /// The CronJob.
        cron_job: String,
    },
    /// It has a schedule of its own.
    #[error(
        "the annotation {annotation} names the CronJob {cron_job}, which is not suspended; set its spec.suspend to true, so that it runs for changes only"
    )]
    NotSuspended {
        /// The annotation.
        annotation: &'static str,
        /// The CronJob.
        cron_job: String,
    },
}

impl HookProblem {
    /// Tells it from every other problem of the same ExternalSecret, in a form that fits into names.
    #[must_use]
    pub fn identity(&self) -> String {
        let (kind, cron_job) = match self {
            Self::Missing { cron_job, .. } => ("missing", cron_job),
            Self::Ignored { cron_job, .. } => ("ignored", cron_job),
            Self::NotSuspended { cron_job, .. } => ("not-suspended", cron_job),
        };
        // Anything may stand in an annotation.
        let plain = |letter: char| if letter.is_ascii_lowercase() || letter.is_ascii_digit() { letter } else { '-' };
        format!("{}-{kind}", cron_job.chars().map(plain).take(63).collect::<String>())
    }
}

impl fmt::Display for Order {
    /// As in "it is run … the restart".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> Vec<(String, Order)> {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let hooks = Hook::read(&annotations, "s");
        assert!(hooks.iter().all(|hook| hook.secret == "s"));
        hooks.into_iter().map(|hook| (hook.cron_job, hook.order)).collect()
    }

    #[test]
    fn each_annotation_names_a_cron_job() {
        let (before, after) = ("rekey.dev/before-restart", "rekey.dev/after-restart");
        let hook = |name: &str, order| (name.to_owned(), order);
        assert_eq!(read(&[("rekey.dev/refresh", "events")]), []);
        assert_eq!(read(&[(before, "a")]), [hook("a", Order::Before)]);
        assert_eq!(read(&[(after, " a ")]), [hook("a", Order::After)]);
        assert_eq!(read(&[(after, "a"), (before, "b")]), [hook("b", Order::Before), hook("a", Order::After)]);
        assert_eq!(read(&[(after, "a"), (before, "a")]), [hook("a", Order::Before)]);
        assert_eq!(read(&[(after, ""), (before, " ")]), []);
    }
}
