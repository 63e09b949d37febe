//! What Rekey decides, without doing any of it.
//!
//! ```text
//! message ─► change ─► index ─► ledger ─► decide ─► (read) ─► render ─► plan ─► (write) ─► report
//!            identity    ▲        ▲                  request, store, wanted
//!                    resource   pipe
//! Secrets, workloads ─► rollout: hash, references, decision, marker, pace ─► (patch)
//! Lease ─► lease: who of several writes
//! ```
//!
//! Everything here is a function of its arguments: no IO, no clock, no randomness, no logging. What stands in
//! parentheses is the agent's.
//!
//! Invariants:
//! - A message is a hint: it moves what is *desired*, and carries no value that is ever written.
//! - State decides. What was *applied* is read from the objects themselves, and only believed where they prove it.
//! - A target that another ExternalSecret controls is never written, and one that another controller has is never
//!   taken over; one that is right is never written.
//! - Secret values are [`value::SecretValue`] and nothing else; no error, token or hash here tells one.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod change;
pub mod cluster_external_secret;
pub mod companion;
pub mod contest;
pub mod decode;
pub mod disposition;
pub mod duration;
pub mod extent;
mod gjson;
pub mod hash;
pub mod identity;
pub mod index;
pub mod json;
pub mod lease;
pub mod ledger;
pub mod listing;
pub mod object;
pub mod pairs;
pub mod pipe;
pub mod plan;
pub mod property;
pub use rekey_template::regexp;
pub mod release;
pub mod render;
pub mod report;
pub mod request;
pub mod resource;
pub mod rewrite;
pub mod rollout;
pub mod rules;
pub mod selector;
pub mod store;
pub mod sweep;
pub mod template_from;
pub mod value;
pub mod wanted;
pub mod window;
