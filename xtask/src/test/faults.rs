//! The table of the phase `faults`: what each fault cost, and whether everything held.

use std::time::Duration;

use anyhow::{Context, Result};
use rekey_tests::fault::figures::{self, Figures};
use rekey_tests::progress::elapsed;

/// Removes the figures of an earlier run.
pub fn forget() -> Result<()> {
    match std::fs::remove_file(figures::path()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("remove old figures"),
        _ => Ok(()),
    }
}

/// Prints those of this one.
pub fn print() -> Result<()> {
    let rows = Figures::load()?;
    println!();
    for line in table(&rows) {
        println!("{line}");
    }
    Ok(())
}

fn table(rows: &[Figures]) -> Vec<String> {
    let width = rows.iter().map(|row| row.row.len()).chain(["fault".len()]).max().unwrap_or_default();
    let header =
        format!("{:<width$} {:>8} {:>8} {:>8} {:>8} {:>10}", "fault", "events", "reads", "writes", "restarts", "time");
    let line = |row: &Figures| {
        let Figures { row: name, events, reads, writes, restarts, seconds, passed } = row;
        let time = elapsed(Duration::from_secs_f64(*seconds));
        let failed = if *passed { "" } else { "  failed" };
        format!("{name:<width$} {events:>8} {reads:>8} {writes:>8} {restarts:>8} {time:>10}{failed}")
    };
    [header].into_iter().chain(rows.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_below_their_names_and_a_failure_is_named() {
        let row = |name: &str, passed| Figures {
            row: name.to_owned(),
            events: 1000,
            reads: 7,
            writes: 200,
            restarts: 3,
            seconds: 61.5,
            passed,
        };
        let lines = table(&[row("agent killed -9", true), row("queue unreachable", false)]);
        assert_eq!(lines[0], "fault               events    reads   writes restarts       time");
        assert!(lines[1].starts_with("agent killed -9       1000        7      200        3"), "{}", lines[1]);
        assert_eq!(lines[1].len(), lines[0].len());
        assert!(lines[2].ends_with("  failed"), "{}", lines[2]);
        assert_eq!(table(&[]).len(), 1);
    }
}
