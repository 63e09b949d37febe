//! The lines of the launcher's two logs. Neither ever holds a secret value that AWS was sent or answered with.

use serde::Deserialize;

/// One request to the local AWS, recorded when its answer was ready.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    /// When the answer was ready, Unix milliseconds.
    pub at: f64,
    /// `secretsmanager`, `ssm`, `sqs`, …
    pub service: String,
    /// `GetSecretValue`, …
    pub action: String,
    /// The access key id of the caller; null if the request was not signed.
    pub principal: Option<String>,
    /// The secret, parameter or queue it was about, as the caller wrote it.
    pub resource: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// How long the answer took, milliseconds.
    pub ms: f64,
}

/// One line that a Lambda function printed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LambdaLine {
    /// When it was printed, Unix milliseconds.
    pub at: f64,
    /// The function's name.
    pub function: String,
    /// The text, without its newline.
    pub line: String,
}

/// How many of `requests` called `action` of `service`, of one `principal` or of all.
#[must_use]
pub fn count(requests: &[Request], service: &str, action: &str, principal: Option<&str>) -> usize {
    let by = |request: &&Request| principal.is_none_or(|principal| request.principal.as_deref() == Some(principal));
    requests.iter().filter(|request| request.service == service && request.action == action).filter(by).count()
}
