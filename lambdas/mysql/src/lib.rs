//! Rotation of users of MySQL, Aurora MySQL and MariaDB.
//!
//! ```text
//!  engine ─ strategy ──► session (two traits) ──► driver   a real server, over mysql_async
//!    │                      └───────────────────► model    the tests' server
//!    ├─ credential   the secret's fields
//!    ├─ command      every change there is, and its statement; verifier: passwords as servers keep them
//!    ├─ description  an account as the server writes it down; grants: what it may do; reader: taking statements apart
//!    ├─ sync         what makes one account like another
//!    └─ lock         who may look at a user and change it
//! ```
//!
//! DDL commits by itself, statement by statement: a change that is cut off stays half made. So each change is worked out
//! from what the server says is there, and made again it does what was left to do. A user's account is named by its
//! host pattern too, which only a log-in tells (`CURRENT_USER()`).
//!
//! This crate never sends a password to a server that was not verified, never sends one in a statement where a verifier
//! will do, and never repeats what a server says in an error but for its number.

// The compiler looks into the futures of whole rotations, those of the SDK of RDS included.
#![cfg_attr(test, recursion_limit = "256")]

mod account;
mod command;
mod credential;
mod description;
mod driver;
mod engine;
mod error;
mod grants;
mod lock;
#[cfg(test)]
mod model;
mod reader;
mod server;
mod session;
mod strategy;
mod sync;
mod verifier;

pub use self::driver::Driver;
pub use self::engine::{Mysql, NameLimitError};
