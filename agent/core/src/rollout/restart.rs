//! How a workload gets pods with the newest data. What the API server is told differs between the kinds and the
//! strategies; that it happens once for each change, whatever happens in between, does not.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::decide::Currents;
use super::mark::Mark;
use super::marker::{Marker, Variable};
use super::options::{Options, Strategy};
use super::resource::ResourceName;
use super::stakater;
use super::state::State;
use super::workload::{Workload, WorkloadKind};

/// Digits of the hash in the name of a Job. With a dash they are 11 characters: a CronJob's name has at most 52, a
/// Job's at most 63 (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>).
const DIGITS: usize = 10;

/// How a workload is restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Its pod template is marked.
    Mark(Mark),
    /// An Argo Rollout replaces its pods, with the template as it is.
    At(Timestamp),
    /// A Job of this name, with a marked template, is created from the CronJob's. If it exists already, that was an
    /// earlier attempt.
    Run {
        /// Its name.
        job: String,
        /// What marks it.
        mark: Mark,
    },
    /// The Job is deleted and created again, with a marked template.
    Again(Mark),
}

impl Restart {
    /// How this workload is restarted for these resources, of which there is at least one; `state` is recorded with it.
    #[must_use]
    pub fn of(
        workload: &Workload,
        changed: &[ResourceName],
        current: &Currents<'_>,
        options: &Options,
        state: &State,
        now: Timestamp,
    ) -> Option<Self> {
        if workload.restarts_in_place {
            return Some(Self::At(next_second(workload, now)));
        }
        let mark = mark(workload, changed, current, options, now)?;
        Some(match workload.key.kind {
            WorkloadKind::CronJob => {
                let contents = changed.iter().filter_map(|name| Some((name, current.get(name)?.content)));
                Self::Run { job: job_name(workload, state.runs, contents), mark }
            }
            WorkloadKind::Job => Self::Again(mark),
            _ => Self::Mark(mark),
        })
    }
}

/// The time of a restart that pods which were created this very second do not survive. Kubernetes counts in seconds, and two
/// restarts at the same time are one.
fn next_second(workload: &Workload, now: Timestamp) -> Timestamp {
    let next = |time: Timestamp| Timestamp::from_second(time.as_second() + 1).unwrap_or(time);
    let at = next(now);
    if workload.restarted == Some(at) { next(at) } else { at }
}

fn mark(
    workload: &Workload,
    changed: &[ResourceName],
    current: &Currents<'_>,
    options: &Options,
    now: Timestamp,
) -> Option<Mark> {
    if workload.markers.strategy(options.strategy) == Strategy::Variables {
        let variables = variables(workload, changed, current);
        if !variables.is_empty() {
            return Some(Mark::Variables(variables));
        }
        // The variables are what they have to be and the pods are not: only something else makes new ones.
    }
    let first = changed.first()?;
    let of = current.get(first)?;
    let previous = workload.markers.annotation.as_ref();
    let marker = Marker::new(first, &workload.key.object.namespace, of.content, of.container, now, previous);
    Some(Mark::Annotation(marker.render()))
}

/// The variables that have to change, in the order of the resources. One that is there stays in its container, whoever uses
/// the resource by now. Two resources may share one; the last counts.
fn variables(workload: &Workload, changed: &[ResourceName], current: &Currents<'_>) -> Vec<Variable> {
    let mut wanted: Vec<Variable> = Vec::new();
    for resource in changed {
        let Some(of) = current.get(resource) else { continue };
        let value = match of.content {
            Content::Data(_) => of.sha.map(|sha| sha.to_string()),
            Content::Gone => None,
        };
        let name = stakater::variable(resource);
        if let Some(shared) = wanted.iter_mut().find(|other| other.name == name) {
            shared.value = value;
            continue;
        }
        let present = workload.markers.variable(&name);
        let container = present.map_or(of.container, |present| &present.container).to_owned();
        wanted.push(Variable { container, name, value });
    }
    wanted.retain(|variable| match workload.markers.variable(&variable.name) {
        Some(present) => present.value != variable.value,
        None => variable.value.is_some(),
    });
    wanted
}

/// The name of the Job that runs a CronJob because these have come to hold that, as its `runs`-th one, so that a content
/// which comes back is run again. Nothing else goes in: each attempt, whoever makes it, finds the Job of the one before.
#[must_use]
pub fn job_name<'a>(
    workload: &Workload,
    runs: u64,
    contents: impl IntoIterator<Item = (&'a ResourceName, Content)>,
) -> String {
    let mut sha = Sha256::new();
    sha.update(workload.uid.as_bytes());
    sha.update(runs.to_be_bytes());
    for (name, content) in contents {
        sha.update(format!("{name}={content};"));
    }
    let digest = sha.finalize();
    let mut name = format!("{}-", workload.key.object.name);
    for byte in &digest[..DIGITS / 2] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rollout::decide::Current;
    use crate::rollout::testing::{AUTO, Fake, at, content, sha};

    fn workload(kind: WorkloadKind) -> Workload {
        let mut workload = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).workload();
        workload.key.kind = kind;
        workload
    }

    fn restart(workload: &Workload, of: Content, strategy: Strategy, runs: u64) -> Restart {
        let current = Current { content: of, sha: Some(sha(1)), changed: None, container: "main", stands: true };
        let current = BTreeMap::from([(ResourceName::secret("s"), current)]);
        let options = Options { strategy, ..Options::default() };
        let state = State { runs, ..State::default() };
        Restart::of(workload, &[ResourceName::secret("s")], &current, &options, &state, at(0)).expect("a restart")
    }

    fn variable(value: Option<String>) -> Variable {
        Variable { container: "main".to_owned(), name: "STAKATER_S_SECRET".to_owned(), value }
    }

    #[test]
    fn each_kind_is_restarted_in_its_way_and_marked_in_its_own() {
        let set = Mark::Variables(vec![variable(Some(sha(1).to_string()))]);
        for kind in
            [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet, WorkloadKind::Rollout]
        {
            let restart = restart(&workload(kind), content(2), Strategy::Variables, 1);
            assert_eq!(restart, Restart::Mark(set.clone()), "{kind:?}");
        }
        let job = restart(&workload(WorkloadKind::Job), content(2), Strategy::Variables, 1);
        assert_eq!(job, Restart::Again(set.clone()));
        let Restart::Run { job, mark } = restart(&workload(WorkloadKind::CronJob), content(2), Strategy::Variables, 1)
        else {
            panic!("a CronJob runs");
        };
        assert!(job.starts_with("app-") && job.len() == 14 && mark == set, "{job}");

        let Restart::Mark(Mark::Annotation(text)) =
            restart(&workload(WorkloadKind::Deployment), content(2), Strategy::Annotations, 1)
        else {
            panic!("an annotation");
        };
        assert!(text.contains(&content(2).to_string()), "{text}");
    }

    #[test]
    fn a_job_of_a_cron_job_has_one_name_for_each_run() {
        let cron_job = workload(WorkloadKind::CronJob);
        let name = |runs| match restart(&cron_job, content(2), Strategy::Annotations, runs) {
            Restart::Run { job, .. } => job,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(1), name(1));
        assert_ne!(name(1), name(2));
    }

    #[test]
    fn a_variable_goes_with_its_resource_and_what_is_as_it_should_be_falls_back_on_the_annotation() {
        let mut workload = workload(WorkloadKind::Deployment);
        workload.markers.variables = vec![variable(Some("old".to_owned()))];
        let removed = Restart::Mark(Mark::Variables(vec![variable(None)]));
        assert_eq!(restart(&workload, Content::Gone, Strategy::Annotations, 1), removed);

        workload.markers.variables = vec![variable(Some(sha(1).to_string()))];
        let fallen_back = restart(&workload, content(2), Strategy::Variables, 1);
        assert!(matches!(fallen_back, Restart::Mark(Mark::Annotation(_))), "{fallen_back:?}");
    }

    #[test]
    fn a_variable_stays_in_the_container_that_has_it() {
        let mut workload = workload(WorkloadKind::Deployment);
        let elsewhere = |value| Variable { container: "sidecar".to_owned(), ..variable(value) };
        workload.markers.variables = vec![elsewhere(Some("old".to_owned()))];
        for (of, value) in [(content(2), Some(sha(1).to_string())), (Content::Gone, None)] {
            let changed = Restart::Mark(Mark::Variables(vec![elsewhere(value)]));
            assert_eq!(restart(&workload, of, Strategy::Variables, 1), changed);
        }
    }

    #[test]
    fn a_restart_in_place_comes_after_the_pods_that_are_there_and_after_the_last_one() {
        let mut workload = workload(WorkloadKind::Rollout);
        workload.restarts_in_place = true;
        let once = restart(&workload, content(2), Strategy::Annotations, 1);
        assert_eq!(once, Restart::At(at(1_000)));
        workload.restarted = Some(at(1_000));
        assert_eq!(restart(&workload, content(3), Strategy::Annotations, 1), Restart::At(at(2_000)));
    }
}
