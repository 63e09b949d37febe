//! The commands that the engine needs, by what they mean: the seam for a model of the server in tests.

use std::future::Future;

use rekey_rotation::engine::EngineError;

use crate::acl::{Edit, User};
use crate::connection::Connection;
use crate::credential::Credential;

/// A server to log in to.
pub trait Server: Sync {
    /// What a log-in opens.
    type Session: Session;

    /// Logs in and asks who the server is.
    ///
    /// Only here an error may be [`EngineError::Auth`]: past it, the credential was accepted.
    fn log_in(&self, credential: &Credential) -> impl Future<Output = Result<Self::Session, EngineError>> + Send;
}

/// What may be asked of a server by who has logged in.
pub trait Session: Send {
    /// What the server said about itself when the session began, or why it did not.
    fn role(&self) -> Result<Role, EngineError>;

    /// Looks a user up; nothing if there is none.
    fn user(&mut self, name: &str) -> impl Future<Output = Result<Option<User>, EngineError>> + Send;

    /// Changes a user that exists. With nothing to change it only proves that the session may.
    fn edit(&mut self, name: &str, edit: &Edit) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Writes the access list where the server reads it from when it starts.
    fn save(&mut self) -> impl Future<Output = Result<Saved, EngineError>> + Send;
}

/// A server's part among others: each of them has an access list of its own, which is never replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another one, which a change here would not reach.
    Replica,
    /// It holds a part of a cluster's data, and clients log in to the other nodes as well.
    ClusterNode,
}

/// What became of the access list when it was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It will be there after a restart.
    Yes,
    /// It is in the server's memory alone, for this reason.
    No(String),
}

/// Servers reached over the network.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Server for Network {
    type Session = Connection;

    async fn log_in(&self, credential: &Credential) -> Result<Connection, EngineError> {
        Connection::open(credential).await
    }
}
