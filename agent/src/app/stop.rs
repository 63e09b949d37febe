//! How the agent ends: by a signal, or because a part of it ended that should not.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::worker::Work;

/// In which order the parts that pass work on to each other end: the end of each tells the next one, so that nobody waits
/// for one that is gone. The intake is the first; it is told by the signal.
#[derive(Default)]
pub(super) struct Stages {
    /// Nothing is received any more: the worker may end.
    pub received: CancellationToken,
    /// No sync is under way any more, which may wait for a restart's baseline, and that for the watches: all of them may
    /// end.
    pub synced: CancellationToken,
}

/// Starts a part. When it ends, however that is, `next` is told.
pub(super) fn start(
    parts: &mut JoinSet<&'static str>,
    name: &'static str,
    next: Option<&CancellationToken>,
    part: impl Future<Output = ()> + Send + 'static,
) {
    let next = next.map(|next| next.clone().drop_guard());
    parts.spawn(async move {
        let _next = next;
        part.await;
        name
    });
}

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
pub(super) async fn finish(mut parts: JoinSet<&'static str>, work: &Work, acknowledging: JoinHandle<()>) {
    let ended = tokio::time::timeout(GRACE, async {
        while parts.join_next().await.is_some() {}
        // The last sender of finished messages went with the parts, or waits in the queue of a worker that failed.
        work.clear();
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use jiff::Timestamp;
    use rekey_core::disposition::MessageOutcome;
    use rekey_core::object::ObjectKey;
    use rekey_core::rollout::hash::HashKey;
    use rekey_core::store::Rules;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::cluster::Writer;
    use crate::gate::Gate;
    use crate::intake::Ticket;
    use crate::rollout::{RolloutOptions, Rollouts};
    use crate::state::{State, StateOptions};

    #[tokio::test]
    async fn each_stage_ends_when_the_one_before_it_has() {
        let (stages, shutdown, finishing) = (Stages::default(), CancellationToken::new(), CancellationToken::new());
        let mut parts = JoinSet::new();
        start(&mut parts, "rollout", None, stages.synced.clone().cancelled_owned());
        let (received, finished) = (stages.received.clone(), finishing.clone());
        start(&mut parts, "worker", Some(&stages.synced), async move {
            received.cancelled().await;
            // A sync under way.
            finished.cancelled().await;
        });
        start(&mut parts, "intake", Some(&stages.received), shutdown.clone().cancelled_owned());
        shutdown.cancel();
        assert_eq!(parts.join_next().await.unwrap().unwrap(), "intake");
        let early = tokio::time::timeout(Duration::from_millis(50), parts.join_next()).await;
        assert!(early.is_err() && !stages.synced.is_cancelled(), "the sync may need a baseline");
        finishing.cancel();
        assert_eq!(parts.join_next().await.unwrap().unwrap(), "worker");
        assert_eq!(parts.join_next().await.unwrap().unwrap(), "rollout");
    }

    #[tokio::test]
    async fn a_part_that_panics_ends_the_agent_and_tells_the_next() {
        let (stages, shutdown) = (Stages::default(), CancellationToken::new());
        let mut parts = JoinSet::new();
        start(&mut parts, "intake", Some(&stages.received), async { panic!("on purpose") });
        assert_eq!(wait(&mut parts, &shutdown).await, Some("a part of the agent"));
        assert!(shutdown.is_cancelled() && stages.received.is_cancelled());
    }

    #[tokio::test]
    async fn what_a_failed_worker_left_waiting_does_not_keep_the_agent() {
        let client = kube::Client::try_from(kube::Config::new("http://127.0.0.1:9".parse().unwrap())).unwrap();
        let key = HashKey::new(&[7; rekey_core::rollout::hash::KEY_LENGTH]).unwrap();
        let rollouts = Rollouts::new(Writer::new(client, Gate::open()), key, RolloutOptions::default());
        let state = State::new(StateOptions {
            stores: Rules { class: "default".to_owned(), ..Rules::default() },
            companion: false,
            all_follow_events: false,
            heartbeat_period: Duration::from_mins(10),
        });
        let work = Work::new(state, rollouts);
        let (sender, mut finished) = unbounded_channel();
        for ticket in Ticket::issue("receipt".to_owned(), Instant::now(), Timestamp::UNIX_EPOCH, 1, sender) {
            work.push_held(ObjectKey::new("shop", "db"), ticket);
        }
        let acknowledging = tokio::spawn(async move {
            assert_eq!(finished.recv().await.unwrap().outcome, MessageOutcome::Abandoned);
            assert!(finished.recv().await.is_none());
        });
        let ended = tokio::time::timeout(Duration::from_secs(5), finish(JoinSet::new(), &work, acknowledging)).await;
        assert!(ended.is_ok(), "it waits for a message that nobody works on");
    }
}
