//! The service whose credential is rotated, as the protocol needs it.
//!
//! An engine speaks to its service and judges what the service answers. It never touches Secrets Manager, decides
//! nothing about labels, and puts no value, user name or host into an error.

mod error;

use std::future::Future;

use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::error::EngineError;
use crate::password::PasswordPolicy;
use crate::plan::{Plan, Tags};
use crate::secret::{SecretDocument, SecretError};

/// What createSecret makes the next credential from.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// How the secret is rotated.
    pub plan: &'a Plan,
    /// The version in force.
    pub current: &'a SecretDocument,
    /// The version before it, if there is one that can be read; only for an engine that issues credentials itself.
    pub previous: Option<&'a SecretDocument>,
    /// When earlier tries to make a credential began whose end nobody knows; only for an engine that issues credentials
    /// itself. What was made right after one of these, and by nobody else, is an orphan of it.
    pub attempts: &'a [Timestamp],
    /// How passwords are made.
    pub passwords: &'a PasswordPolicy,
}

/// What setSecret asks the service to accept.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// How the secret is rotated.
    pub plan: &'a Plan,
    /// The credential to log in with: the secret's own, or the master's where the plan works through one.
    pub using: &'a SecretDocument,
    /// The secret's own credential that the service accepts. It says which user that is, where a name alone does not.
    pub own: &'a SecretDocument,
    /// The version in force; for a user that changes its own password the same as `using`, unless only the previous
    /// password was accepted.
    pub current: &'a SecretDocument,
    /// The version that is to be accepted.
    pub pending: &'a SecretDocument,
    /// The previous version's credential in the current version, if it is for the same host.
    ///
    /// For [`Strategy::Dual`](crate::plan::Strategy::Dual): another password of the same user. Where a service does not
    /// tell what is set, that this one is still accepted says so without a failed login: it ends when the pending one
    /// begins. For [`Strategy::Alternating`](crate::plan::Strategy::Alternating): that of the user whose turn it is. That
    /// it is right proves that a user of that name is this secret's.
    /// An engine that ends with [`EngineError::Stranger`], having changed nothing, is asked again with those that
    /// versions without labels hold.
    pub previous: Option<&'a SecretDocument>,
}

/// A master secret as Secrets Manager has it.
#[derive(Clone, Debug)]
pub struct Master {
    /// Its value, parsed.
    pub document: SecretDocument,
    /// Its tags, which tell where a managed one (`{"username", "password"}` alone) is valid.
    pub tags: Tags,
}

/// A service that holds credentials.
pub trait Engine: Sync {
    /// Name of the engine as AWS's secret JSON spells it.
    fn name(&self) -> &'static str;

    /// Whether the function may rotate that secret at all: AWS's template for ElastiCache is tied to one.
    fn admits(&self, _secret_arn: &str) -> bool {
        true
    }

    /// Reads a version's text.
    fn parse(&self, text: Zeroizing<String>) -> Result<SecretDocument, SecretError> {
        SecretDocument::parse(text)
    }

    /// How the secret is rotated: checks, without speaking to the service, that its version in force has all that this
    /// engine needs, and reads the strategy from it and from the secret's tags.
    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError>;

    /// Makes room for what [`Engine::issue`] is to make, or refuses to: only for an engine that issues credentials itself,
    /// and before the try is written down. What is there by now was made by nobody who came after that.
    fn prepare(&self, _issue: &Issue<'_>) -> impl Future<Output = Result<(), EngineError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Makes the next credential: for passwords without speaking to the service, see [`crate::issue`].
    ///
    /// A service that makes credentials itself is asked here, for only now does it show them. A crash before the
    /// version is stored leaves an orphan behind, which the next [`Engine::prepare`] has to find and remove.
    ///
    /// [`EngineError::Unanswered`] means that the service may have made one; any other error that it has not.
    fn issue(&self, issue: &Issue<'_>) -> impl Future<Output = Result<SecretDocument, EngineError>> + Send {
        std::future::ready(crate::issue::password(issue))
    }

    /// Whether [`Engine::issue`] lets the service make the credential. Then the machine makes sure that there is no
    /// pending version yet, shows the previous one, and writes each try down.
    fn issues_itself(&self) -> bool {
        false
    }

    /// Takes back what [`Engine::issue`] made, because another value turned out to be stored already.
    fn take_back(&self, _issued: &SecretDocument) -> impl Future<Output = Result<(), EngineError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The port of the service where a secret names none; nothing for a service that is not reached by host and port.
    fn default_port(&self) -> Option<u16> {
        None
    }

    /// The master's credential for the place where the current one is valid, or why it must not be used there.
    ///
    /// It is never sent anywhere but to the host and port that the secret names, and only if the master's secret or its
    /// tags name these too: otherwise whoever may write the secret could have the master's password sent to a host of
    /// their own.
    fn master(
        &self,
        current: &SecretDocument,
        master: Master,
    ) -> impl Future<Output = Result<SecretDocument, EngineError>> + Send {
        std::future::ready(crate::plan::at_the_same_place(current, master, self.default_port()))
    }

    /// Logs in with the credential and reads something that needs no privilege.
    fn login(&self, credential: &SecretDocument) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Logs in and makes the service accept the pending version, in one transaction where the service has any.
    ///
    /// It may run again with the same versions at any time, after it has happened or half happened: then it ends as if
    /// it ran once. For [`Strategy::Dual`](crate::plan::Strategy::Dual) that includes that the current version stays
    /// valid.
    ///
    /// [`EngineError::Auth`] means that `using` was refused and nothing was changed; after any other error the change
    /// may or may not have happened.
    fn change(&self, change: &Change<'_>) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What testSecret does when Secrets Manager only tests (`RotateImmediately=false`): proves, changing nothing, that a
    /// rotation would work as far as that can be known. The master is there if the plan needs one; then the
    /// current credential has logged in already, and what fails here is told as the master's. `previous` is that of
    /// [`Change`].
    fn preflight(
        &self,
        _plan: &Plan,
        current: &SecretDocument,
        _master: Option<&SecretDocument>,
        _previous: Option<&SecretDocument>,
    ) -> impl Future<Output = Result<(), EngineError>> + Send {
        self.login(current)
    }

    /// Whether [`Engine::retire`] does anything, so that the previous version has to be read for it.
    fn retires(&self) -> bool {
        false
    }

    /// Ends the previous version's credential after the label has moved. It runs again on each replay until it succeeds.
    fn retire(
        &self,
        _current: &SecretDocument,
        _previous: &SecretDocument,
    ) -> impl Future<Output = Result<(), EngineError>> + Send {
        std::future::ready(Ok(()))
    }
}
