//! Errors of a step, each with the kind that alarms and dashboards can count.
//!
//! The kind becomes the Lambda's `errorType` and the audit line's `errorKind`. No text here holds a value, a user name
//! or a host: Secrets Manager and CloudWatch keep what a function answers.

use lambda_runtime::Diagnostic;
use thiserror::Error;

use crate::engine::EngineError;
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
        "version of this rotation is no longer AWSPENDING: the rotation was cancelled, or abandoned because the secret \
         was changed meanwhile; check that AWSCURRENT logs in and start a new rotation"
    )]
    NotPending,
    /// AWSCURRENT moved to another version while this rotation ran.
    #[error("AWSCURRENT was moved by somebody else while this rotation ran; the next try starts from what it is now")]
    Overtaken,
    /// There is nothing to rotate.
    #[error("secret has no AWSCURRENT value; store a first version that logs in")]
    NoCurrent,
    /// The pending version never became readable.
    #[error("pending version has no value; createSecret did not succeed for it, start a new rotation")]
    NoPending,
    /// The pending version holds what is in force already.
    #[error(
        "pending version holds the current password; remove AWSPENDING from it with UpdateSecretVersionStage and start \
         a new rotation"
    )]
    NothingNew,
    /// The pending version is not the current one with another credential.
    #[error(
        "pending version differs from AWSCURRENT in {0:?}, which a rotation never changes; remove AWSPENDING from it \
         with UpdateSecretVersionStage and start a new rotation"
    )]
    Foreign(Vec<String>),
    /// The version cannot be read as a document.
    #[error("{version} version: {source}")]
    Secret {
        /// Which version, in words.
        version: &'static str,
        /// What is wrong with it.
        source: SecretError,
    },
    /// Neither the current, the pending nor the previous credential logs in.
    #[error(
        "no credential of this secret logs in ({0}; tried AWSCURRENT, AWSPENDING and AWSPREVIOUS); store a version with \
         the password that the service accepts"
    )]
    NoneLogsIn(String),
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
            Self::UnknownStep(_) | Self::NotAdmitted => ErrorKind::Setup,
            Self::RotationDisabled | Self::UnknownVersion | Self::NotPending | Self::Overtaken => ErrorKind::Refused,
            Self::NoCurrent | Self::NoMaster | Self::NothingNew | Self::Foreign(_) | Self::Secret { .. } => {
                ErrorKind::BadSecret
            }
            Self::NoPending | Self::Vault(_) => ErrorKind::Aws,
            Self::NoneLogsIn(_) => ErrorKind::Auth,
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
