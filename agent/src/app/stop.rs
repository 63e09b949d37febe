//! How the agent ends: by a signal, or because a part of it ended that should not.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What is under way when the agent is told to stop gets this long.
const GRACE: Duration = Duration::from_secs(20);

/// The future's outcome, unless the agent is told to stop before.
pub(super) async fn until_told<T>(shutdown: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        done = future => Some(done),
    }
}

/// Waits for the signal, or for a part that ends by itself: without it the agent would only look alive.
pub(super) async fn wait(parts: &mut JoinSet<&'static str>, shutdown: &CancellationToken) -> Option<&'static str> {
    let ended = tokio::select! {
        () = shutdown.cancelled() => return None,
        ended = parts.join_next() => ended,
    };
    if shutdown.is_cancelled() {
        return None;
    }
    shutdown.cancel();
    Some(match ended {
        Some(Ok(part)) => part,
        Some(Err(_)) | None => "a part of the agent",
    })
}

/// Lets what is under way end, and tells the queue about it.
pub(super) async fn finish(mut parts: JoinSet<&'static str>, acknowledging: JoinHandle<()>) {
    let ended = tokio::time::timeout(GRACE, async {
        while parts.join_next().await.is_some() {}
        // The last sender of finished messages went with the parts.
        let _ = acknowledging.await;
    });
    if ended.await.is_ok() {
        info!("rekey-agent stopped");
    } else {
        warn!("rekey-agent stopped before everything was finished; messages will be redelivered");
    }
}

/// Cancels `shutdown` at SIGTERM or SIGINT.
pub(super) fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("told to stop; finishing what is under way");
        shutdown.cancel();
    });
    Ok(())
}
