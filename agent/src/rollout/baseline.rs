//! Baselines before the first write of a target: a workload that has never been seen with this Secret gets the data as
//! it stands on record, so that the write is a change for it, even if this process ends right after.

use std::time::Duration;

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use tokio::time::timeout;
use tracing::debug;

use super::Rollouts;
use crate::cluster::ClusterError;
use crate::cluster::error::Action;

/// Longer than one call may take, so that a call that hangs has become a failure by then.
const TIME_LIMIT: Duration = Duration::from_secs(15);

impl Rollouts {
    /// Waits until every workload that a change of this Secret would restart has it on record. Nearly always that is so
    /// already, also in a book that is not complete yet. A workload whose writes fail is not waited for: as long as this
    /// process lives, it remembers for it.
    ///
    /// # Errors
    /// [`ClusterError::TimedOut`] if it takes too long; then the Secret should not be written yet.
    pub async fn baseline(&self, target: &ObjectKey) -> Result<(), ClusterError> {
        timeout(TIME_LIMIT, self.recorded(target)).await.map_err(|_| {
            let object = format!("the workloads that use secret {target}");
            ClusterError::TimedOut { action: Action::Patch, object, limit: TIME_LIMIT }
        })
    }

    async fn recorded(&self, target: &ObjectKey) {
        let mut settled = self.inner.settled.subscribe();
        loop {
            settled.mark_unchanged();
            let unrecorded = self.book().unrecorded(target, Timestamp::now());
            if unrecorded.waiting.is_empty() {
                for workload in &unrecorded.failing {
                    debug!(workload = %workload.object, %target, "baseline not recorded; going on without");
                }
                return;
            }
            self.inner.due.notify_one();
            if settled.changed().await.is_err() {
                return;
            }
        }
    }
}
