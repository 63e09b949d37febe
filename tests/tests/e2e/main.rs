//! The end-to-end tests: one binary, because linking the SDKs takes longer than running most of the tests.
//!
//! All but the rows in `faults` share one stack, which the first test to ask for it starts and which ends with this process. A test therefore uses
//! names of its own, and waits for what concerns it and for nothing else.

// The futures of whole rotations, with the engines' drivers in them, nest deeper than the compiler follows by default.
#![recursion_limit = "256"]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "everything here is test code, also what stands outside of a #[test] function"
)]

mod absence;
mod admission;
mod agent_identity;
mod argo_cd;
mod bad_input;
mod boundaries;
mod cargo_lambda;
mod changes;
mod chart;
mod checkov;
mod cluster_external_secret;
mod companion;
mod conformance;
mod deploy;
mod downtime;
mod examples;
mod faults;
mod fixture;
mod following;
mod hook;
mod identities;
mod image;
mod install;
mod least_privilege;
mod local_aws;
mod local_deployment;
mod local_kubernetes;
mod local_postgres;
mod local_processes;
mod local_stacks;
mod messages;
mod migration;
mod moving;
mod namespaces;
mod pipe;
mod relay;
mod release;
mod rollouts;
mod rotation;
mod rotation_elasticache;
mod rotation_generic;
mod rotation_iam;
mod rotation_mysql;
mod rotation_postgres;
mod rotation_redis;
mod searches;
mod table;
mod targets;
mod template;
mod terraform;

use rekey_tests::aws;
use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack};
use tokio::sync::OnceCell;

use fixture::TIME_FACTOR;

/// The stack that the tests share.
///
/// # Panics
/// When it cannot be started; later callers learn it at once.
pub async fn stack() -> &'static Stack {
    static STACK: OnceCell<Result<Stack, String>> = OnceCell::const_new();
    let started = STACK.get_or_init(async || {
        let aws = aws::Options { time_factor: TIME_FACTOR, ..aws::Options::default() };
        let options = Options { purpose: "tests".to_owned(), aws, ..Options::default() };
        Stack::start(options, &Progress::stderr()).await.map_err(|error| format!("{error:#}"))
    });
    match started.await {
        Ok(stack) => stack,
        Err(error) => panic!("the shared stack did not start: {error}"),
    }
}
