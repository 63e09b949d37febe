//! The loop: takes the writes that are due, carries them out side by side, and reports what became of them.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::book::{Outcome, Room, Write};
use rekey_core::rollout::resource::ResourceKind;
use rekey_core::rollout::workload::Workload;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Rollouts;
use crate::cluster::ClusterError;

/// Writes at a time. Those that failed before have a few places of their own, so that a webhook that hangs for seconds
/// takes none from the others.
const ROOM: Room = Room { fresh: 32, retrying: 8 };

/// So long after an instance began to lead, the watches may not have shown yet what the last leader wrote.
const SETTLING: Duration = Duration::from_secs(10);

/// The workload as it is then; nothing, if the write was not carried out because what it is for is outdated.
type Answer = Result<Option<Deployment>, ClusterError>;

impl Rollouts {
    /// Works until told to stop; then finishes the writes under way.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut writes: JoinSet<Answer> = JoinSet::new();
        let mut under_way: HashMap<Id, Write> = HashMap::new();
        loop {
            let stopping = shutdown.is_cancelled();
            if stopping && writes.is_empty() {
                return;
            }
            let mut wake = None;
            if !stopping {
                let (due, next) = self.take(&under_way);
                wake = next;
                for write in due {
                    let (rollouts, patch) = (self.clone(), write.clone());
                    let id = writes.spawn(async move { rollouts.carry_out(&patch).await }).id();
                    under_way.insert(id, write);
                }
            }
            tokio::select! {
                Some(ended) = writes.join_next_with_id(), if !writes.is_empty() => {
                    let (id, answer) = match ended {
                        Ok((id, answer)) => (id, Some(answer)),
                        Err(panicked) => (panicked.id(), None),
                    };
                    if let Some(write) = under_way.remove(&id) {
                        self.settle(&write, answer);
                    }
                }
                () = self.inner.due.notified(), if !stopping => {}
                () = sleep_until(wake), if !stopping => {}
                () = shutdown.cancelled(), if !stopping => {}
            }
        }
    }

    /// [`Rollouts::run`] on a clone, for a task of its own.
    pub fn run_until(&self, shutdown: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let rollouts = self.clone();
        async move { rollouts.run(shutdown).await }
    }

    fn take(&self, under_way: &HashMap<Id, Write>) -> (Vec<Write>, Option<Timestamp>) {
        let retrying = under_way.values().filter(|write| write.retrying).count();
        let room = Room {
            fresh: ROOM.fresh.saturating_sub(under_way.len() - retrying),
            retrying: ROOM.retrying.saturating_sub(retrying),
        };
        let mut book = self.book();
        (book.take(room, Timestamp::now()), book.next_wake())
    }

    /// The watches of Secrets and of workloads do not keep pace with each other. At a hand-over the workload may be seen as
    /// the last leader restarted it, and the Secret as it was before: so the Secret itself is asked.
    async fn carry_out(&self, write: &Write) -> Answer {
        if self.inner.completed.get().is_some_and(|since| since.elapsed() < SETTLING) {
            for resource in write.changed.iter().filter(|resource| resource.kind == ResourceKind::Secret) {
                let key = ObjectKey::new(&write.workload.object.namespace, &resource.name);
                let secret = self.inner.targets.get(&key).await?;
                if secret.is_some_and(|secret| self.take_in(&secret)) {
                    return Ok(None);
                }
            }
        }
        self.inner.workloads.patch(write).await.map(Some)
    }

    fn settle(&self, write: &Write, answer: Option<Answer>) {
        let reports = &self.inner.reports;
        let outcome = match answer {
            Some(Ok(None)) => Outcome::Conflict,
            Some(Ok(Some(deployment))) => {
                reports.written(write);
                let workload = Workload::from_deployment(&deployment, self.inner.key.id());
                workload.map_or(Outcome::Failed, |workload| Outcome::Applied(Box::new(workload)))
            }
            Some(Err(error)) if error.is_conflict() => Outcome::Conflict,
            Some(Err(error)) => {
                reports.failed(write, &error);
                Outcome::Failed
            }
            None => {
                reports.panicked(write);
                Outcome::Failed
            }
        };
        let settled = self.book().written(write, outcome, rand::random(), Timestamp::now());
        reports.seen(&write.workload, &write.uid, &settled.seen);
        self.inner.settled.send_replace(());
    }
}

async fn sleep_until(wake: Option<Timestamp>) {
    let Some(wake) = wake else { return std::future::pending().await };
    // Negative, if the time has already come.
    let wait = wake.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    tokio::time::sleep(wait).await;
}
