//! Everything that Rekey writes to Kubernetes, one file for each kind that is written.
//!
//! No other module uses a verb that writes. Each call has a time limit, so that an API server that does not answer
//! looks like one that failed; each write passes the gate, which is open only for the leader, and carries the
//! resourceVersion it was planned on.

pub mod cluster_external_secret;
pub mod error;
pub mod event;
pub mod external_secret;
pub mod hash_key;
pub mod job;
pub mod lease;
pub mod namespace;
pub mod own;
mod precedence;
pub mod reachable;
pub mod saved_job;
pub mod served;
pub mod status;
pub mod target;
pub mod template_source;
#[cfg(test)]
pub(crate) mod testing;
pub mod token;
pub mod workload;
pub mod writer;

pub use error::ClusterError;
pub use writer::Writer;
