//! What became of the cases of a table.

use std::time::Duration;

use super::case::Case;

/// What became of a case.
pub struct Outcome {
    pub result: Result<(), String>,
    pub took: Duration,
}

/// The cases that hold though they are pending.
pub fn ready<H>(outcomes: &[(&Case<H>, Outcome)]) -> Vec<String> {
    let holds = outcomes.iter().filter(|(case, outcome)| outcome.result.is_ok() && case.pending.is_some());
    holds.map(|(case, _)| case.name.clone()).collect()
}

/// Tells which cases took long and which still wait for something.
///
/// # Panics
/// If a case has failed that nobody waits for, or something is pending that is `ready`.
pub fn conclude<H>(outcomes: &[(&Case<H>, Outcome)], took: Duration, ready: &[String]) {
    let failed = |pending: bool| {
        let differs =
            move |case: &Case<H>, outcome: &Outcome| outcome.result.is_err() && case.pending.is_some() == pending;
        outcomes.iter().filter(move |(case, outcome)| differs(case, outcome))
    };
    let mut slowest: Vec<_> = outcomes.iter().collect();
    slowest.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.took));
    eprintln!("{} cases in {:.1} s; the slowest:", outcomes.len(), took.as_secs_f64());
    for (case, outcome) in slowest.iter().take(5) {
        eprintln!("  {:>5.1} s  {case}", outcome.took.as_secs_f64());
    }
    for (case, outcome) in failed(true) {
        let differences = outcome.result.as_ref().err().map_or("", String::as_str);
        eprintln!("pending ({}): {case}\n{differences}", case.pending.as_deref().unwrap_or_default());
    }
    let mut report = String::new();
    for (case, outcome) in failed(false) {
        let differences = outcome.result.as_ref().err().map_or("", String::as_str);
        report.extend(["\n", &case.to_string(), "\n", differences]);
    }
    assert!(ready.is_empty() || !report.is_empty(), "these hold now, so they are not pending any more: {ready:#?}");
    assert!(report.is_empty(), "{} of {} cases failed:\n{report}", failed(false).count(), outcomes.len());
}
