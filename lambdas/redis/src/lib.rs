//! Users of Redis and Valkey (from version 6, with access lists) as an engine.
//!
//! ```text
//!  engine ── asks for semantic commands ──► server (trait) ◄── connection ──► stream (TCP, TLS)
//!     │ decides by                                                 └── error (codes to kinds)
//!     └── acl (pure: who a user is, which hashes to add and to remove)
//! ```
//!
//! A user may have any number of passwords. A rotation leaves exactly two, the one in force and the pending one, so that
//! nobody is locked out while consumers change over; the one in force before ends with the next rotation. Passwords are
//! set by their SHA-256, which is what the server keeps, too: none is ever in MONITOR, the slow log or a file of the
//! server, and a password of any characters needs no escaping. AUTH alone carries one, over the verified connection.
//!
//! The log-in is shared with the function for ElastiCache and MemoryDB, whose users are changed through AWS's API.

mod acl;
mod connection;
mod credential;
mod engine;
mod error;
mod server;
mod stream;

pub use self::connection::Connection;
pub use self::credential::Credential;
pub use self::engine::Redis;
pub use self::server::{Network, Server};
