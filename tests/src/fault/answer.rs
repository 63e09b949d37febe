//! Answers that a proxy gives in the server's place, as the real servers word them.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

/// An answer that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An error of AWS's JSON protocols, by its code.
    #[must_use]
    pub fn aws_error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = json!({"__type": code, "Message": message, "message": message}).to_string();
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amzn-errortype", code.to_owned()),
            ("x-amzn-requestid", crate::random_word(24)),
        ];
        Self { status, headers, body: body.into() }
    }

    /// Secrets Manager and Parameter Store when there are too many calls.
    #[must_use]
    pub fn throttled() -> Self {
        Self::aws_error(StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded")
    }

    /// AWS's own fault.
    #[must_use]
    pub fn internal_error() -> Self {
        let message = "An error occurred on the server side.";
        Self::aws_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", message)
    }

    /// IAM's refusal.
    #[must_use]
    pub fn access_denied() -> Self {
        let message = "User is not authorized to perform this action because no identity-based policy allows it";
        Self::aws_error(StatusCode::BAD_REQUEST, "AccessDeniedException", message)
    }

    /// A Status of the API server: 409 `Conflict`, 410 `Expired`, 500 `InternalError`, …
    #[must_use]
    pub fn kubernetes(code: StatusCode, reason: &str, message: &str) -> Self {
        let body = kubernetes_status(code, reason, message).to_string();
        Self { status: code, headers: vec![("content-type", "application/json".to_owned())], body: body.into() }
    }

    /// Somebody else has changed the object meanwhile.
    #[must_use]
    pub fn conflict() -> Self {
        let message = "the object has been modified; please apply your changes to the latest version and try again";
        Self::kubernetes(StatusCode::CONFLICT, "Conflict", message)
    }

    /// The resourceVersion of a list or watch is too old.
    #[must_use]
    pub fn gone() -> Self {
        Self::kubernetes(StatusCode::GONE, "Expired", TOO_OLD)
    }

    /// The API server's own fault, such as an etcd without a leader.
    #[must_use]
    pub fn server_error() -> Self {
        let message = "etcdserver: leader changed";
        Self::kubernetes(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            if let Ok(value) = http::HeaderValue::from_str(value) {
                response.headers_mut().insert(*name, value);
            }
        }
        response
    }
}

const TOO_OLD: &str = "too old resource version";

fn kubernetes_status(code: StatusCode, reason: &str, message: &str) -> serde_json::Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    })
}

/// The line with which the API server ends a watch whose resourceVersion has become too old.
pub(super) fn gone_in_a_watch() -> Bytes {
    let status = kubernetes_status(StatusCode::GONE, "Expired", TOO_OLD);
    format!("{}\n", json!({"type": "ERROR", "object": status})).into()
}
