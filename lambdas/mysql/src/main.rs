//! Rotation function for MySQL, Aurora MySQL and MariaDB.

// The futures of the driver and of the SDK of RDS nest deeper than the compiler follows by default.
#![recursion_limit = "256"]

use rekey_mysql::Mysql;
use rekey_rotation::{handler, variable};

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one connection.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    handler::serve_configured("mysql", Mysql::from_variables(variable::get)).await
}
