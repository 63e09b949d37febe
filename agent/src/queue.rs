//! The SQS queue: receive, delete, hand back, hold on. Nothing here knows what a message means.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rekey_core::identity::Region;

use crate::provider::no_own_credentials;

/// SQS's limit for every batch.
pub const BATCH: usize = 10;
/// The longest long poll that SQS offers.
const LONG_POLL_SECONDS: i32 = 20;
const CONNECT: Duration = Duration::from_secs(3);
/// A long poll that takes longer is not going to be answered.
const ANSWER: Duration = Duration::from_secs(25);
/// A received message belongs to this agent for so long, and is extended while it is held.
pub const VISIBILITY: Duration = Duration::from_secs(30);

/// Where the queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl {
    url: String,
    region: Option<Region>,
}

/// Why a text is no queue URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueUrlError {
    /// It is an ARN.
    #[error(
        "{0:?} is a queue's ARN; give its URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/rekey (output QueueUrl of the stack)"
    )]
    Arn(String),
    /// It is a name, or something else.
    #[error(
        "{0:?} is no queue URL; give one such as https://sqs.eu-west-1.amazonaws.com/123456789012/rekey (output QueueUrl of the stack)"
    )]
    NotAUrl(String),
}

impl QueueUrl {
    /// Accepts a URL, and nothing that only resembles one.
    pub fn parse(text: &str) -> Result<Self, QueueUrlError> {
        if text.starts_with("arn:") {
            return Err(QueueUrlError::Arn(text.to_owned()));
        }
        let error = || QueueUrlError::NotAUrl(text.to_owned());
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(error)?;
        let (host, path) = rest.split_once('/').ok_or_else(error)?;
        if host.is_empty() || path.split('/').filter(|part| !part.is_empty()).count() < 2 {
            return Err(error());
        }
        Ok(Self { url: text.to_owned(), region: region_of_host(host) })
    }

    /// The region in the host: `sqs.<region>.amazonaws.com`, its China, FIPS and VPC endpoint forms, or none.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

fn region_of_host(host: &str) -> Option<Region> {
    let host = host.split(':').next()?;
    let inside = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))
        .or_else(|| host.strip_suffix(".api.aws"))?;
    let labels: Vec<&str> = inside.split('.').collect();
    let (["sqs" | "sqs-fips", region] | [region, "queue"] | [_, "sqs" | "sqs-fips", region, "vpce"]) =
        labels.as_slice()
    else {
        return None;
    };
    Region::parse(region).ok()
}

/// A received message.
#[derive(Debug)]
pub struct Message {
    /// What deletes it or hands it back.
    pub receipt: String,
    /// What it says.
    pub body: String,
}

/// The queue did not answer as it should. The text holds no message.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {message}")]
pub struct QueueError {
    /// The AWS action.
    pub action: &'static str,
    /// What happened.
    pub message: String,
}

/// See the module's head.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Uses the agent's own identity. The SDK does not try again by itself: a queue that does not answer has to be
    /// noticed within half a minute, and whoever asks it has a back-off of his own.
    #[must_use]
    pub fn new(aws: &SdkConfig, url: &QueueUrl) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build();
        let config = aws_sdk_sqs::config::Builder::from(aws)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), url: url.as_str().to_owned() }
    }

    /// Waits for messages, up to 20 s.
    pub async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(LONG_POLL_SECONDS)
            .visibility_timeout(seconds(VISIBILITY))
            .send()
            .await
            .map_err(|error| failure("sqs:ReceiveMessage", &error))?;
        Ok(output
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter_map(|message| Some(Message { receipt: message.receipt_handle?, body: message.body? }))
            .collect())
    }

    /// Deletes up to [`BATCH`] messages; returns those that are still there.
    pub async fn delete(&self, receipts: Vec<String>) -> Result<Vec<String>, QueueError> {
        let mut batch = self.client.delete_message_batch().queue_url(&self.url);
        for (id, receipt) in receipts.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(receipt).build();
            batch = batch.entries(entry.map_err(|error| malformed("sqs:DeleteMessage", &error))?);
        }
        let output = batch.send().await.map_err(|error| failure("sqs:DeleteMessage", &error))?;
        let mut receipts: HashMap<String, String> =
            receipts.into_iter().enumerate().map(|(id, receipt)| (id.to_string(), receipt)).collect();
        Ok(output.failed.iter().filter_map(|failed| receipts.remove(&failed.id)).collect())
    }

    /// Makes up to [`BATCH`] messages visible again after `after`; zero hands them back at once. Returns those with which
    /// that was not done.
    pub async fn show_after(&self, receipts: &[String], after: Duration) -> Result<Vec<String>, QueueError> {
        let mut batch = self.client.change_message_visibility_batch().queue_url(&self.url);
        for (id, receipt) in receipts.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds(after))
                .build();
            batch = batch.entries(entry.map_err(|error| malformed("sqs:ChangeMessageVisibility", &error))?);
        }
        let output = batch.send().await.map_err(|error| failure("sqs:ChangeMessageVisibility", &error))?;
        let receipt = |id: &str| receipts.get(id.parse::<usize>().ok()?).cloned();
        Ok(output.failed.iter().filter_map(|failed| receipt(&failed.id)).collect())
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn malformed(action: &'static str, error: &impl std::fmt::Display) -> QueueError {
    QueueError { action, message: error.to_string() }
}

fn failure<E, R>(action: &'static str, error: &SdkError<E, R>) -> QueueError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug + 'static,
{
    if let Some(problem) = no_own_credentials(error) {
        return QueueError { action, message: problem.to_string() };
    }
    let message = match error {
        SdkError::ServiceError(context) => {
            let metadata = context.err();
            let (code, text) = (metadata.code().unwrap_or("Unknown"), metadata.message().unwrap_or("no message"));
            format!("{code}: {text}")
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        _ => "the endpoint cannot be reached".to_owned(),
    };
    QueueError { action, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_comes_from_the_host_in_all_its_forms() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/rekey", Some("eu-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/rekey", Some("cn-north-1")),
            ("https://sqs-fips.us-east-1.amazonaws.com/123456789012/rekey", Some("us-east-1")),
            ("https://vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com/123456789012/rekey", Some("eu-west-1")),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/rekey", Some("eu-west-1")),
            ("http://127.0.0.1:4566/000000000000/rekey", None),
        ] {
            let parsed = QueueUrl::parse(url).expect(url);
            assert_eq!(parsed.region().map(Region::as_str), region, "{url}");
        }
    }

    #[test]
    fn a_name_or_an_arn_is_refused_with_the_remedy() {
        for text in
            ["rekey", "", "https://", "https://host", "https://host/one", "arn:aws:sqs:eu-west-1:123456789012:rekey"]
        {
            let error = QueueUrl::parse(text).expect_err(text);
            assert!(error.to_string().contains("QueueUrl"), "{error}");
        }
    }
}
