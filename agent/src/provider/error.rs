//! Why a value could not be read.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::cluster::ClusterError;

/// The texts end in a condition: they name the action and what to do, and never hold a value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadProblem {
    /// It is not there (or that version is not).
    #[error("{action}: Secret does not exist: {message}")]
    NotFound {
        /// The AWS action.
        action: &'static str,
        /// AWS's sentence.
        message: String,
    },
    /// AWS refused this identity.
    #[error("{action}: access denied: {message}; grant {action} to the identity that asks")]
    Denied {
        /// The AWS action.
        action: &'static str,
        /// AWS's sentence, which names the identity.
        message: String,
    },
    /// AWS answers with another error that asking again does not change.
    #[error("{action}: {code}: {message}")]
    Rejected {
        /// The AWS action.
        action: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's sentence.
        message: String,
    },
    /// Throttled, timed out, unreachable, or AWS's own fault.
    #[error("{action}: AWS is not available: {message}")]
    Unavailable {
        /// The AWS action.
        action: &'static str,
        /// What happened.
        message: String,
    },
    /// The agent's own identity could not be obtained.
    #[error("no AWS credentials: {message}")]
    NoCredentials {
        /// What the credential chain said.
        message: String,
    },
    /// A Secret with access keys could not be read.
    #[error("access keys of the store: {message}")]
    KeysUnavailable {
        /// What happened.
        message: String,
        /// Can it pass by itself?
        transient: bool,
    },
}

impl ReadProblem {
    /// Can the same read succeed later without anybody changing anything?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::KeysUnavailable { transient, .. } => *transient,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Rejected { .. } | Self::NoCredentials { .. } => false,
        }
    }

    pub(super) fn keys(error: &ClusterError) -> Self {
        Self::KeysUnavailable { message: error.to_string(), transient: error.is_transient() }
    }

    /// Classifies an SDK error by AWS's code.
    pub(super) fn from_sdk<E: ProvideErrorMetadata, R>(action: &'static str, error: &SdkError<E, R>) -> Self {
        match error {
            SdkError::ServiceError(context) => {
                let metadata = context.err();
                let code = metadata.code().unwrap_or("Unknown").to_owned();
                let message = stable(metadata.message().unwrap_or("no message"));
                match code.as_str() {
                    "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => {
                        Self::NotFound { action, message }
                    }
                    // AWS answers so for a secret that is scheduled for deletion.
                    "InvalidRequestException" if message.contains("marked for deletion") => {
                        Self::NotFound { action, message }
                    }
                    "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => {
                        Self::Denied { action, message }
                    }
                    "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded"
                    | "InternalServiceError" | "InternalServerError" | "InternalFailure" | "ServiceUnavailable" => {
                        Self::Unavailable { action, message: format!("{code}: {message}") }
                    }
                    _ => Self::Rejected { action, code, message },
                }
            }
            SdkError::ConstructionFailure(_) => {
                Self::NoCredentials { message: "the request could not be signed; give the agent an identity".to_owned() }
            }
            SdkError::TimeoutError(_) => Self::Unavailable { action, message: "no answer in time".to_owned() },
            SdkError::DispatchFailure(failure) if failure.is_other() => Self::NoCredentials {
                message: "the credential chain found none; use IRSA, Pod Identity, or access keys in the store's auth.secretRef"
                    .to_owned(),
            },
            _ => Self::Unavailable { action, message: "no connection to the endpoint".to_owned() },
        }
    }
}

/// Drops what differs from one answer to the next, so that equal failures give equal conditions.
fn stable(message: &str) -> String {
    let cut = message.find("request id:").map_or(message, |position| &message[..position]);
    cut.trim_end_matches([' ', ',', '(', ';']).to_owned()
}
