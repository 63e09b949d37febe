//! A MongoDB server, as the engine needs it: a session of one user, and what it may do to users.

pub mod driver;
mod roots;

use std::future::Future;

use mongodb::bson::Bson;
use rekey_rotation::engine::EngineError;

use crate::credential::Credential;

/// What a user may do, in the server's own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// Roles, each with the database that it is defined in.
    pub roles: Vec<Bson>,
    /// From and to which addresses the user may connect; empty if from everywhere, or if the server knows no such thing.
    pub restrictions: Vec<Bson>,
}

/// Something to log in to.
pub trait Server: Sync {
    /// A session.
    type Session: Session;

    /// Connects and logs in; the connection is encrypted and verified before the first word about the user, unless the
    /// secret says `"ssl": false`. [`EngineError::Auth`] comes from here alone.
    fn open(&self, credential: &Credential) -> impl Future<Output = Result<Self::Session, EngineError>> + Send;
}

/// A session in which the credential was accepted.
pub trait Session: Send {
    /// What the user of that database may do; nothing if there is no such user.
    fn grants(
        &mut self,
        database: &str,
        user: &str,
    ) -> impl Future<Output = Result<Option<Grants>, EngineError>> + Send;

    /// Sets the password and leaves everything else.
    fn set_password(&mut self, to: &Credential) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Sets the password and what the user may do, in one command. `before` is what it may do now.
    fn set_all(
        &mut self,
        to: &Credential,
        grants: &Grants,
        before: &Grants,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Creates the user with all that it may do, in one command.
    fn create(&mut self, user: &Credential, grants: &Grants) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Ends the session, so that the frozen function holds no connection.
    fn close(self) -> impl Future<Output = ()> + Send;
}
