//! The policies as tables of docs/permissions.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{actions, marks, policy};

/// The mark of what no test takes away, which is no policy.
const NOT_TESTED: &str = "not-tested";

/// The page with the tables of its marks.
pub(super) fn render(page: &str) -> Result<String> {
    marks::filled(page, ("<!-- ", " -->"), |name| if name == NOT_TESTED { not_tested() } else { tables(name) })
}

fn tables(name: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for statement in policy(name)? {
        lines.extend([String::new(), format!("**{}**: {}", statement.sid, statement.why)]);
        if let Some(why) = &statement.untested {
            lines.extend([String::new(), format!("*Not tested: {why}.*")]);
        }
        lines.extend([String::new(), "| action | without it |".to_owned(), "|---|---|".to_owned()]);
        lines.extend(statement.actions.iter().map(|(action, without)| {
            let why = statement.untested_actions.get(action);
            let mark = why.map(|why| format!(" *Not tested: {why}.*")).unwrap_or_default();
            format!("| `{action}` | {without}{mark} |")
        }));
    }
    lines.push(String::new());
    Ok(lines)
}

/// What no test takes away, by the reason.
fn not_tested() -> Result<Vec<String>> {
    let mut by_reason: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((_, action), why) in actions()? {
        if let Some(why) = why {
            by_reason.entry(why).or_default().insert(format!("`{action}`"));
        }
    }
    let list = |actions: BTreeSet<String>| actions.into_iter().collect::<Vec<_>>().join(", ");
    let bullets = by_reason.into_iter().map(|(why, actions)| format!("- {}: {why}", list(actions)));
    Ok(std::iter::once(String::new()).chain(bullets).chain([String::new()]).collect())
}
