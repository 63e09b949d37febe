//! Rotation function for PostgreSQL and Aurora PostgreSQL.

use rekey_postgres::connection::Network;
use rekey_postgres::engine::Postgres;

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one connection.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rekey_rotation::handler::serve(Postgres::new(Network)).await
}
