//! What an engine objects to, each with its kind. The texts hold codes, never what the service said: its messages name
//! users, databases and hosts.

use thiserror::Error;

use crate::diagnostic::ErrorKind;
use crate::password::PasswordError;
use crate::plan::Strategy;
use crate::secret::SecretError;

/// What the service, the way to it or the secret is not fit for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EngineError {
    /// The credential is refused.
    #[error("service refused the credential ({0}); store the password it accepts")]
    Auth(String),
    /// No answer, or none that allows work.
    #[error("service is not available ({0}); check host and port, the function's network and the service's health")]
    Unreachable(String),
    /// Somebody else was in the way, which passes.
    #[error(
        "service was busy ({0}); the step is safe to retry, look for what holds the service up if it happens again"
    )]
    Busy(String),
    /// It answered with an error for which nothing better is known.
    #[error(
        "service answered with an error ({0}); look the code up in its manual, and the cause in its log of that moment"
    )]
    Failed(String),
    /// No verified connection.
    #[error(
        "no verified TLS connection ({0}); put the server's CA into the secret's field \"sslrootcert\" (PEM), or the name \
         that its certificate is for into \"sslservername\""
    )]
    Tls(String),
    /// Logged in, but not allowed to.
    #[error("user may not do what the rotation needs ({0}); grant what is missing")]
    Privilege(String),
    /// The credential is known, but the service lets nobody in with it: to try others would only add failed log-ins.
    #[error("service has shut the user out ({0}); unlock it, or give it a password that has not expired, by hand")]
    Locked(String),
    /// The service's own rules refuse the new password.
    #[error(
        "service's rules for passwords refuse the new one ({0}); let PASSWORD_LENGTH and EXCLUDE_… make what they ask \
         for, and start a new rotation"
    )]
    Policy(String),
    /// A user that merely has the name of the one whose turn it is. Whoever may write the secret of a user must not come
    /// into another user by its name.
    #[error(
        "user whose turn it is exists and has no password of this secret, so it may be somebody else's; rename it if it \
         is, put the tag rekey:adopt=true on the secret if it is this secret's"
    )]
    Stranger,
    /// Something about the user or the service that a rotation must not change, or would have no effect on.
    #[error("{0}")]
    Unfit(&'static str),
    /// The document does not describe a credential of this engine.
    #[error("{0}")]
    BadSecret(#[from] SecretError),
    /// The document names another engine.
    #[error("secret's field \"engine\" names another engine; this function rotates {0:?}")]
    OtherEngine(&'static str),
    /// The tag asks for a way to rotate that this engine does not have.
    #[error("tag rekey:strategy asks for {asked:?}; this function offers {}", names(.offered))]
    Strategy {
        /// The tag's value, cut to 40 characters.
        asked: String,
        /// What would be accepted.
        offered: &'static [Strategy],
    },
    /// The user's alternate would have a name that the service does not take.
    #[error("name of the alternate user would be longer than {0}, the service's limit; use a shorter user name")]
    LongName(usize),
    /// The master's secret does not name the host and port that the secret names.
    #[error(
        "master secret is not for the database that the secret names ({0}); give both the same \"host\" and \"port\", or \
         name the master of that database in \"masterarn\""
    )]
    OtherHost(&'static str),
    /// A call to AWS's API of the service failed.
    #[error("{operation} failed ({reason}); check the function's role and the network")]
    Api {
        /// The IAM action, such as `iam:ListAccessKeys`.
        operation: &'static str,
        /// AWS's error code, or how far the request got.
        reason: String,
    },
    /// The same, and nobody knows whether the call had its effect.
    #[error(
        "{operation} was not answered ({reason}) and may have happened; the next try looks for what it has made, check the \
         function's network if it happens again"
    )]
    Unanswered {
        /// The API operation.
        operation: &'static str,
        /// How far the request got.
        reason: String,
    },
    /// No password could be made.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl EngineError {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Auth(_) | Self::Locked(_) => ErrorKind::Auth,
            Self::Unreachable(_) | Self::Busy(_) | Self::Failed(_) => ErrorKind::Unreachable,
            Self::Tls(_) => ErrorKind::Tls,
            Self::Privilege(_) => ErrorKind::Privilege,
            Self::BadSecret(_) | Self::OtherEngine(_) | Self::LongName(_) | Self::OtherHost(_) => ErrorKind::BadSecret,
            Self::Stranger | Self::Unfit(_) => ErrorKind::Refused,
            Self::Strategy { .. } | Self::Password(_) | Self::Policy(_) => ErrorKind::Setup,
            Self::Api { .. } | Self::Unanswered { .. } => ErrorKind::Aws,
        }
    }
}

fn names(strategies: &[Strategy]) -> String {
    strategies.iter().map(|strategy| strategy.as_str()).collect::<Vec<_>>().join(", ")
}
