//! Waiting for something that was promised, without guessing how long it takes.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Calls `check` every 10 to 50 ms until it is `Ok`, and hands back what it found. An `Err` means "not yet" and says what
/// was seen instead.
///
/// # Errors
/// After `timeout`: what was awaited, for how long, and what `check` saw last.
pub async fn eventually<T>(what: &str, timeout: Duration, mut check: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(10);
    let mut seen = anyhow!("nothing");
    loop {
        // A check that hangs is a failed one: its future is dropped when the time is over.
        let left = timeout.saturating_sub(begun.elapsed());
        match tokio::time::timeout(left.max(Duration::from_millis(1)), check()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(now)) => seen = now,
            Err(_) => seen = seen.context("the last look at it did not return; before that"),
        }
        if begun.elapsed() >= timeout {
            return Err(anyhow!("waited {timeout:?} in vain for: {what}; last seen: {seen:#}"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(50));
    }
}
