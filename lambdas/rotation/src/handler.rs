//! One invocation: the event goes to the machine, the outcome to the audit line and back to Lambda.

use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::time::Instant;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use thiserror::Error;
use tracing::{error, warn};

use crate::audit::{Audit, Subject};
use crate::deadline::Deadline;
use crate::diagnostic::StepError;
use crate::emission::{Bus, EventBridge};
use crate::engine::Engine;
use crate::event::RotationEvent;
use crate::machine::{Machine, Report};
use crate::password::PasswordPolicy;
use crate::vault::Vault;
use crate::vault::secrets_manager::SecretsManager;
use crate::{aws, telemetry, variable};

/// A handled invocation.
type Handled<'a> = Pin<Box<dyn Future<Output = Result<Value, Diagnostic>> + Send + 'a>>;

/// Where Secrets Manager is, if not at the region's usual name: the variable that AWS's templates need.
const ENDPOINT: &str = "SECRETS_MANAGER_ENDPOINT";

/// Why a function cannot work: a variable that it does not understand. The sentence names the variable.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct SetupError(String);

/// A function as its variables make it. One that they make impossible runs all the same and says so at each step,
/// where an operator looks; if it did not start, Lambda would show a crash.
#[derive(Debug)]
pub struct Function<V, E, B> {
    engine: &'static str,
    machine: Result<Machine<V, E, B>, SetupError>,
}

/// Runs a rotation function for that engine until Lambda stops it; all of an engine's `main`.
///
/// Clients are made once, before the first invocation; connections to the service live for one step.
pub async fn serve(engine: impl Engine) -> Result<(), lambda_runtime::Error> {
    let name = engine.name();
    serve_configured(name, Ok::<_, Infallible>(engine)).await
}

/// The same for an engine of that name that has variables of its own, which may be wrong.
pub async fn serve_configured<E: Engine>(
    name: &'static str,
    engine: Result<E, impl Display>,
) -> Result<(), lambda_runtime::Error> {
    telemetry::start();
    let config = aws::config().await;
    let function = Function::new(name, engine, variable::get, |endpoint, engine, passwords| Machine {
        vault: SecretsManager::at(endpoint, &config),
        engine,
        bus: EventBridge::new(aws_sdk_eventbridge::Client::new(&config)),
        passwords,
    });
    // Without a name for its type: beneath the runtime's layers the driver's futures would nest deeper than the compiler
    // follows.
    lambda_runtime::run(service_fn(|event| -> Handled<'_> { Box::pin(handle(&function, event)) })).await
}

impl<V: Vault, E: Engine, B: Bus> Function<V, E, B> {
    /// Reads the variables that all functions share; `make` makes the machine of what they say.
    fn new(
        engine_name: &'static str,
        engine: Result<E, impl Display>,
        variable: impl Fn(&str) -> Option<String>,
        make: impl FnOnce(Option<String>, E, PasswordPolicy) -> Machine<V, E, B>,
    ) -> Self {
        let machine = || {
            let engine = engine.map_err(|error| SetupError(error.to_string()))?;
            let passwords = PasswordPolicy::from_variables(&variable).map_err(|error| SetupError(error.to_string()))?;
            let endpoint = variable(ENDPOINT).filter(|text| !text.is_empty());
            if endpoint.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
                let example = "https://secretsmanager.eu-west-1.amazonaws.com";
                return Err(SetupError(format!("{ENDPOINT} must be a URL such as {example}")));
            }
            Ok(make(endpoint, engine, passwords))
        };
        Self { engine: engine_name, machine: machine() }
    }
}

/// Handles one invocation: exactly one audit line, and an error that carries its kind.
pub async fn handle<V: Vault, E: Engine, B: Bus>(
    function: &Function<V, E, B>,
    invocation: LambdaEvent<RotationEvent>,
) -> Result<Value, Diagnostic> {
    let began = Instant::now();
    let event = &invocation.payload;
    let report = match &function.machine {
        Ok(machine) => machine.run(event, Deadline::from_invocation(invocation.context.deadline)).await,
        Err(error) => Report { strategy: None, result: Err(StepError::Setup(error.to_string())) },
    };

    let step = event.step_name();
    let subject =
        Subject { step: &step, secret_arn: &event.secret_id, version_id: &event.version_id, engine: function.engine };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineError;
    use crate::plan::{Plan, Tags};
    use crate::secret::SecretDocument;
    use crate::testing::World;

    /// An engine that is never asked.
    struct Idle;

    impl Engine for Idle {
        fn name(&self) -> &'static str {
            "idle"
        }

        fn plan(&self, _: &SecretDocument, _: &Tags) -> Result<Plan, EngineError> {
            Err(EngineError::Unfit("idle"))
        }

        async fn login(&self, _: &SecretDocument) -> Result<(), EngineError> {
            Ok(())
        }

        async fn change(&self, _: &crate::engine::Change<'_>) -> Result<(), EngineError> {
            Ok(())
        }
    }

    /// What createSecret says under that variable, and the endpoint that the function would use.
    async fn outcome(engine: Result<Idle, &str>, name: &str, value: &str) -> (Diagnostic, Option<String>) {
        let (world, mut used) = (World::new((), "{}", "{}"), None);
        let variable = |asked: &str| (asked == name).then(|| value.to_owned());
        let function = Function::new("idle", engine, variable, |endpoint, engine, passwords| {
            used = endpoint;
            Machine { vault: world.clone(), engine, bus: world.clone(), passwords }
        });
        let event = serde_json::json!({"Step": "createSecret", "SecretId": "s", "ClientRequestToken": "v2"});
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), lambda_runtime::Context::default());
        (handle(&function, event).await.unwrap_err(), used)
    }

    #[tokio::test]
    async fn a_variable_that_is_wrong_fails_each_step_with_a_sentence() {
        for (engine, name, value, sentence) in [
            (Ok(Idle), "PASSWORD_LENGTH", "eight", "PASSWORD_LENGTH must be a number from 16 to 128"),
            (Ok(Idle), ENDPOINT, "secretsmanager", "SECRETS_MANAGER_ENDPOINT must be a URL such as https://"),
            (Err("LIMIT must be a number"), "", "", "LIMIT must be a number"),
        ] {
            let (error, used) = outcome(engine, name, value).await;
            assert_eq!((error.error_type.as_str(), used), ("setup", None));
            assert!(error.error_message.starts_with(&format!("function is set up wrongly: {sentence}")), "{error:?}");
        }
    }

    #[tokio::test]
    async fn the_templates_endpoint_is_used_and_an_empty_one_is_none() {
        for (value, expected) in [("https://vpce.example", Some("https://vpce.example")), ("", None)] {
            let (error, used) = outcome(Ok(Idle), ENDPOINT, value).await;
            assert_eq!((error.error_type.as_str(), used.as_deref()), ("refused", expected));
        }
    }
}
