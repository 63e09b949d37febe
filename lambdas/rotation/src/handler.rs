//! One invocation: the event goes to the machine, the outcome to the audit line and back to Lambda.

use std::io;
use std::pin::Pin;
use std::time::Instant;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::{error, warn};

use crate::audit::{Audit, Subject};
use crate::aws;
use crate::deadline::Deadline;
use crate::emission::{Bus, EventBridge};
use crate::engine::Engine;
use crate::event::RotationEvent;
use crate::machine::Machine;
use crate::password::PasswordPolicy;
use crate::telemetry;
use crate::vault::Vault;
use crate::vault::secrets_manager::SecretsManager;

/// A handled invocation.
type Handled<'a> = Pin<Box<dyn Future<Output = Result<Value, Diagnostic>> + Send + 'a>>;

/// Runs a rotation function for that engine until Lambda stops it; all of an engine's `main`.
///
/// Clients are made once, before the first invocation; connections to the service live for one step.
pub async fn serve(engine: impl Engine) -> Result<(), lambda_runtime::Error> {
    telemetry::start();
    let config = aws::config().await;
    let machine = Machine {
        vault: SecretsManager::new(aws_sdk_secretsmanager::Client::new(&config)),
        engine,
        bus: EventBridge::new(aws_sdk_eventbridge::Client::new(&config)),
        passwords: PasswordPolicy::from_variables(|name| std::env::var(name).ok())?,
    };
    // Without a name for its type: beneath the runtime's layers the driver's futures would nest deeper than the compiler
    // follows.
    lambda_runtime::run(service_fn(|event| -> Handled<'_> { Box::pin(handle(&machine, event)) })).await
}

/// Handles one invocation: exactly one audit line, and an error that carries its kind.
pub async fn handle<V: Vault, E: Engine, B: Bus>(
    machine: &Machine<V, E, B>,
    invocation: LambdaEvent<RotationEvent>,
) -> Result<Value, Diagnostic> {
    let began = Instant::now();
    let event = &invocation.payload;
    let report = machine.run(event, Deadline::from_invocation(invocation.context.deadline)).await;

    let step = event.step_name();
    let subject = Subject {
        step: &step,
        secret_arn: &event.secret_id,
        version_id: &event.version_id,
        engine: machine.engine.name(),
    };
    let at = Timestamp::now();
    if let Err(error) = Audit::new(subject, &report, at, began.elapsed()).write(at, &mut io::stdout().lock()) {
        warn!(%error, "audit line could not be written");
    }
    // Secrets Manager ignores what a step returns; only that it returned counts.
    report.result.map(|_| Value::Null).map_err(|failure| {
        error!(step, version = event.version_id, kind = failure.kind().as_str(), error = %failure, "step failed");
        failure.into()
    })
}
