//! PostgreSQL and Aurora PostgreSQL as an engine of rotations.
//!
//! ```text
//!  engine ─ what is done in which strategy ─► server (trait) ◄─ connection ─► PostgreSQL
//!    └ pair ─ what two users need to be one ─► command ─ sql ─────┘  └ survey ─ what there is
//! ```
//!
//! - single: the user changes its own password; through a master (tag `rekey:strategy` = `master`): the master does.
//! - alternating (`masterarn`): two users, of whom the first one is the owner role that both share. The second one is a
//!   member of it and acts as it from its login on (`ALTER ROLE … SET role`): whatever either of them creates belongs to
//!   the first, and whatever is granted to the first holds for both at once. At each rotation the attributes and settings
//!   of the first are copied to the second, and what somebody gave to the second in the meantime passes to the first.
//!
//! All of a change is one transaction, and what there is decides what it does: run again it finds nothing to do but the
//! password. The server gets passwords as salted SCRAM verifiers only, so no statement log holds one.

pub mod command;
pub mod connection;
pub mod credential;
pub mod engine;
mod error;
pub mod pair;
pub mod server;
mod survey;
