//! Rotation function for users of ElastiCache and MemoryDB.

use rekey_elasticache::{Api, Elasticache, Settings};

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one answer.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_variables(|name| std::env::var(name).ok())?;
    rekey_rotation::handler::serve(Elasticache::new(Api::default(), settings)).await
}
