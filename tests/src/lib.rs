//! The local stack that the end-to-end tests, `cargo xtask up` and `cargo xtask demo` run on: a local AWS, a real
//! Kubernetes control plane and a PostgreSQL, all on 127.0.0.1, all started and stopped from here, none in a container.
//!
//! ```text
//! tools        installs what is missing into the user's cache (never into the tree)
//!   └ process  starts children so that none outlives this process, whatever ends it
//!       ├ aws, kubernetes, postgres    one module for each part; each knows how to reach what it started
//!       └ stack                        the three together, and the file by which `cargo xtask down` finds them
//! policies      what infra/policies says, as JSON, and rendered where it is repeated
//! documentation, keyboard   commands of the documentation, and a shell with the tools that they name
//! installation  puts Rekey itself on a stack, with the tools its users have: sam, helm, and the agent as its Deployment says
//! fault         proxies that break what passes between the agent and its servers, a fleet to rotate, and what must hold afterwards
//! crowd        thousands of ExternalSecrets, and the instants at which their targets changed
//! subjects     credentials of every strategy that a server here allows
//! load         pods that log in all the time, for tests that must not see one log-in fail
//! release      what a user downloads instead of building
//! rotated      a secret that a deployed function rotates
//! kubelet      runs the pods of Jobs, where a test is about what they do
//! eventually, log                      wait for what was promised, and read what was logged
//! ```
//!
//! It is a library for tests and for `xtask`: it reaches nothing beyond 127.0.0.1 except the package registries while it
//! installs, and it must never be pointed at a real account.
//!
//! Clients (kube, AWS, PostgreSQL) belong to the tokio runtime that made them and end with it, so a [`stack::Stack`]
//! holds none: each test builds its own. The processes belong to no runtime.

pub mod agent;
pub mod app;
pub mod aws;
pub mod cache;
pub mod chart;
#[cfg(test)]
mod cost;
pub mod crowd;
pub mod documentation;
pub mod eventually;
pub mod fault;
pub mod helm;
mod home;
pub mod image;
pub mod installation;
pub mod keyboard;
pub mod kubelet;
pub mod kubernetes;
pub mod load;
pub mod log;
pub mod manifests;
pub mod mariadb;
pub mod net;
pub mod policies;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod redis;
pub mod release;
pub mod rotated;
pub mod sam;
pub mod stack;
pub mod subjects;
pub mod tls;
pub mod tools;

use std::path::{Path, PathBuf};

/// The root of the repository this library was built from.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// A random lower-case word of `length` letters, for names that must not meet those of another run, and for passwords
/// of throw-away servers.
#[must_use]
pub fn random_word(length: usize) -> String {
    (0..length).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect()
}
