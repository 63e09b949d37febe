//! Tells the queue what became of messages: deletes them in batches, hands malformed ones back, and keeps those that
//! are still being worked on from showing up again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rekey_core::disposition::{Disposition, Standing};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Finished;
use crate::cluster::Gate;
use crate::metrics::Metrics;
use crate::queue::{BATCH, Queue, VISIBILITY};

/// A batch that the queue did not take is offered again this often; after that the messages come back by themselves
/// and cost a look.
const ATTEMPTS: u32 = 3;

/// How often held messages are looked at, and how much of their hiding must be left.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const EXTEND_BELOW: Duration = Duration::from_secs(15);

/// Messages that are being worked on, by receipt, with the time until which they are hidden from others.
#[derive(Clone, Debug, Default)]
pub struct Holding(Arc<Mutex<HashMap<String, Instant>>>);

impl Holding {
    /// A message that was received at `received` is being worked on.
    pub fn add(&self, receipt: String, received: Instant) {
        self.lock().insert(receipt, received + VISIBILITY);
    }

    fn remove(&self, receipt: &str) {
        self.lock().remove(receipt);
    }

    /// Those whose hiding ends soon; they count as extended from now on.
    fn to_extend(&self, now: Instant) -> Vec<String> {
        let mut held = self.lock();
        let soon = held.iter_mut().filter(|(_, until)| **until < now + EXTEND_BELOW);
        soon.map(|(receipt, until)| {
            *until = now + VISIBILITY;
            receipt.clone()
        })
        .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

    async fn extend(&self) {
        let receipts = self.holding.to_extend(Instant::now());
        for batch in receipts.chunks(BATCH) {
            if let Err(error) = self.queue.show_after(batch, VISIBILITY).await {
                debug!(%error, "held messages not extended; they may be received twice");
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_message_is_extended_before_it_shows_up_again() {
        let (holding, start) = (Holding::default(), Instant::now());
        holding.add("a".to_owned(), start);
        assert!(holding.to_extend(start + Duration::from_secs(14)).is_empty());
        assert_eq!(holding.to_extend(start + Duration::from_secs(16)), ["a"]);
        assert!(holding.to_extend(start + Duration::from_secs(21)).is_empty(), "it was just extended");
        holding.remove("a");
        assert!(holding.to_extend(start + Duration::from_mins(1)).is_empty());
    }
}
