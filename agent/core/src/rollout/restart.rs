//! How a workload gets pods with the newest data. What the API server is told differs between the kinds and the
//! strategies; that it happens once for each change, whatever happens in between, does not.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::decide::Currents;
use super::marker::{Marker, Variable};
use super::options::{Options, Strategy};
use super::resource::ResourceName;
use super::stakater;
use super::workload::{Workload, WorkloadKind};

/// Digits of the hash in the name of a Job. With a dash they are 11 characters: a CronJob's name has at most 52, a
/// Job's at most 63 (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>).
const DIGITS: usize = 10;

/// How a workload is restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The marker annotation on the pod template gets this text.
    Annotate(String),
    /// These variables of the pod template's containers are set or removed. Never empty.
    Variables(Vec<Variable>),
    /// An Argo Rollout replaces its pods, with the template as it is.
    At(Timestamp),
    /// A Job of this name is created from the CronJob's template. If it exists already, that was an earlier attempt.
    Run(String),
    /// The Job is deleted and created again.
    Again,
}

impl Restart {
    /// How this workload is restarted for these resources, of which there is at least one; `state` is the text of the
    /// state that is recorded with it.
    #[must_use]
    pub fn of(
        workload: &Workload,
        changed: &[ResourceName],
        current: &Currents<'_>,
        options: &Options,
        state: &str,
        now: Timestamp,
    ) -> Option<Self> {
        match workload.key.kind {
            WorkloadKind::CronJob => return Some(Self::Run(job_name(workload, state))),
            WorkloadKind::Job => return Some(Self::Again),
            WorkloadKind::Rollout if workload.restarts_in_place => return Some(Self::At(now)),
            _ => {}
        }
        if workload.markers.strategy(options.strategy) == Strategy::Variables {
            let variables = variables(workload, changed, current);
            if !variables.is_empty() {
                return Some(Self::Variables(variables));
            }
            // The variables are what they have to be and the pods are not: only something else makes new ones.
        }
        let first = changed.first()?;
        let of = current.get(first)?;
        let namespace = &workload.key.object.namespace;
        let previous = workload.markers.annotation.as_ref();
        Some(Self::Annotate(Marker::new(first, namespace, of.content, of.container, now, previous).render()))
    }
}

/// The variables that have to change, in the order of the resources. Two resources may share one; the last counts.
fn variables(workload: &Workload, changed: &[ResourceName], current: &Currents<'_>) -> Vec<Variable> {
    let mut wanted: Vec<Variable> = Vec::new();
    for name in changed {
        let Some(of) = current.get(name) else { continue };
        let value = match of.content {
            Content::Data(_) => of.sha.map(|sha| sha.to_string()),
            Content::Gone => None,
        };
        let variable = Variable { container: of.container.to_owned(), name: stakater::variable(name), value };
        wanted.retain(|other| (&other.container, &other.name) != (&variable.container, &variable.name));
        wanted.push(variable);
    }
    wanted.retain(|variable| {
        let there = |other: &&Variable| other.container == variable.container && other.name == variable.name;
        let present = workload.markers.variables.iter().find(there);
        present.map(|present| &present.value) != Some(&variable.value)
            && (present.is_some() || variable.value.is_some())
    });
    wanted
}

/// The same for each attempt at the same restart, and another one for each restart.
fn job_name(workload: &Workload, state: &str) -> String {
    let mut sha = Sha256::new();
    sha.update(workload.uid.as_bytes());
    sha.update(state.as_bytes());
    let digest = sha.finalize();
    let mut name = format!("{}-", workload.key.object.name);
    for byte in &digest[..DIGITS / 2] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}
