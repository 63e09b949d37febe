//! Rotation function for PostgreSQL: a user changes its own password.

mod connection;
mod credential;
mod engine;
mod error;

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one connection.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rekey_rotation::handler::serve(engine::Postgres).await
}
