//! Takes messages from the queue and turns them into looks at objects.
//!
//! It knows sources and objects, no targets and no workloads. A message is deleted by the acknowledger once nothing
//! that redelivery could help is left to do (`rekey_core::disposition`); while its objects are worked on, it is held.

mod acknowledge;
mod held;
mod holding;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::RngExt;
use rekey_core::backoff::Backoff;
use rekey_core::change::{self, Change, Heartbeat, Parsed, What};
use rekey_core::disposition::MessageOutcome;
use rekey_core::pipe::{PipeId, Pipes};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use acknowledge::Acknowledger;
pub use held::{Finished, Ticket};
pub use holding::Holding;

use crate::metrics::Metrics;
use crate::queue::{Message, Queue, QueueError};
use crate::state::State;
use crate::worker::Work;

/// See the module's head.
pub struct Intake {
    /// Where messages come from.
    pub queue: Queue,
    /// What they are about.
    pub state: State,
    /// Who looks at the objects.
    pub work: Work,
    /// Who deletes them.
    pub finished: UnboundedSender<Finished>,
    /// Those that are held meanwhile.
    pub holding: Holding,
    /// Counters.
    pub metrics: Metrics,
    /// Takes the receive that is under way when the intake is told to stop.
    pub unfinished: oneshot::Sender<Receiving>,
}

/// A receive under way. It goes on when nobody waits for it: SQS may hand messages to a connection that was given up,
/// and hides them for 30 s then.
pub type Receiving = JoinHandle<Result<Vec<Message>, QueueError>>;

/// Waits for the end of a receive and hands back what it brings, for the agent that took over.
pub async fn hand_back(queue: &Queue, receiving: Receiving) {
    let Ok(Ok(messages)) = receiving.await else { return };
    let receipts: Vec<String> = messages.into_iter().map(|message| message.receipt).collect();
    if receipts.is_empty() {
        return;
    }
    info!(messages = receipts.len(), "the last receive brought messages; handed back to the next agent");
    if let Err(error) = queue.show_after(&receipts, Duration::ZERO).await {
        warn!(%error, "messages not handed back; they come again when their visibility ends");
    }
}

impl Intake {
    /// Receives until told to stop. To be started when the index is complete: before that, every event looks foreign.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut failures = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.holding.room() => {}
            }
            let began = Timestamp::now();
            let mut receiving: Receiving = tokio::spawn({
                let queue = self.queue.clone();
                async move { queue.receive().await }
            });
            let received = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    // Whoever does not want it lets it go on unheard.
                    let _ = self.unfinished.send(receiving);
                    return;
                }
                received = &mut receiving => received,
            };
            let received = received.unwrap_or_else(|_| {
                Err(QueueError { action: "sqs:ReceiveMessage", message: "a panic".to_owned(), denied: false })
            });
            match received {
                Ok(messages) => {
                    failures = 0;
                    self.state.with_pipes(Pipes::receive_succeeded);
                    let at = Instant::now();
                    for message in messages {
                        self.take(message, at);
                    }
                }
                Err(error) => {
                    self.state.with_pipes(|pipes| pipes.receive_failed(began));
                    failures += 1;
                    let pause = Backoff::RECEIVE.wait(failures, rand::rng().random_range(0.0..=1.0));
                    warn!(%error, ?pause, "queue not readable; trying again");
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn take(&self, message: Message, received: Instant) {
        let outcome = match change::parse(&message.body) {
            Parsed::Change(change) => return self.change(&change, message.receipt, received),
            Parsed::Heartbeat(heartbeat) => {
                self.heartbeat(heartbeat);
                MessageOutcome::Heartbeat
            }
            Parsed::Ignored(reason) => {
                debug!(%reason, "event ignored");
                MessageOutcome::Ignored
            }
            Parsed::Malformed(reason) => {
                // The body may hold anything, so it is not logged; it can be read in the DLQ.
                warn!(%reason, "message malformed; handed back until the DLQ takes it");
                MessageOutcome::Malformed
            }
        };
        // The acknowledger outlives the intake.
        let _ = self.finished.send(Finished { receipt: message.receipt, outcome, received });
    }

    fn change(&self, change: &Change, receipt: String, received: Instant) {
        let now = Timestamp::now();
        let concerned = self.state.announce(change, now);
        let source = change.announced.arn.as_ref().or(change.announced.name.as_ref()).map_or("", String::as_str);
        let version = match &change.what {
            What::Label { version_id, .. } => version_id.as_str(),
            _ => "",
        };
        if concerned.objects == 0 {
            debug!(event_id = change.event_id, source, version, "event received; no object here uses the source");
        } else {
            info!(
                event_id = change.event_id,
                source,
                version,
                event_time = %change.at,
                objects = concerned.objects,
                stale = concerned.stale.len(),
                "event received"
            );
        }
        if concerned.objects > 0 && concerned.stale.is_empty() {
            let _ = self.finished.send(Finished { receipt, outcome: MessageOutcome::Unchanged, received });
            return;
        }
        if !concerned.stale.is_empty() {
            // Repetitions and what is foreign would tell of the queue, not of the way.
            self.metrics.event_age(now, change.at);
            self.holding.add(receipt.clone(), received);
        }
        let tickets = Ticket::issue(receipt, received, change.at, concerned.stale.len(), self.finished.clone());
        for (key, ticket) in concerned.stale.into_iter().zip(tickets) {
            self.work.push_held(key, ticket);
        }
    }

    fn heartbeat(&self, heartbeat: Heartbeat) {
        debug!(service = %heartbeat.service, account = %heartbeat.account, region = %heartbeat.region, "heartbeat received");
        let pipe = PipeId { account: heartbeat.account, region: heartbeat.region, service: heartbeat.service };
        self.state.with_pipes(|pipes| pipes.heartbeat(pipe, heartbeat.at, Timestamp::now()));
    }
}

#[cfg(test)]
mod tests;
