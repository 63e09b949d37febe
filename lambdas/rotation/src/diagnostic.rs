//! Errors of a step, each with the kind that alarms and dashboards can count.
//!
//! The kind becomes the Lambda's `errorType` and the audit line's `errorKind`. No text here holds a value, a user name
//! or a host: Secrets Manager and CloudWatch keep what a function answers.

use lambda_runtime::Diagnostic;
use thiserror::Error;

use crate::engine::EngineError;
use crate::protocol::Unusable;
use crate::secret::SecretError;
use crate::vault::VaultError;

/// What went wrong, in the few words that a metric can have as its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The service refuses the credential.
    Auth,
    /// The service cannot be reached, or takes no writes.
    Unreachable,
    /// The connection cannot be made safe.
    Tls,
    /// The credential may log in but not change itself.
    Privilege,
    /// The secret's text is not what the engine needs.
    BadSecret,
    /// An AWS call failed.
    Aws,
    /// The rotation is not one that may go on: disabled, abandoned, or overtaken by a manual change.
    Refused,
    /// The step did not end before the function's time limit.
    Timeout,
    /// The function itself is set up wrongly, or was invoked by something other than Secrets Manager.
    Setup,
}

impl ErrorKind {
    /// The kind as it stands in `errorType` and `errorKind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Privilege => "privilege",
            Self::BadSecret => "bad-secret",
            Self::Aws => "aws",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Setup => "setup",
        }
    }
}

/// Why a step ended without success.
#[derive(Debug, Error)]
pub enum StepError {
    /// The event names no step that this function knows.
    #[error("unknown step {0:?}; only Secrets Manager should invoke this function")]
    UnknownStep(String),
    /// A variable of the function cannot be understood.
    #[error("function is set up wrongly: {0}")]
    Setup(String),
    /// The function is tied to another secret.
    #[error("function is tied to another secret by its variable SECRET_ARN; give this secret a function of its own")]
    NotAdmitted,
    /// Rotation is switched off for the secret.
    #[error("rotation is not enabled for this secret; configure it with RotateSecret")]
    RotationDisabled,
    /// The version is not part of the secret.
    #[error("version of this rotation is not part of the secret; start a new rotation")]
    UnknownVersion,
    /// The version has lost AWSPENDING: cancelled, or abandoned after a manual change.
    #[error(
        "version {0} is no longer AWSPENDING: the rotation was cancelled, or abandoned because the secret was changed \
         meanwhile; the service may hold its password (get-secret-value --version-id {0}), which a new rotation finds: \
         start one"
    )]
    NotPending(String),
    /// AWSCURRENT moved to another version while this rotation ran.
    #[error("AWSCURRENT was moved by somebody else while this rotation ran; the next try starts from what it is now")]
    Overtaken,
    /// There is nothing to rotate.
    #[error("secret has no AWSCURRENT value, or is being deleted; store a first version that logs in")]
    NoCurrent,
    /// The pending version never became readable.
    #[error("pending version has no value; createSecret did not succeed for it, start a new rotation")]
    NoPending,
    /// The pending version can never be put in force.
    #[error(
        "pending version {0}; the next try takes AWSPENDING off it if AWSCURRENT logs in, otherwise find out which of the \
         two the service accepts before you remove AWSPENDING with UpdateSecretVersionStage"
    )]
    Unusable(#[from] Unusable),
    /// The same, and it is pending no longer.
    #[error(
        "pending version {why}; AWSPENDING was taken off it, so start a new rotation (its value is still there: \
         get-secret-value --version-id {version})"
    )]
    GivenUp {
        /// The version.
        version: String,
        /// What is wrong with it.
        why: Unusable,
    },
    /// The same, and its password may be the one that the service accepts.
    #[error(
        "pending version {why}, and the service refuses AWSCURRENT ({refusal}), so it may hold the pending version's \
         password: read that with get-secret-value --version-id {version}, store what the service accepts as AWSCURRENT, \
         and rotate again"
    )]
    Kept {
        /// The version.
        version: String,
        /// What is wrong with it.
        why: Unusable,
        /// Why the service refuses the version in force.
        refusal: String,
    },
    /// Secrets Manager would not take the new version.
    #[error(
        "new version would have {0} bytes, and Secrets Manager takes 65536; shorten the secret's other fields, or lower \
         PASSWORD_LENGTH"
    )]
    TooLong(usize),
    /// The version cannot be read as a document.
    #[error("{version} version: {source}")]
    Secret {
        /// Which version, in words.
        version: &'static str,
        /// What is wrong with it.
        source: SecretError,
    },
    /// No credential of the secret logs in.
    #[error(
        "no credential of this secret logs in ({refusal}; tried {}); store a version with the password that the service \
         accepts", .tried.join(", ")
    )]
    NoneLogsIn {
        /// Why the service refused the version in force.
        refusal: String,
        /// Where the credentials stood that were tried.
        tried: Vec<&'static str>,
    },
    /// The master's secret has no value.
    #[error("master secret has no AWSCURRENT value; check \"masterarn\" and the function's permission to read it")]
    NoMaster,
    /// What the master's secret or its credential is not fit for.
    #[error("master: {0}")]
    Master(EngineError),
    /// The rotation is through, but the old credential could not be ended.
    #[error("AWSCURRENT is on the new version, but the old credential could not be ended: {0}")]
    Retire(EngineError),
    /// The engine failed.
    #[error(transparent)]
    Engine(EngineError),
    /// An AWS call failed.
    #[error(transparent)]
    Vault(VaultError),
    /// The time is up.
    #[error("step did not end in time; it is safe to retry, raise the function's timeout if it happens again")]
    Timeout,
}

impl StepError {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownStep(_) | Self::Setup(_) | Self::NotAdmitted => ErrorKind::Setup,
            Self::RotationDisabled | Self::UnknownVersion | Self::NotPending(_) | Self::Overtaken => ErrorKind::Refused,
            Self::NoCurrent
            | Self::NoMaster
            | Self::Unusable(_)
            | Self::GivenUp { .. }
            | Self::TooLong(_)
            | Self::Secret { .. } => ErrorKind::BadSecret,
            Self::NoPending | Self::Vault(_) => ErrorKind::Aws,
            Self::NoneLogsIn { .. } | Self::Kept { .. } => ErrorKind::Auth,
            Self::Engine(error) | Self::Master(error) | Self::Retire(error) => error.kind(),
            Self::Timeout => ErrorKind::Timeout,
        }
    }
}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        Self { error_type: error.kind().as_str().to_owned(), error_message: error.to_string() }
    }
}
