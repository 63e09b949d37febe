//! What is not built yet: pending.yaml. A case that waits for something is played and told, and fails nothing; but a line
//! whose cases all hold has to go.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::case::Case;
use crate::table::report::Outcome;

/// By name, what is waited for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pending {
    /// All cases that are played with an agent whose name contains this.
    agents: BTreeMap<String, String>,
    /// All cases of a file whose name does.
    topics: BTreeMap<String, String>,
    /// Cases whose own name does.
    cases: BTreeMap<String, String>,
}

impl Pending {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)?;
        serde_yaml_ng::from_str(&text).with_context(|| format!("read {}", file.display()))
    }

    /// What the case waits for.
    pub(super) fn of(&self, case: &Case) -> Option<String> {
        self.lines().find(|line| line.concerns(case)).map(|line| line.what.clone())
    }

    /// Does each line concern a case?
    pub(super) fn is_about(&self, cases: &[Case]) -> Result<()> {
        let idle = self.lines().filter(|line| !cases.iter().any(|case| line.concerns(case)));
        let idle: Vec<&String> = idle.map(|line| line.words).collect();
        ensure!(idle.is_empty(), "pending.yaml names what there is not: {idle:?}");
        Ok(())
    }

    /// The lines whose cases all hold.
    pub(super) fn ready(&self, outcomes: &[(&Case, Outcome)]) -> Vec<String> {
        let ready = self.lines().filter(|line| {
            let mut of = outcomes.iter().filter(|(case, _)| line.concerns(case)).peekable();
            of.peek().is_some() && of.all(|(_, outcome)| outcome.result.is_ok())
        });
        ready.map(|line| line.words.clone()).collect()
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let agents = self.agents.iter().map(|(words, what)| Line { words, what, field: |case| &case.head.agent });
        let topics = self.topics.iter().map(|(words, what)| Line { words, what, field: |case| &case.topic });
        let cases = self.cases.iter().map(|(words, what)| Line { words, what, field: |case| &case.name });
        agents.chain(topics).chain(cases)
    }
}

struct Line<'a> {
    words: &'a String,
    what: &'a String,
    field: fn(&Case) -> &str,
}

impl Line<'_> {
    fn concerns(&self, case: &Case) -> bool {
        (self.field)(case).contains(self.words.as_str())
    }
}
