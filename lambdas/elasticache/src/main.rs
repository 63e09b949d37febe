//! Rotation function for users of ElastiCache and MemoryDB.

use rekey_elasticache::{Api, Elasticache, Settings};
use rekey_rotation::{handler, variable};

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time, and each step waits for one answer.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_variables(variable::get);
    let engine = settings.map(|settings| Elasticache::new(Api::default(), settings));
    handler::serve_configured("elasticache", engine).await
}
