//! The service whose credential is rotated, as the protocol needs it.
//!
//! An engine speaks to its service and judges what the service answers. It never touches Secrets Manager, decides
//! nothing about labels, and puts no value, user name or host into an error.

use std::future::Future;

use thiserror::Error;

use crate::diagnostic::ErrorKind;
use crate::secret::{SecretDocument, SecretError};

/// How an engine gets from one credential to the next; named in the audit line and in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The user changes its own password: the old one ends when the new one begins.
    Single,
}

impl Strategy {
    /// The name in the audit line and in the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
        }
    }

    /// The fields in which a pending version may differ from the current one.
    #[must_use]
    pub fn may_change(self) -> &'static [&'static str] {
        match self {
            Self::Single => &["password"],
        }
    }
}

/// A service that holds credentials.
pub trait Engine {
    /// Name of the engine as AWS's secret JSON spells it.
    fn name(&self) -> &'static str;

    /// How this engine rotates.
    fn strategy(&self) -> Strategy;

    /// Whether the document has all that this engine needs, without speaking to the service.
    fn check(&self, document: &SecretDocument) -> Result<(), EngineError>;

    /// Logs in with the credential and reads something that needs no privilege.
    fn login(&self, credential: &SecretDocument) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Logs in with the first credential and makes the service accept the second one, in one transaction.
    ///
    /// [`EngineError::Auth`] means that the first credential was refused and nothing was changed; after any other
    /// error the change may or may not have happened.
    fn change(
        &self,
        using: &SecretDocument,
        to: &SecretDocument,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// What the service or the way to it objects to. The texts hold codes, never what the service said.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EngineError {
    /// The credential is refused.
    #[error("service refused the credential ({0}); store the password it accepts")]
    Auth(String),
    /// No answer, or none that allows work.
    #[error("service is not available ({0}); check host and port, the function's network and the service's health")]
    Unreachable(String),
    /// No verified connection.
    #[error(
        "no verified TLS connection ({0}); put the server's CA into the secret's field \"sslrootcert\" (PEM), or use the \
         host name that its certificate is for"
    )]
    Tls(String),
    /// Logged in, but not allowed to.
    #[error("user may not change its own password ({0}); grant what is missing")]
    Privilege(String),
    /// The document does not describe a credential of this engine.
    #[error("{0}")]
    BadSecret(#[from] SecretError),
    /// The document names another engine.
    #[error("secret's field \"engine\" names another engine; this function rotates {0:?}")]
    OtherEngine(&'static str),
}

impl EngineError {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Auth(_) => ErrorKind::Auth,
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::Tls(_) => ErrorKind::Tls,
            Self::Privilege(_) => ErrorKind::Privilege,
            Self::BadSecret(_) | Self::OtherEngine(_) => ErrorKind::BadSecret,
        }
    }
}
