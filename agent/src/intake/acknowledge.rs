//! Tells the queue what became of messages: deletes them in batches, hands malformed ones back, and keeps those that
//! are still being worked on from showing up again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use rekey_core::disposition::{Disposition, Standing};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Finished, Holding};
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::queue::{BATCH, Queue, VISIBILITY};

/// A batch that the queue did not take is offered again this often; after that the messages come back by themselves
/// and cost a look.
const ATTEMPTS: u32 = 3;

/// How often held messages are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Batches that are extended at a time.
const EXTENSIONS: usize = 16;

/// See the module's head.
pub struct Acknowledger {
    /// The queue.
    pub queue: Queue,
    /// Messages that are finished with.
    pub finished: UnboundedReceiver<Finished>,
    /// Messages that are not.
    pub holding: Holding,
    /// Counters.
    pub metrics: Metrics,
    /// Once it is cancelled, what is not done is for the next agent, at once.
    pub shutdown: CancellationToken,
    /// While it is closed, the messages are another agent's.
    pub gate: Gate,
}

impl Acknowledger {
    /// Runs until every sender is gone and everything is said, so that a shutdown deletes what was done.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                received = self.finished.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                    self.tell(batch.drain(..)).await;
                }
                _ = look.tick() => if self.gate.is_open() {
                    self.extend().await;
                },
            }
        }
    }

    fn standing(&self) -> Standing {
        if !self.gate.is_open() {
            Standing::Overtaken
        } else if self.shutdown.is_cancelled() {
            Standing::Stopping
        } else {
            Standing::Working
        }
    }

    async fn tell(&self, batch: impl Iterator<Item = Finished>) {
        let mut by_disposition: HashMap<Disposition, Vec<String>> = HashMap::new();
        for finished in batch {
            self.holding.remove(&finished.receipt);
            self.metrics.message(finished.outcome, finished.received.elapsed());
            let disposition = finished.outcome.disposition(self.standing());
            by_disposition.entry(disposition).or_default().push(finished.receipt);
        }
        for (disposition, receipts) in by_disposition {
            match disposition {
                Disposition::Delete => self.delete(receipts).await,
                Disposition::HandBack => {
                    if let Err(error) = self.queue.show_after(&receipts, Duration::ZERO).await {
                        debug!(%error, "messages not handed back; they come again when their visibility ends");
                    }
                }
                Disposition::Leave => {}
            }
        }
    }

    pub(super) async fn extend(&self) {
        let receipts = self.holding.to_extend(Instant::now());
        stream::iter(receipts.chunks(BATCH)).for_each_concurrent(EXTENSIONS, |batch| self.extend_batch(batch)).await;
    }

    /// What is not extended is tried again at the next look.
    async fn extend_batch(&self, batch: &[String]) {
        let asked = Instant::now();
        match self.queue.show_after(batch, VISIBILITY).await {
            Ok(rest) => {
                if !rest.is_empty() {
                    debug!(messages = rest.len(), "the queue did not extend each message of a batch");
                }
                for receipt in batch.iter().filter(|receipt| !rest.contains(receipt)) {
                    self.holding.extended(receipt, asked + VISIBILITY);
                }
            }
            Err(error) => debug!(%error, "held messages not extended; they may be received twice"),
        }
    }

    async fn delete(&self, mut receipts: Vec<String>) {
        for attempt in 1..=ATTEMPTS {
            match self.queue.delete(receipts.clone()).await {
                Ok(rest) if rest.is_empty() => return,
                Ok(rest) => {
                    debug!(messages = rest.len(), "the queue did not delete each message of a batch");
                    receipts = rest;
                }
                Err(error) => debug!(%error, "the queue did not delete a batch"),
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
        }
        warn!(messages = receipts.len(), "messages not deleted; they will be received again, and cost a look");
    }
}
