//! Children end with whoever holds them.

use std::time::Duration;

use anyhow::{Result, ensure};
use rekey_tests::eventually::eventually;
use rekey_tests::process::{Signal, Spec};

/// Whether a process does anything still. A zombie that nobody has waited for yet does not.
pub fn lives(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses and may itself contain anything.
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn log(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("rekey-test-{name}-{}.log", rekey_tests::random_word(8)))
}

#[tokio::test]
async fn dropping_a_process_ends_what_it_started_too() -> Result<()> {
    let log = log("drop");
    let parent = Spec::new("parent", "/bin/sh", &log).args(["-c", "sleep 600 & echo $!; wait"]).start()?;
    let child: u32 = eventually("the parent to name its child", Duration::from_secs(10), async || {
        Ok(std::fs::read_to_string(&log)?.trim().parse()?)
    })
    .await?;
    assert!(lives(child) && lives(parent.pid()));
    let pid = parent.pid();
    drop(parent);
    eventually("both to be gone", Duration::from_secs(10), async || {
        ensure!(!lives(child) && !lives(pid), "child lives: {}, parent lives: {}", lives(child), lives(pid));
        Ok(())
    })
    .await?;
    Ok(std::fs::remove_file(log)?)
}

#[tokio::test]
async fn stop_kills_a_process_that_does_not_listen() -> Result<()> {
    let log = log("stop");
    let deaf = Spec::new("deaf", "/bin/sh", &log)
        .args(["-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
        .start()?;
    eventually("the trap to be set", Duration::from_secs(10), async || {
        ensure!(std::fs::read_to_string(&log)?.contains("ready"), "it is not");
        Ok(())
    })
    .await?;
    deaf.stop(Signal::TERM, Duration::from_millis(100));
    assert!(!lives(deaf.pid()));
    Ok(std::fs::remove_file(log)?)
}

#[tokio::test]
async fn a_process_that_fails_says_so_with_the_end_of_its_log() {
    let log = log("fail");
    let error = Spec::new("failing", "/bin/sh", &log).args(["-c", "echo no such thing >&2; exit 3"]).run().await;
    let text = format!("{:#}", error.expect_err("it failed"));
    assert!(text.contains("failing ended (exit status: 3)") && text.contains("no such thing"), "{text}");
    let _ = std::fs::remove_file(log);
}

#[tokio::test]
async fn a_program_that_is_missing_is_named() {
    let log = log("missing");
    let error = Spec::new("ghost", "/nonexistent/ghost", &log).run().await.expect_err("there is none");
    assert!(format!("{error:#}").contains("/nonexistent/ghost"), "{error:#}");
    let _ = std::fs::remove_file(log);
}
