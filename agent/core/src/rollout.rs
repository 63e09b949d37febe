//! Rollouts: which workloads have to be restarted because a Secret or ConfigMap they use holds other data, and when.
//!
//! ```text
//! watch of resources ─► hash ───────┐
//!                                   ▼
//! watch of workloads ─► workload ─► book ─► decide ─► Write (one patch) ─► the agent's cluster/workload.rs
//!                       (annotations, references, state, marker)   pace, back-off
//! ```
//!
//! It is level-triggered: the hash of a resource as Kubernetes holds it is compared with the hash that an annotation of
//! the workload says its pods have got. Events of watches only say where to look, so a lost one, a crash or a down-time
//! changes nothing about the outcome. The annotations that people write are Stakater Reloader's, with its meaning.
//!
//! Invariants:
//! - a restart and the hashes it applies are one patch, so neither exists without the other;
//! - a hash counts as applied once it is on a workload; what this process wrote beats an older state that returns later;
//! - nothing is restarted on first sight, except when the data demonstrably changed after the workload was made;
//! - no data of a resource is kept here, only hashes of it;
//! - a workload that fails has its own back-off and nobody waits for it.

pub mod annotations;
pub mod book;
pub mod content;
pub mod decide;
pub mod decision;
pub mod follow;
pub mod hash;
pub mod hook;
pub mod keys;
pub mod manifest;
pub mod mark;
pub mod marker;
pub mod mistake;
pub mod options;
pub mod pace;
pub mod pause;
pub mod references;
pub mod resource;
pub mod restart;
pub mod scope;
pub mod stakater;
pub mod state;
#[cfg(test)]
mod testing;
pub mod workload;
