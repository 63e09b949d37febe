//! The access keys of users, as the engine needs them from IAM and STS.

pub mod aws;

use std::future::Future;

use jiff::Timestamp;
use rekey_rotation::engine::EngineError;

use crate::credential::AccessKey;

/// One of a user's keys, as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its public half.
    pub id: String,
    /// Whether AWS accepts it.
    pub active: bool,
    /// When it was made, in whole seconds.
    pub created: Option<Timestamp>,
}

/// The last use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// At which AWS service.
    pub service: String,
    /// When.
    pub at: Timestamp,
}

/// What came of asking for a new key.
pub enum Made {
    /// The key, whose secret half is shown this once.
    Key(AccessKey),
    /// None for now: the user has two already, as far as that part of IAM knows, or IAM is asked too often. The code.
    NotNow(String),
}

/// IAM and STS.
pub trait Keys: Sync {
    /// The name of the user whose key this is, asked with the key itself. [`EngineError::Auth`] if AWS refuses the key.
    fn owner(&self, key: &AccessKey) -> impl Future<Output = Result<String, EngineError>> + Send;

    /// The user's keys, two at most.
    fn list(&self, user: &str) -> impl Future<Output = Result<Vec<Listed>, EngineError>> + Send;

    /// A new key for the user, asked for once. The answer can get lost, and the key with it: then the error is
    /// [`EngineError::Unanswered`], and every other one means that none was made.
    fn create(&self, user: &str) -> impl Future<Output = Result<Made, EngineError>> + Send;

    /// Lets AWS refuse the key. A key that is gone is no error.
    fn deactivate(&self, user: &str, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Deletes the key. A key that is gone is no error.
    fn delete(&self, user: &str, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// When and where the key was used last; nothing if it never was, as far as IAM knows yet.
    fn last_used(&self, id: &str) -> impl Future<Output = Result<Option<Used>, EngineError>> + Send;
}
