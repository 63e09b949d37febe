//! What can stand in a case: told in cases/README.md.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::USUAL;
use super::pending::Pending;
use super::workload::{KINDS, Workload};
use crate::table::case::{self, Head};

/// Who plays a case, and for which kinds of workload.
#[derive(Clone, Deserialize)]
pub(super) struct Cast {
    /// The agent of agents.yaml that it is played with.
    #[serde(default = "usual")]
    pub(super) agent: String,
    /// It is played once for each, with the kind in the place of `<kind>`.
    #[serde(default)]
    kinds: Vec<String>,
    /// Its namespace, where the name matters.
    pub(super) namespace: Option<String>,
    /// Of those, the one that this copy of the case is for.
    #[serde(skip)]
    kind: Option<String>,
}

impl Head for Cast {
    const FIELDS: &'static [&'static str] = &["agent", "kinds", "namespace"];
}

pub(super) type Case = case::Case<Cast>;

fn usual() -> String {
    USUAL.to_owned()
}

/// Something that happens, and what is to be seen afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// The agent is killed before, and started again after all of this.
    pub(super) down: bool,
    pub(super) delete: Vec<String>,
    /// Data of Secrets, as text.
    pub(super) secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// Data of ConfigMaps.
    #[serde(rename = "configMaps")]
    pub(super) config_maps: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) workloads: BTreeMap<String, Workload>,
    /// Objects to apply.
    pub(super) apply: Vec<Value>,
    /// Merge patches of objects.
    pub(super) patch: BTreeMap<String, Value>,
    /// Objects that the API server must refuse to change from then on, with these words.
    pub(super) refused: BTreeMap<String, String>,
    /// Workloads that go back to what they were before.
    pub(super) undo: Vec<String>,
    /// How often each workload is restarted; all others of the namespace are not.
    pub(super) restarts: BTreeMap<String, usize>,
    /// What objects look like in the end.
    pub(super) expect: BTreeMap<String, Value>,
    /// After how many seconds at the latest all of it holds.
    pub(super) within: Option<u64>,
}

/// The cases, one for each kind that they are played for.
pub(super) fn each_kind(cases: Vec<Case>, pending: &Pending) -> Result<Vec<Case>> {
    let mut all = Vec::new();
    for case in cases {
        for kind in &case.head.kinds {
            ensure!(KINDS.contains(&kind.as_str()), "{case}: {kind} is no kind of workload");
        }
        let kinds = case.head.kinds.iter().map(|kind| Some(kind.clone()));
        let kinds: Vec<_> = if case.head.kinds.is_empty() { vec![None] } else { kinds.collect() };
        for kind in kinds {
            let mut copy = case.clone();
            if let Some(kind) = &kind {
                copy.name = format!("{} [{kind}]", case.name);
            }
            copy.head.kind = kind;
            copy.pending = pending.of(&copy);
            all.push(copy);
        }
    }
    pending.is_about(&all)?;
    Ok(all)
}

/// The steps in a namespace.
pub(super) fn steps(case: &Case, namespace: &str) -> Result<Vec<Step>> {
    let kind = case.head.kind.as_deref().unwrap_or("Deployment");
    case.steps(&[("<ns>", namespace), ("<kind>", kind)])
}
