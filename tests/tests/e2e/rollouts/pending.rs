//! What is not built yet: pending.yaml. A case that waits for something is played and told, and fails nothing; one that holds
//! all the same fails until its line is taken away.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::case::Case;

/// By name, what is waited for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pending {
    /// All cases that are played with an agent.
    agents: BTreeMap<String, String>,
    /// All cases of a file.
    topics: BTreeMap<String, String>,
    /// Cases whose name contains this.
    cases: BTreeMap<String, String>,
}

impl Pending {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)?;
        serde_yaml_ng::from_str(&text).with_context(|| format!("read {}", file.display()))
    }

    /// What the case waits for.
    pub(super) fn of(&self, case: &Case) -> Option<String> {
        let by_name = self.cases.iter().find(|(words, _)| case.name.contains(words.as_str()));
        let of = self.agents.get(&case.head.agent).or_else(|| self.topics.get(&case.topic));
        of.or(by_name.map(|(_, what)| what)).cloned()
    }

    /// Does each line concern a case?
    pub(super) fn is_about(&self, cases: &[Case]) -> Result<()> {
        let idle: Vec<&String> = self
            .agents
            .keys()
            .filter(|agent| !cases.iter().any(|case| case.head.agent == **agent))
            .chain(self.topics.keys().filter(|topic| !cases.iter().any(|case| case.topic == **topic)))
            .chain(self.cases.keys().filter(|words| !cases.iter().any(|case| case.name.contains(words.as_str()))))
            .collect();
        ensure!(idle.is_empty(), "pending.yaml names what there is not: {idle:?}");
        Ok(())
    }
}
