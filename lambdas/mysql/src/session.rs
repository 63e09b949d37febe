//! A server as the engine needs it: the seam at which the tests put a model in the place of a server.

use std::future::Future;

use rekey_rotation::engine::EngineError;

use crate::account::Account;
use crate::command::Command;
use crate::credential::Credential;
use crate::description::Description;
use crate::server::Facts;
use crate::verifier::Verifier;

/// Where sessions come from.
pub trait Connect: Sync {
    /// A session.
    type Session: Session;

    /// Connects and logs in. Only this answers [`EngineError::Auth`] for a credential that is refused.
    fn open(&self, credential: &Credential) -> impl Future<Output = Result<Self::Session, EngineError>> + Send;
}

/// An account, and its password if that is of a kind known here.
pub type Namesake = (Account, Option<Verifier>);

/// A session in which a credential was accepted.
pub trait Session: Send {
    /// What was learnt when it began.
    fn facts(&self) -> &Facts;

    /// Waits until no other session has that user's [lock](crate::lock), and has it until this one ends.
    ///
    /// # Errors
    /// [`EngineError::Busy`] if another one keeps it.
    fn lock(&mut self, user: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// The account of that name, if there is one.
    fn describe(&mut self, account: &Account) -> impl Future<Output = Result<Option<Description>, EngineError>> + Send;

    /// Every account of that name, whatever hosts it is for.
    fn namesakes(&mut self, user: &str) -> impl Future<Output = Result<Vec<Namesake>, EngineError>> + Send;

    /// Makes a change.
    ///
    /// # Errors
    /// [`EngineError::Auth`] means that the password to be replaced is not the account's first one, and that nothing was
    /// changed.
    fn run(&mut self, command: &Command<'_>) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Says goodbye.
    fn close(self) -> impl Future<Output = ()> + Send;
}
