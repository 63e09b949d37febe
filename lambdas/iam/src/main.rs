//! Rotation function for the access keys of IAM users.

mod credential;
mod engine;
mod keys;

use rekey_rotation::{aws, handler, variable};

/// Runs until Lambda stops the process.
///
/// One thread is enough: the function handles one step at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let keys = keys::aws::Iam::new(&aws::config().await);
    handler::serve_configured("iam", engine::AccessKeys::from_variables(keys, variable::get)).await
}
