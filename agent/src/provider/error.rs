//! Why a value could not be read, and whether asking again can help.

mod stable;

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rekey_core::store::Identity;

use super::attempt::Call;
use crate::cluster::ClusterError;
use stable::stable;

/// The texts end in a condition: they name the action and what to do, are the same for the same failure, and never
/// hold a value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadProblem {
    /// It is not there (or that version is not).
    #[error("{action}: Secret does not exist: not found in {place}: {message}")]
    NotFound {
        /// The AWS action.
        action: &'static str,
        /// The region that was asked, and the account as far as it is known.
        place: String,
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
    /// AWS does not know, or not any more, what the call was signed with.
    #[error("{action}: {code}: {message}")]
    BadCredentials {
        /// The AWS action.
        action: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's sentence.
        message: String,
        /// Can it pass by itself? A session is renewed; keys that a Secret holds are not.
        transient: bool,
    },
    /// A search would read more than a target can hold.
    #[error("{action}: {message}; narrow it with find.path, find.name or find.tags")]
    TooBroad {
        /// The AWS action.
        action: &'static str,
        /// What is too much.
        message: String,
    },
    /// There were too many calls.
    #[error("{action}: AWS is not available: it throttles calls ({code})")]
    Throttled {
        /// The AWS action.
        action: &'static str,
        /// AWS's error code.
        code: String,
    },
    /// Timed out, unreachable, or AWS's own fault.
    #[error("{action}: AWS is not available: {message}")]
    Unavailable {
        /// The AWS action.
        action: &'static str,
        /// What happened.
        message: String,
    },
    /// The identity could not be obtained.
    #[error("no AWS credentials: {message}")]
    NoCredentials {
        /// What the credential chain said.
        message: String,
        /// Can it pass by itself?
        transient: bool,
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

/// Where AWS's error codes differ from version to version of an API, all of them are named.
/// A version or label that a parameter does not have is a mistake in the spec, to ESO too, and no absence.
const MISSING: &[&str] = &["ResourceNotFoundException", "ParameterNotFound"];
const DENIED: &[&str] = &["AccessDeniedException", "AccessDenied", "UnauthorizedOperation"];
const THROTTLED: &[&str] = &[
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "BandwidthLimitExceeded",
];
const UNAVAILABLE: &[&str] = &[
    "InternalServiceError",
    "InternalServiceErrorException",
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
    // STS could not ask the OIDC provider: "retry your request".
    "IDPCommunicationError",
];
const EXPIRED: &[&str] = &["ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"];
/// Keys that were deleted, deactivated or replaced, or that are not the two halves of one.
const UNKNOWN: &[&str] = &[
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];
/// A request that AWS thinks too old or too new, whatever is signed with.
const SKEWED: &[&str] = &["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];

impl ReadProblem {
    /// Can the same read succeed later without anybody changing anything?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => true,
            Self::KeysUnavailable { transient, .. }
            | Self::NoCredentials { transient, .. }
            | Self::BadCredentials { transient, .. } => *transient,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Rejected { .. } | Self::TooBroad { .. } => false,
        }
    }

    /// The same, where nothing may be made of what is not there.
    pub(super) fn no_absence(self) -> Self {
        match self {
            Self::NotFound { action, place, message } => {
                let message = format!("not found in {place}: {message}");
                Self::Rejected { action, code: "Secret does not exist".to_owned(), message }
            }
            other => other,
        }
    }

    /// Might others do, if there are others?
    pub(super) fn is_about_credentials(&self) -> bool {
        matches!(self, Self::BadCredentials { .. })
    }

    pub(super) fn keys(error: &ClusterError) -> Self {
        Self::KeysUnavailable { message: error.to_string(), transient: error.is_transient() }
    }

    /// Classifies an SDK error by AWS's code, and without a known one by the HTTP status. `identity` is who asked: a
    /// session of the agent's own is renewed by itself, one that a Secret holds is not.
    pub(super) fn from_sdk<E>(call: Call<'_>, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let action = call.action;
        match error {
            SdkError::ServiceError(context) => {
                let metadata = context.err();
                let status = context.raw().status().as_u16();
                Self::of_service(call, metadata.code(), metadata.message(), status)
            }
            SdkError::TimeoutError(_) => Self::Unavailable { action, message: "no answer in time".to_owned() },
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => match credentials_error(error) {
                Some(error) => Self::no_credentials(error),
                None if matches!(error, SdkError::ConstructionFailure(_)) => Self::NoCredentials {
                    message: "the request could not be signed; give the agent an identity".to_owned(),
                    transient: false,
                },
                None => Self::Unavailable { action, message: "no connection to the endpoint".to_owned() },
            },
            SdkError::ResponseError(context) => Self::Unavailable {
                action,
                message: format!("HTTP {} with an answer that is not AWS's", context.raw().status().as_u16()),
            },
            _ => Self::Unavailable { action, message: "no connection to the endpoint".to_owned() },
        }
    }

    /// Classifies what AWS says of a call, or of a part of it.
    pub(super) fn of_service(call: Call<'_>, code: Option<&str>, message: Option<&str>, status: u16) -> Self {
        let action = call.action;
        let message = stable(message.unwrap_or("no message"));
        let is = |codes: &[&str]| code.is_some_and(|code| codes.contains(&code));
        // Signed with a clock that is wrong: it passes when the clock is set, whoever the identity is.
        let unsynchronized = is(SKEWED) || message.contains("Signature expired") || message.contains("not yet current");
        // AWS answers so for a secret that is scheduled for deletion.
        let deleted = is(&["InvalidRequestException"]) && message.contains("marked for deletion");
        if is(MISSING) || deleted {
            Self::NotFound { action, place: call.region.to_string(), message }
        } else if is(DENIED) {
            Self::Denied { action, message }
        } else if is(THROTTLED) || (status == 429 && !is(UNAVAILABLE)) {
            Self::Throttled { action, code: code.unwrap_or("HTTP 429").to_owned() }
        } else if unsynchronized {
            let message = "the clock of this node differs from AWS's by minutes; synchronize it".to_owned();
            Self::Unavailable { action, message }
        } else if is(EXPIRED) || is(UNKNOWN) {
            let transient = is(EXPIRED) && !matches!(call.identity, Identity::AccessKeys(_));
            Self::BadCredentials { action, code: code.unwrap_or_default().to_owned(), message, transient }
        } else if is(UNAVAILABLE) || status >= 500 {
            Self::Unavailable { action, message: format!("{} (HTTP {status})", code.unwrap_or("no error code")) }
        } else {
            Self::Rejected { action, code: code.unwrap_or("Unknown").to_owned(), message }
        }
    }

    /// What the credential chain says. Only an identity that nobody configured, or that AWS refuses to hand out, needs
    /// somebody to change something.
    pub(super) fn no_credentials(error: &CredentialsError) -> Self {
        // A session has said it already.
        if let Some(problem) = error.source().and_then(|source| source.downcast_ref::<Self>()) {
            return problem.clone();
        }
        let text = DisplayErrorContext(error).to_string();
        // The last is how the SDK tells of EKS Pod Identity's 4xx.
        let refusals = ["AccessDenied", "InvalidIdentityToken", "HTTP credential provider: StatusCode(4"];
        let refused = refusals.iter().any(|refusal| text.contains(refusal));
        let (message, transient) = match error {
            CredentialsError::CredentialsNotLoaded(_) => ("the credential chain found none", false),
            CredentialsError::InvalidConfiguration(_) => ("the credential chain is not configured correctly", false),
            // It has one; what is wrong with it is said by whoever knows what was presented.
            _ if refused => {
                return Self::NoCredentials { message: "AWS refuses the agent its role".to_owned(), transient: false };
            }
            CredentialsError::ProviderTimedOut(_) => ("the credential provider does not answer", true),
            _ => ("the credential provider failed", true),
        };
        let remedy = "use IRSA, Pod Identity, or access keys in the store's auth.secretRef";
        Self::NoCredentials { message: format!("{message}; {remedy}"), transient }
    }
}

/// The outermost error of the credential chain that an error comes from, if it does.
pub(super) fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests;
