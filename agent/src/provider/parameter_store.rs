//! Parameter Store: GetParameter, and GetParameters without decryption where the value is not needed.

use std::collections::HashMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::Parameter;
use rekey_core::identity::Account;
use rekey_core::ledger::Known;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Token, Wanted};

use super::{Answer, Checked, ReadProblem, timestamp};
use crate::metrics::Metrics;

/// GetParameters takes so many names.
const BATCH: usize = 10;

pub(super) async fn read(client: &Client, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    const ACTION: &str = "ssm:GetParameter";
    let output = client
        .get_parameter()
        .name(name(wanted))
        .with_decryption(true)
        .send()
        .await
        .map_err(|error| ReadProblem::from_sdk(ACTION, &error))?;
    let parameter = output.parameter.ok_or_else(|| ReadProblem::Rejected {
        action: ACTION,
        code: "NoParameter".to_owned(),
        message: "the answer holds no parameter".to_owned(),
    })?;
    Ok(Answer {
        account: parameter.arn().and_then(Account::of_arn),
        known: known(&parameter),
        payload: Payload { text: parameter.value.map(SecretValue::from), binary: None },
    })
}

pub(super) async fn check(client: &Client, wanted: &[Wanted], metrics: &Metrics) -> HashMap<Wanted, Checked> {
    let mut checked = HashMap::with_capacity(wanted.len());
    for batch in wanted.chunks(BATCH) {
        let names = batch.iter().map(name).collect();
        let answer = client.get_parameters().set_names(Some(names)).with_decryption(false).send().await;
        metrics.aws_call("GetParameters", answer.is_ok());
        match answer {
            Ok(output) => {
                for one in batch {
                    let found = output.parameters().iter().find(|parameter| is(parameter, one));
                    checked.insert(one.clone(), found.map_or_else(missing, present));
                }
            }
            Err(error) => {
                let problem = ReadProblem::from_sdk("ssm:GetParameters", &error);
                if problem.is_transient() {
                    checked.extend(batch.iter().map(|one| (one.clone(), Checked::failed(&problem))));
                } else {
                    // One name that is refused fails the whole batch, so each is asked for by itself.
                    for one in batch {
                        checked.insert(one.clone(), check_one(client, one, metrics).await);
                    }
                }
            }
        }
    }
    checked
}

async fn check_one(client: &Client, wanted: &Wanted, metrics: &Metrics) -> Checked {
    let answer = client.get_parameter().name(name(wanted)).with_decryption(false).send().await;
    metrics.aws_call("GetParameter", answer.is_ok());
    match answer {
        Ok(output) => output.parameter().map_or_else(missing, present),
        Err(error) => Checked::failed(&ReadProblem::from_sdk("ssm:GetParameter", &error)),
    }
}

fn present(parameter: &Parameter) -> Checked {
    Checked::Version { known: known(parameter), account: parameter.arn().and_then(Account::of_arn) }
}

fn missing() -> Checked {
    Checked::Unclear("no such parameter, or no such version of it".to_owned())
}

/// The name with its version or label, as GetParameter takes it.
fn name(wanted: &Wanted) -> String {
    match &wanted.selector {
        Selector::Parameter(Some(version)) => format!("{}:{version}", wanted.source.key),
        _ => wanted.source.key.clone(),
    }
}

fn is(parameter: &Parameter, wanted: &Wanted) -> bool {
    let key = Some(wanted.source.key.as_str());
    let selector = match &wanted.selector {
        Selector::Parameter(Some(version)) => Some(format!(":{version}")),
        _ => None,
    };
    (parameter.name() == key || parameter.arn() == key) && parameter.selector().map(ToOwned::to_owned) == selector
}

fn known(parameter: &Parameter) -> Known {
    let modified = timestamp(parameter.last_modified_date());
    Known {
        token: Token::of_parameter(parameter.version(), modified.unwrap_or(jiff::Timestamp::UNIX_EPOCH)),
        created: modified,
        changed: modified,
    }
}
