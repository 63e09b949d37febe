//! The SQS queue: receive, delete, hand back, hold on. Nothing here knows what a message means.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rekey_core::identity::Region;
use tracing::warn;

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
    /// Does AWS refuse the agent this action?
    pub denied: bool,
}

/// See the module's head. Clones share what they were refused.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    denials: Denials,
}

/// The actions that AWS refuses, each said once until it has worked again: they are tried every few seconds.
#[derive(Clone, Default)]
struct Denials(Arc<Mutex<HashSet<&'static str>>>);

impl Denials {
    /// Whether this answer to the action is a refusal that was not said yet.
    fn is_news<T>(&self, action: &'static str, answer: &Result<T, QueueError>) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Err(error) if error.denied => said.insert(action),
            Ok(_) => {
                said.remove(action);
                false
            }
            Err(_) => false,
        }
    }
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
        Self { client: Client::from_conf(config), url: url.as_str().to_owned(), denials: Denials::default() }
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
        let answer = batch.send().await.map_err(|error| failure("sqs:DeleteMessage", &error));
        let instead = "messages are handled, and come again until the dead-letter queue has them";
        let output = self.told("sqs:DeleteMessage", instead, answer)?;
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
        let answer = batch.send().await.map_err(|error| failure("sqs:ChangeMessageVisibility", &error));
        let instead = "messages come again when their visibility ends, also those that are worked on";
        let output = self.told("sqs:ChangeMessageVisibility", instead, answer)?;
        let receipt = |id: &str| receipts.get(id.parse::<usize>().ok()?).cloned();
        Ok(output.failed.iter().filter_map(|failed| receipt(&failed.id)).collect())
    }

    /// Says that a permission is missing, and what happens for the want of it. (That of receiving is said by whoever
    /// receives, like all that keeps the queue from being read.)
    fn told<T>(
        &self,
        action: &'static str,
        instead: &'static str,
        answer: Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let news = self.denials.is_news(action, &answer);
        answer.inspect_err(|problem| {
            if news {
                warn!(%problem, action, instead, "a permission is missing");
            }
        })
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn malformed(action: &'static str, error: &impl std::fmt::Display) -> QueueError {
    QueueError { action, message: error.to_string(), denied: false }
}

fn failure<E, R>(action: &'static str, error: &SdkError<E, R>) -> QueueError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug + 'static,
{
    if let Some(problem) = no_own_credentials(error) {
        return QueueError { action, message: problem.to_string(), denied: false };
    }
    let (message, denied) = match error {
        SdkError::ServiceError(context) => {
            let metadata = context.err();
            refusal(action, metadata.code().unwrap_or("Unknown"), metadata.message().unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => ("no answer in time".to_owned(), false),
        _ => ("the endpoint cannot be reached".to_owned(), false),
    };
    QueueError { action, message, denied }
}

/// What SQS's answer says, and whether it is that the agent may not.
fn refusal(action: &str, code: &str, text: &str) -> (String, bool) {
    // AccessDenied to those that know SQS's old codes, and AccessDeniedException.
    if code.starts_with("AccessDenied") {
        return (format!("access denied: {text}; grant {action} on the queue to the agent"), true);
    }
    (format!("{code}: {text}"), false)
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
    fn a_missing_permission_is_told_by_its_remedy_and_once_until_it_worked() {
        let answer = |code: &str| -> Result<(), QueueError> {
            let (message, denied) = refusal("sqs:DeleteMessage", code, "User: u is not authorized");
            Err(QueueError { action: "sqs:DeleteMessage", message, denied })
        };
        let denied = answer("AccessDenied");
        let expected = "sqs:DeleteMessage: access denied: User: u is not authorized; grant sqs:DeleteMessage on the queue \
                        to the agent";
        assert_eq!(denied.as_ref().unwrap_err().to_string(), expected);
        let (denials, action) = (Denials::default(), "sqs:DeleteMessage");
        assert!(!denials.is_news(action, &answer("ServiceUnavailable")), "it says nothing of permissions");
        let shared = denials.clone();
        assert!(shared.is_news(action, &answer("AccessDeniedException")) && !denials.is_news(action, &denied));
        assert!(denials.is_news("another", &denied));
        assert!(!denials.is_news(action, &Ok(())) && denials.is_news(action, &denied));
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
