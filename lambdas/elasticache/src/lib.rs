//! Users of ElastiCache and MemoryDB as an engine: their passwords are changed through AWS's API.
//!
//! ```text
//!  engine ── asks for semantic commands ──► service (trait) ◄── api (ElastiCache, MemoryDB; the log-in of rekey-redis)
//!     └── secret, user_arn, settings: what the secret and the function's variables say
//! ```
//!
//! A user has at most two passwords. A rotation sets the pending one and the one in force, waits until the service says
//! that the user is active, and, where the secret names a `host`, logs in there; without one nobody can tell more than
//! that the user is active, and the log says so. This crate changes nothing about a user but its passwords.

mod api;
mod engine;
mod secret;
mod service;
mod settings;
mod user_arn;

pub use self::api::Api;
pub use self::engine::Elasticache;
pub use self::settings::{Settings, SettingsError};
