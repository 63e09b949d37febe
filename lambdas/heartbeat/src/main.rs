//! The heartbeat: on a schedule, changes a canary secret and a canary parameter for the sake of the events that AWS
//! sends about it.
//!
//! Those native events pass through the very rules and the very queue that carry real changes, so an agent that sees
//! them knows that it would see a rotation too. Nothing here is secret, and nothing else is touched.

mod beat;
mod canary;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rekey_rotation::{aws, telemetry};
use serde::de::IgnoredAny;

use crate::canary::Canaries;

/// Runs until Lambda stops the process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = aws::config().await;
    let canaries = Canaries::new(
        aws_sdk_secretsmanager::Client::new(&config),
        aws_sdk_ssm::Client::new(&config),
        variable("CANARY_SECRET_ID")?,
        variable("CANARY_PARAMETER")?,
    );
    lambda_runtime::run(service_fn(async |_: LambdaEvent<IgnoredAny>| canaries.beat().await)).await
}

fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("environment variable {name} is missing; the template sets it").into())
}
