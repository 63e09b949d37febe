//! The policies as tables of docs/permissions.md.

use anyhow::Result;

use super::{marks, policy};

/// The page with the tables of its marks.
pub(super) fn render(page: &str) -> Result<String> {
    marks::filled(page, ("<!-- ", " -->"), |name| {
        let mut lines = Vec::new();
        for statement in policy(name)? {
            lines.extend([String::new(), format!("**{}**: {}", statement.sid, statement.why)]);
            if let Some(why) = &statement.untested {
                lines.extend([String::new(), format!("*Not tested: {why}.*")]);
            }
            lines.extend([String::new(), "| action | without it |".to_owned(), "|---|---|".to_owned()]);
            lines.extend(statement.actions.iter().map(|(action, without)| format!("| `{action}` | {without} |")));
        }
        lines.push(String::new());
        Ok(lines)
    })
}
