//! What goes wrong between the agent and the servers it talks to, on command, and what must hold afterwards.
//!
//! ```text
//! proxy      stands in front of the local AWS or of the API server; counts what passes, and breaks what a Fault names
//!   ├ rule     which requests, and what becomes of them: delayed, dropped, cut, refused, answered wrongly, held
//!   └ passed   the requests that came by, and counts of them
//! fleet      secrets with their ExternalSecrets and Deployments, rotated fast, every value remembered
//! observer   each restart of each Deployment of a fleet, in order
//! queue      what is in the queue and the DLQ, and messages of our own
//! deliveries which messages the agent received and deleted, and what it had written before it deleted them
//! verdict    what holds after every fault: targets, markers, restarts, queues
//! figures    the numbers of each row, for the table that `cargo xtask test faults` prints
//! ```
//!
//! The proxies change nothing by themselves: a test that goes through them sees the same servers as one that does not.

pub mod answer;
pub mod deliveries;
pub mod figures;
pub mod fleet;
pub mod observer;
pub mod passed;
pub mod proxy;
pub mod queue;
pub mod rule;
pub mod verdict;
