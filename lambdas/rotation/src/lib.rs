//! The rotation protocol of AWS Secrets Manager, for every engine alike.
//!
//! ```text
//!  Secrets Manager ─ invokes ─► handler ─► machine ──────► vault   (labels and versions in Secrets Manager)
//!                                  │          │ decides by  └────► engine  (the service whose credential changes)
//!                                  │          ▼
//!                                  │       protocol (pure)         emission  ("Rekey Secret Rotated", after the label moved)
//!                                  └─► audit (one line a step), diagnostic (the kind of an error)
//! ```
//!
//! Secrets Manager invokes the function once for each of four steps and, if any of them fails, starts again from the
//! first with the same token. So each step must be safe to run again after a crash at any point:
//!
//! - a pending value, once written, is never generated again: the service may already hold it;
//! - the pending version and the one in force are read by their ids *and* their labels, never by the label alone;
//! - the current credential is tried first and the pending one only when the service refuses the current one, which
//!   happens on a replay: a normal rotation causes no failed login;
//! - a master's credential is used only after one of the secret's own was accepted, and only at the same host;
//! - AWSCURRENT is moved by compare-and-swap, so a manual change in between is never overwritten;
//! - what follows the move (the event, ending the old credential) runs again on a replay that finds the label moved.
//!
//! This crate never logs a value, a user name or a host, and never speaks to a service other than AWS: that is the
//! engines' part.

pub mod audit;
pub mod aws;
pub mod deadline;
pub mod diagnostic;
pub mod emission;
pub mod engine;
pub mod event;
pub mod handler;
pub mod issue;
pub mod machine;
pub mod password;
pub mod place;
pub mod plan;
pub mod protocol;
pub mod secret;
pub mod step;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod variable;
pub mod vault;
