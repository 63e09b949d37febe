//! The agent: carries changes from AWS to Kubernetes Secrets and to the workloads that use them.
//!
//! ```text
//! queue ─► intake ─► state (index, ledger) ─► worker ─► sync ─► provider/ reads AWS
//!             sweep, pipe ──┘                              └──► cluster/  writes Kubernetes
//! watch ─► state, rollout ─────────────────────────────────────► cluster/
//! leader ─► opens the gate that every write of cluster/ passes
//! ```
//!
//! Boundaries: `cluster/` alone writes to Kubernetes; `provider/` alone reads values from AWS; intake knows no targets
//! and the worker no SQS (a message is a ticket whose verdict folds the outcomes of its objects). What is decided is
//! decided in `rekey-core`.

pub mod admin;
pub mod alert;
pub mod app;
pub mod args;
pub mod check;
pub mod cluster;
pub mod cluster_external_secret;
pub mod companion;
pub mod gate;
pub mod intake;
pub mod leader;
pub mod metrics;
pub mod pipe;
pub mod post;
pub mod provider;
pub mod queue;
pub mod rollout;
pub mod state;
pub mod stores;
pub mod sweep;
pub mod sync;
pub mod telemetry;
pub mod watch;
pub mod worker;
