//! Jobs that were deleted and are not yet there again: each is tried until it is, also by an agent that only finds what
//! another one left.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rekey_core::backoff::Backoff;
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Inner, Rollouts};
use crate::cluster::saved_job::Saved;

/// Before saves that could not be listed are asked for again.
const PAUSE: Duration = Duration::from_secs(5);

impl Rollouts {
    /// Works until told to stop. What is left then is found by the next one that leads.
    pub(super) async fn finish_jobs(&self, shutdown: &CancellationToken) {
        let mut finishing: JoinSet<String> = JoinSet::new();
        let mut under_way: HashSet<String> = HashSet::new();
        loop {
            let listed = self.inner.jobs.unfinished().await;
            let pause = listed.is_err().then_some(PAUSE);
            match listed {
                Ok(saves) => {
                    for saved in saves.into_iter().filter(|saved| under_way.insert(saved.name.clone())) {
                        finishing.spawn(finish(Arc::clone(&self.inner), saved));
                    }
                }
                Err(error) => warn!(%error, "jobs that are to be made anew are not known; trying again"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.inner.left.notified() => {}
                () = async { sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
                Some(finished) = finishing.join_next(), if !finishing.is_empty() => {
                    if let Ok(name) = finished {
                        under_way.remove(&name);
                    }
                }
            }
        }
    }
}

/// Tries until the Job is there, or nobody wants it any more. Nobody else waits for that.
async fn finish(inner: Arc<Inner>, saved: Saved) -> String {
    for failures in 1.. {
        let Err(error) = inner.jobs.finish(&saved).await else { break };
        if error.is_not_found() {
            // Its namespace is gone, and everything in it.
        }
        let key = WorkloadKey { kind: WorkloadKind::Job, object: saved.job.clone() };
        inner.reports.unfinished(&key, &saved.uid, &saved.name, &error);
        sleep(Backoff::FAILURE.wait(failures, rand::random())).await;
    }
    saved.name
}
