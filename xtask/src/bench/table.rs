//! The rows: what was measured, beside what it is measured against.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, the same in every run.
    pub what: String,
    /// In `unit`.
    pub value: f64,
    pub unit: String,
    /// What External Secrets Operator with Reloader needs on two cores.
    pub they: String,
    /// What Rekey is to reach, if there is a goal.
    pub goal: Option<f64>,
}

/// A run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Table {
    pub machine: String,
    pub commit: String,
    pub figures: Vec<Figure>,
}

impl Table {
    pub fn add(&mut self, what: &str, value: f64, unit: &str, they: &str, goal: Option<f64>) {
        let (what, unit, they) = (what.to_owned(), unit.to_owned(), they.to_owned());
        println!("  {what}: {value:.1} {unit}");
        self.figures.push(Figure { what, value, unit, they, goal });
    }

    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no table that bench --json wrote", path.display()))
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// As Markdown; with a column for what an earlier run had measured.
    #[expect(clippy::format_push_string, reason = "a table is written once")]
    pub fn markdown(&self, before: Option<&Self>) -> String {
        let earlier: BTreeMap<&str, f64> = before
            .into_iter()
            .flat_map(|table| &table.figures)
            .map(|figure| (figure.what.as_str(), figure.value))
            .collect();
        let column = |text: &str| if before.is_some() { format!(" {text} |") } else { String::new() };
        let mut text = format!("{} at {}\n\n", self.machine, self.commit);
        text.push_str(&format!("| what | ESO and Reloader | goal | Rekey |{}\n", column("before")));
        text.push_str(&format!("| --- | --- | --- | --- |{}\n", column("---")));
        for Figure { what, value, unit, they, goal } in &self.figures {
            let goal_text = goal.map_or_else(String::new, |goal| format!("≤ {goal:.1} {unit}"));
            let missed = if goal.is_some_and(|goal| *value > goal) { " (missed)" } else { "" };
            let earlier = earlier.get(what.as_str()).map_or_else(String::new, |value| format!("{value:.1} {unit}"));
            text.push_str(&format!(
                "| {what} | {they} | {goal_text} | {value:.1} {unit}{missed} |{}\n",
                column(&earlier)
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(value: f64) -> Table {
        let figure = |what: &str, goal| {
            let (what, unit, they) = (what.to_owned(), "ms".to_owned(), "48 ms".to_owned());
            Figure { what, value, unit, they, goal }
        };
        let figures = vec![figure("p50", Some(12.0)), figure("floor", None)];
        Table { machine: "2 cores".to_owned(), commit: "abc".to_owned(), figures }
    }

    #[test]
    fn a_goal_that_is_missed_is_said_and_an_earlier_run_stands_beside() {
        let met = table(11.04).markdown(None);
        assert!(met.contains("| p50 | 48 ms | ≤ 12.0 ms | 11.0 ms |\n| floor | 48 ms |  | 11.0 ms |\n"), "{met}");
        let missed = table(13.0).markdown(Some(&table(11.0)));
        assert!(missed.contains("| p50 | 48 ms | ≤ 12.0 ms | 13.0 ms (missed) | 11.0 ms |\n"), "{missed}");
    }
}
