//! Rotation function for MongoDB and Amazon DocumentDB.

// The driver's futures nest deeper than the compiler follows by default.
#![recursion_limit = "256"]

mod credential;
mod engine;
mod error;
mod server;

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one connection.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rekey_rotation::handler::serve(engine::Mongo::new(server::driver::Driver)).await
}
