//! Parameter Store: GetParameter, and GetParameters without decryption where the value is not needed.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::Parameter;
use rekey_core::identity::{Account, Service};
use rekey_core::ledger::Known;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Token, Wanted};

use super::attempt::{Attempts, Call, For};
use super::{Answer, Asked, Checked, Context, ReadProblem, timestamp};

/// GetParameters takes so many names.
const BATCH: usize = 10;
const GET_ONE: &str = "ssm:GetParameter";
const GET_MANY: &str = "ssm:GetParameters";

pub(super) async fn read(client: &Client, attempts: &Attempts, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    let call = Call { action: GET_ONE, identity: &wanted.identity, region: &wanted.source.region, reason: For::Sync };
    let request = client.get_parameter().name(name(wanted)).with_decryption(true);
    let output = attempts.run(Service::ParameterStore, call, || request.clone().send()).await?;
    let parameter = output.parameter.ok_or_else(|| ReadProblem::Rejected {
        action: GET_ONE,
        code: "NoParameter".to_owned(),
        message: "the answer holds no parameter".to_owned(),
    })?;
    Ok(Answer {
        account: parameter.arn().and_then(Account::of_arn),
        known: known(&parameter),
        payload: Payload { text: parameter.value.map(SecretValue::from), binary: None },
    })
}

pub(super) async fn check(client: &Client, context: Context<'_>, asked: &[Asked]) -> HashMap<Wanted, Checked> {
    let mut checked = HashMap::with_capacity(asked.len());
    let (mut denied, mut worked, mut tried) = (None, false, Vec::new());
    let refused = context.denials.refused(context.store, GET_MANY, asked.iter().map(|one| key_of(&one.wanted)));
    let (alone, together): (Vec<&Asked>, Vec<&Asked>) =
        asked.iter().partition(|one| refused.others.contains(key_of(&one.wanted)));
    let (probe, together): (Vec<&Asked>, Vec<&Asked>) =
        together.into_iter().partition(|one| refused.probe == Some(key_of(&one.wanted)));
    for one in alone {
        checked.insert(one.wanted.clone(), check_one(client, context, &one.wanted).await.0);
    }
    // What is tried again spoils no batch of the others.
    for batch in together.chunks(BATCH).chain(probe.chunks(BATCH)) {
        let batch = || batch.iter().map(|one| &one.wanted);
        let names = batch().map(name).collect();
        let request = client.get_parameters().set_names(Some(names)).with_decryption(false);
        match context.run(GET_MANY, || request.clone().send()).await {
            Ok(output) => {
                worked = true;
                for one in batch() {
                    tried.push((key_of(one), false));
                    let found = output.parameters().iter().find(|parameter| is(parameter, one));
                    checked.insert(one.clone(), found.map_or_else(missing, present));
                }
            }
            Err(problem) if problem.is_transient() => {
                checked.extend(batch().map(|one| (one.clone(), Checked::failed(&problem))));
            }
            Err(problem) => {
                // One name that is refused fails the whole batch, so each is asked for by itself.
                let mut denied_alone = HashSet::new();
                for one in batch() {
                    let (answer, denied) = check_one(client, context, one).await;
                    checked.insert(one.clone(), answer);
                    if denied {
                        denied_alone.insert(key_of(one));
                    }
                }
                if matches!(problem, ReadProblem::Denied { .. }) {
                    // Either some of them may not be read at all, or none of them together.
                    let all = denied_alone.is_empty();
                    tried.extend(
                        batch().map(key_of).filter(|key| all || denied_alone.contains(key)).map(|key| (key, true)),
                    );
                    denied = Some(problem);
                }
            }
        }
    }
    context.denials.tried(context.store, GET_MANY, tried.into_iter());
    match denied {
        Some(problem) => {
            let instead = "parameters are asked for one by one";
            context.denials.denied(context.store, GET_MANY, &problem, instead);
        }
        None if worked => context.denials.worked(context.store, GET_MANY),
        None => {}
    }
    checked
}

/// The answer, and whether it is that this identity may not ask.
async fn check_one(client: &Client, context: Context<'_>, wanted: &Wanted) -> (Checked, bool) {
    let request = client.get_parameter().name(name(wanted)).with_decryption(false);
    match context.run(GET_ONE, || request.clone().send()).await {
        Ok(output) => (output.parameter().map_or_else(missing, present), false),
        Err(problem) => (Checked::failed(&problem), matches!(problem, ReadProblem::Denied { .. })),
    }
}

fn key_of(wanted: &Wanted) -> &str {
    &wanted.source.key
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

/// Is this the answer to that name? AWS repeats name or ARN as it was asked for, and what followed the colon apart.
fn is(parameter: &Parameter, wanted: &Wanted) -> bool {
    let selector = parameter.selector().unwrap_or_default();
    let asked = name(wanted);
    [parameter.name(), parameter.arn()]
        .into_iter()
        .flatten()
        .any(|name| asked.strip_prefix(name).is_some_and(|rest| rest == selector))
}

fn known(parameter: &Parameter) -> Known {
    let modified = timestamp(parameter.last_modified_date());
    Known {
        token: Token::of_parameter(parameter.version(), modified.unwrap_or(jiff::Timestamp::UNIX_EPOCH)),
        created: modified,
        changed: modified,
    }
}
