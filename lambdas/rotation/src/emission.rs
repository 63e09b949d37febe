//! The event that says a rotation is through: `Rekey Secret Rotated`, from `rekey.rotation`, on the default bus.
//!
//! It is a convenience for those who want engine and strategy with the news; Secrets Manager's own event is what
//! triggers consumers. So it is sent a bounded number of times and its failure is a warning, never the rotation's.

use std::future::Future;
use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// `source` of the event.
pub const SOURCE: &str = "rekey.rotation";
/// `detail-type` of the event.
pub const DETAIL_TYPE: &str = "Rekey Secret Rotated";

const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// All tries together, so that an unreachable endpoint does not eat the step's time.
const BUDGET: Duration = Duration::from_secs(4);

/// The event's detail: identifiers and a time, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// Full ARN of the secret.
    pub secret_arn: String,
    /// Its name.
    pub name: String,
    /// The version that AWSCURRENT is on now.
    pub version_id: String,
    /// The version it was on before, if that is still known.
    pub previous_version_id: Option<String>,
    /// The engine's name.
    pub engine: &'static str,
    /// The strategy's name.
    pub strategy: &'static str,
    /// When the label was moved, or on a replay seen to have moved: milliseconds since 1970.
    pub rotated_at: i64,
}

/// Why the event could not be handed over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("events:PutEvents failed ({0}); check that the function's role allows it on the default bus")]
pub struct EmissionError(pub String);

/// Where the event goes.
pub trait Bus {
    /// Hands the event over once.
    fn send(&self, event: &Rotated) -> impl Future<Output = Result<(), EmissionError>> + Send;
}

/// Sends the event, trying a few times; never an error.
pub async fn announce(bus: &impl Bus, event: &Rotated) {
    let tries = async {
        let mut pause = FIRST_PAUSE;
        for remaining in (0..TRIES).rev() {
            match bus.send(event).await {
                Ok(()) => return debug!(version = event.version_id, "announced the rotation"),
                Err(error) if remaining == 0 => warn!(version = event.version_id, %error, "rotation is not announced"),
                Err(error) => debug!(version = event.version_id, %error, remaining, "announcing failed"),
            }
            if remaining > 0 {
                sleep(pause).await;
                pause *= 2;
            }
        }
    };
    if timeout(BUDGET, tries).await.is_err() {
        warn!(version = event.version_id, "rotation is not announced: EventBridge did not answer in time");
    }
}

/// EventBridge behind an SDK client.
#[derive(Clone, Debug)]
pub struct EventBridge {
    client: aws_sdk_eventbridge::Client,
}

impl EventBridge {
    /// The default bus of the client's account and region.
    #[must_use]
    pub fn new(client: aws_sdk_eventbridge::Client) -> Self {
        Self { client }
    }
}

impl Bus for EventBridge {
    async fn send(&self, event: &Rotated) -> Result<(), EmissionError> {
        let detail = serde_json::to_string(event).map_err(|_| EmissionError("the detail is not JSON".to_owned()))?;
        let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(DETAIL_TYPE).detail(detail);
        let entry = entry.resources(&event.secret_arn).build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|e| EmissionError(crate::aws::reason(&e)))?;
        // PutEvents answers 200 for entries that it did not take.
        match answer.failed_entry_count {
            0 => Ok(()),
            _ => Err(EmissionError(
                answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code).unwrap_or_default(),
            )),
        }
    }
}
