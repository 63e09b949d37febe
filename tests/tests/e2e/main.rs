//! The end-to-end tests: one binary, because linking the SDKs takes longer than running most of the tests.
//!
//! They share one stack, which the first test to ask for it starts and which ends with this process. A test therefore uses
//! names of its own, and waits for what concerns it and for nothing else.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "everything here is test code, also what stands outside of a #[test] function"
)]

mod local_kubernetes;
mod local_postgres;
mod local_processes;
mod local_stacks;

use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack};
use tokio::sync::OnceCell;

/// The stack that the tests share.
///
/// # Panics
/// When it cannot be started; later callers learn it at once.
pub async fn stack() -> &'static Stack {
    static STACK: OnceCell<Result<Stack, String>> = OnceCell::const_new();
    let started = STACK.get_or_init(async || {
        let options = Options { purpose: "tests".to_owned(), ..Options::default() };
        Stack::start(options, &Progress::stderr()).await.map_err(|error| format!("{error:#}"))
    });
    match started.await {
        Ok(stack) => stack,
        Err(error) => panic!("the shared stack did not start: {error}"),
    }
}
