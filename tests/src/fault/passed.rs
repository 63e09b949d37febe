//! The requests that came by a proxy, and counts of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use super::fleet::Source;

/// A request as faults see it.
#[derive(Debug, Clone)]
pub struct Call {
    /// AWS: the service of `X-Amz-Target`, such as `secretsmanager`. Kubernetes: empty.
    pub service: String,
    /// AWS: the action, such as `GetSecretValue`. Kubernetes: the method.
    pub action: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: Bytes,
}

impl Call {
    pub(super) fn new(parts: &http::request::Parts, body: Bytes) -> Self {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let (service, action) = match target.and_then(|target| target.rsplit_once('.')) {
            Some((service, action)) => (service, action),
            None => ("", parts.method.as_str()),
        };
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        Self { service: service.to_owned(), action: action.to_owned(), path: path.to_owned(), body }
    }

    /// What it is about: the secret, parameter or queue as the caller wrote it, or the path without its query.
    #[must_use]
    pub fn resource(&self) -> String {
        let asked: Option<serde_json::Value> =
            if self.service.is_empty() { None } else { serde_json::from_slice(&self.body).ok() };
        let named = asked.and_then(|asked| {
            ["SecretId", "Name", "Names", "QueueUrl"].iter().find_map(|name| match &asked[*name] {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Array(texts) => {
                    Some(texts.iter().filter_map(|text| text.as_str()).collect::<Vec<_>>().join(","))
                }
                _ => None,
            })
        });
        named.unwrap_or_else(|| self.path.split('?').next().unwrap_or_default().to_owned())
    }

    /// Whether it opens a watch.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        self.action == "GET" && query.split('&').any(|part| part == "watch=true" || part == "watch=1")
    }

    /// Whether it writes a Secret.
    #[must_use]
    pub fn writes_a_secret(&self) -> bool {
        matches!(self.action.as_str(), "PUT" | "POST" | "PATCH") && self.path.contains("/secrets")
    }

    /// Whether what was sent and answered is kept in the record: only what [`super::deliveries`] looks at.
    pub(super) fn is_kept(&self) -> bool {
        self.service == "AmazonSQS" || self.writes_a_secret()
    }
}

/// A request that came by.
#[derive(Debug, Clone)]
pub struct Passed {
    /// When it had come in.
    pub arrived: Instant,
    /// When the server's own answer had come back; never, if a fault kept the request from the server.
    pub answered: Option<Instant>,
    /// See [`Call::service`].
    pub service: String,
    /// See [`Call::action`].
    pub action: String,
    /// See [`Call::resource`].
    pub resource: String,
    /// Status of what the client was answered with, the fault's if there was one.
    pub status: Option<StatusCode>,
    /// The bodies of queue calls and of writes of Secrets; empty for all others.
    pub request: Bytes,
    /// The server's answer to those.
    pub answer: Bytes,
}

impl Passed {
    pub(super) fn new(call: &Call) -> Self {
        let request = if call.is_kept() { call.body.clone() } else { Bytes::new() };
        Self {
            arrived: Instant::now(),
            answered: None,
            service: call.service.clone(),
            action: call.action.clone(),
            resource: call.resource(),
            status: None,
            request,
            answer: Bytes::new(),
        }
    }

    /// Whether it names this secret, by its name or by its ARN.
    #[must_use]
    pub fn is_about(&self, source: &Source) -> bool {
        self.resource == source.id || self.resource == source.arn
    }

    /// Whether it reads the value of a source.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.action.as_str(), "GetSecretValue" | "GetParameter" | "BatchGetSecretValue")
    }
}

/// A place in the record: what comes by later comes after it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark(pub(super) usize);

/// The fullest span of this length, both ends included, in `times`, which must be in order: milliseconds since its first.
#[must_use]
pub fn fullest(span: Duration, times: &[Instant]) -> Vec<u128> {
    let mut first = 0;
    let mut fullest = 0..0;
    for (last, time) in times.iter().enumerate() {
        while time.duration_since(times[first]) > span {
            first += 1;
        }
        if last + 1 - first > fullest.len() {
            fullest = first..last + 1;
        }
    }
    let begin = fullest.start;
    times[fullest].iter().map(|time| time.duration_since(times[begin]).as_millis()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_span_is_found_wherever_it_lies() {
        let begin = Instant::now();
        let times: Vec<_> = [0, 900, 1000, 1100, 2050, 9000].map(|ms| begin + Duration::from_millis(ms)).to_vec();
        for (span, most) in [(0, 1), (100, 2), (200, 3), (1100, 4), (1150, 4), (2050, 5), (10_000, 6)] {
            assert_eq!(fullest(Duration::from_millis(span), &times).len(), most, "{span} ms");
        }
        assert_eq!(fullest(Duration::from_millis(250), &times), [0, 100, 200]);
        assert!(fullest(Duration::from_secs(1), &[]).is_empty());
    }
}
