//! The commands that the engine needs, by what they mean: the seam for a model of the service in tests.

use std::future::Future;

use rekey_redis::Credential;
use rekey_rotation::engine::EngineError;

use crate::user_arn::UserArn;

/// A user as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Whether changes to it have reached every cache.
    pub status: Status,
    /// How it proves who it is.
    pub authentication: Authentication,
}

/// Where a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it was last changed, everywhere.
    Active,
    /// On its way there.
    Changing,
    /// About to be gone.
    Deleting,
}

/// How a user proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By one of this many passwords, two at most.
    Passwords(i32),
    /// Not at all.
    None,
    /// By IAM, or in a way that this crate does not know.
    Other,
}

/// ElastiCache, MemoryDB and the caches themselves.
pub trait Service: Sync {
    /// Looks the user up; nothing if there is none.
    fn user(&self, arn: &UserArn) -> impl Future<Output = Result<Option<User>, EngineError>> + Send;

    /// Makes these the user's passwords, these alone. It takes effect once the user is active again.
    fn set_passwords(&self, arn: &UserArn, passwords: &[&str]) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Logs in at a cache.
    fn log_in(&self, credential: &Credential) -> impl Future<Output = Result<(), EngineError>> + Send;
}
