//! The loop: takes the writes that are due, carries them out side by side, and reports what became of them.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use rekey_core::rollout::book::{Misread, Outcome, Room, Write};
use rekey_core::rollout::follow::News;
use rekey_core::rollout::restart::Restart;
use rekey_core::rollout::workload::{Incomplete, Workload};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Rollouts;
use crate::cluster::ClusterError;

/// Writes at a time. Those that failed before have a few places of their own, and no namespace gets more than it leaves, so
/// that a webhook that hangs for seconds holds up nobody else.
const ROOM: Room = Room { fresh: 64, retrying: 16 };

/// What is due at a time.
struct Due {
    writes: Vec<Write>,
    news: Vec<News>,
    misread: Vec<Misread>,
    /// When there is more, if nothing happens before.
    wake: Option<Timestamp>,
}

type Answer = Result<Result<Workload, Incomplete>, ClusterError>;

impl Rollouts {
    /// Works until told to stop; then finishes the writes under way.
    pub async fn run(self, shutdown: CancellationToken) {
        // The last restarts are told of, too.
        let told = CancellationToken::new();
        let work = async {
            tokio::join!(self.carry_out(&shutdown), self.finish_jobs(&shutdown), self.tell_hook_problems(&shutdown));
            self.inner.reports.finish().await;
            told.cancel();
        };
        tokio::join!(work, self.post(&told));
    }

    /// Alerts, and what is posted in place of restarts.
    async fn post(&self, stop: &CancellationToken) {
        let alerts = self.inner.reports.to.alerts.iter().map(|alerts| &alerts.posts);
        let webhook = self.inner.webhook.iter().map(|webhook| &webhook.posts);
        join_all(alerts.chain(webhook).map(|posts| posts.run(stop))).await;
    }

    async fn carry_out(&self, shutdown: &CancellationToken) {
        let mut writes: JoinSet<Answer> = JoinSet::new();
        let mut under_way: HashMap<Id, Write> = HashMap::new();
        loop {
            let stopping = shutdown.is_cancelled();
            if stopping && writes.is_empty() {
                return;
            }
            let mut wake = None;
            if !stopping {
                let due = self.take(&under_way);
                wake = due.wake;
                for misread in due.misread {
                    self.inner.reports.misread(&misread);
                }
                for news in due.news {
                    self.inner.reports.told(news);
                }
                for write in due.writes {
                    let (inner, patch) = (Arc::clone(&self.inner), write.clone());
                    let id = writes
                        .spawn(async move { inner.workloads.write(&patch, &inner.choices, inner.key.id()).await })
                        .id();
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

    fn take(&self, under_way: &HashMap<Id, Write>) -> Due {
        let retrying = under_way.values().filter(|write| write.retrying).count();
        let room = Room {
            fresh: ROOM.fresh.saturating_sub(under_way.len() - retrying),
            retrying: ROOM.retrying.saturating_sub(retrying),
        };
        let (mut book, now) = (self.book(), Timestamp::now());
        Due { writes: book.take(room, now), news: book.news(now), misread: book.mistakes(), wake: book.next_wake() }
    }

    fn settle(&self, write: &Write, answer: Option<Answer>) {
        let reports = &self.inner.reports;
        if matches!(write.restart, Some(Restart::Again(_))) && !matches!(answer, Some(Ok(_))) {
            self.inner.left.notify_one();
        }
        let outcome = match answer {
            Some(Ok(workload)) => {
                // A Job that is run again is another one.
                let uid = workload.as_ref().map_or(&write.uid, |workload| &workload.uid);
                reports.written(write, uid);
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
        self.book().written(write, outcome, rand::random(), Timestamp::now());
        self.inner.settled.send_replace(());
    }
}

async fn sleep_until(wake: Option<Timestamp>) {
    let Some(wake) = wake else { return std::future::pending().await };
    // Negative, if the time has already come.
    let wait = wake.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    tokio::time::sleep(wait).await;
}
