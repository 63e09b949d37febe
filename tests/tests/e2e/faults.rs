//! Nothing is lost: one test for each thing that goes wrong in a cluster, on a Rekey whose ways to AWS and to the API server
//! lead through proxies that can be broken.
//!
//! The rows take turns, for a fault is everybody's. Each has a fleet of its own and leaves the installation healthy.

mod access;
mod hooks;
mod kills;
mod leader;
mod nonsense;
mod order;
mod pipe;
mod repeats;
mod rollouts;
mod servers;
mod stage;
