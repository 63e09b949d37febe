//! Jobs that were deleted and are not there again yet: they are tried until they are, also by an agent that only finds what
//! another one left.

use futures::future::join_all;
use rekey_core::backoff::Backoff;
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Rollouts;
use crate::cluster::job::Finish;
use crate::cluster::saved_job::Saved;

impl Rollouts {
    /// Works until told to stop; whoever leads next goes on with what is left. Begins with what others left.
    pub(super) async fn finish_jobs(&self, shutdown: &CancellationToken) {
        let mut failures = 0;
        loop {
            failures = if self.finish_all().await { 0 } else { failures + 1 };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.inner.left.notified() => failures = 0,
                () = sleep(Backoff::FAILURE.wait(failures, rand::random())), if failures > 0 => {}
            }
        }
    }

    /// Looks at every save at the same time; whether none is left.
    async fn finish_all(&self) -> bool {
        match self.inner.jobs.unfinished().await {
            Ok(saves) => join_all(saves.iter().map(|saved| self.finish(saved))).await.into_iter().all(|over| over),
            Err(error) => {
                warn!(%error, "jobs that have to be made anew are not known; trying again");
                false
            }
        }
    }

    async fn finish(&self, saved: &Saved) -> bool {
        match self.inner.jobs.finish(saved).await {
            Ok(Finish::Made(job)) => {
                self.inner.reports.made_anew(&job);
                true
            }
            Ok(Finish::Over) => true,
            Ok(Finish::NotBegun) => false,
            Err(error) => {
                let key = WorkloadKey { kind: WorkloadKind::Job, object: saved.job.clone() };
                self.inner.reports.not_made_anew(&key, saved, &error);
                false
            }
        }
    }
}
