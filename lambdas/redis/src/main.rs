//! Rotation function for users of Redis and Valkey.

use rekey_redis::{Network, Redis};

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one connection.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rekey_rotation::handler::serve(Redis::new(Network)).await
}
