//! Rotation function for secrets that no service has to know: random text, or one field of a JSON secret.

mod engine;

/// Runs until Lambda stops the process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rekey_rotation::handler::serve(engine::Generic).await
}
