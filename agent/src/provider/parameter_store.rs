//! Parameter Store: GetParameter, and GetParameters without decryption where the value is not needed; tags, and searches.

mod find;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ResourceTypeForTagging};
use rekey_core::identity::{Account, SourceRef};
use rekey_core::ledger::Known;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Sources, Token, Wanted};

use super::{Answer, Asked, Checked, Context, ReadProblem, searched, tags_payload, timestamp};

/// GetParameters takes so many names.
const BATCH: usize = 10;
const GET_ONE: &str = "ssm:GetParameter";
const GET_MANY: &str = "ssm:GetParameters";
/// What is done without the permission for many.
const ONE_BY_ONE: &str = "parameters are asked for one by one";
const LIST_TAGS: &str = "ssm:ListTagsForResource";

pub(super) async fn read(client: &Client, context: Context<'_>, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    match (&wanted.sources, &wanted.selector) {
        (Sources::Matching(finder), _) => find::read(client, context, finder).await,
        (Sources::Named(source), Selector::Tags) => read_tags(client, context, source).await,
        (Sources::Named(source), selector) => read_value(client, context, source, selector).await,
    }
}

async fn read_value(
    client: &Client,
    context: Context<'_>,
    source: &SourceRef,
    selector: &Selector,
) -> Result<Answer, ReadProblem> {
    let request = client.get_parameter().name(name(source, selector)).with_decryption(true);
    let output = context.run(GET_ONE, || request.clone().send()).await?;
    let parameter = output.parameter.ok_or_else(|| ReadProblem::Rejected {
        action: GET_ONE,
        code: "NoParameter".to_owned(),
        message: "the answer holds no parameter".to_owned(),
    })?;
    Ok(Answer {
        account: parameter.arn().and_then(Account::of_arn),
        known: known(&parameter, selector),
        payload: Payload::Value { text: parameter.value.map(SecretValue::from), binary: None },
    })
}

async fn read_tags(client: &Client, context: Context<'_>, source: &SourceRef) -> Result<Answer, ReadProblem> {
    let tags = tags_of(client, context, source).await?;
    Ok(Answer {
        account: None,
        known: Known::of_source(Token::of_tags(&tags), None, None),
        payload: tags_payload(&tags),
    })
}

/// A parameter that is not there is an error of another name here, to ESO too: a deletion policy acts on values.
async fn tags_of(
    client: &Client,
    context: Context<'_>,
    source: &SourceRef,
) -> Result<BTreeMap<String, String>, ReadProblem> {
    let request =
        client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(&source.key);
    let output = context.run(LIST_TAGS, || request.clone().send()).await.map_err(ReadProblem::no_absence)?;
    Ok(output.tag_list.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect())
}

pub(super) async fn check(client: &Client, context: Context<'_>, asked: &[Asked]) -> HashMap<Wanted, Checked> {
    let mut checked = HashMap::with_capacity(asked.len());
    let mut values = Vec::with_capacity(asked.len());
    for one in asked.iter().map(|one| &one.wanted) {
        let answer = match (&one.sources, &one.selector) {
            (Sources::Matching(finder), _) => searched(find::check(client, context, finder).await),
            (Sources::Named(source), Selector::Tags) => {
                let known = |tags| (Known::of_source(Token::of_tags(&tags), None, None), None);
                searched(tags_of(client, context, source).await.map(known))
            }
            (Sources::Named(source), selector) => {
                values.push(Value { wanted: one, key: &source.key, name: name(source, selector) });
                continue;
            }
        };
        checked.insert(one.clone(), answer);
    }
    check_values(client, context, &values, &mut checked).await;
    checked
}

/// The value of a parameter, whose version is asked for.
struct Value<'a> {
    wanted: &'a Wanted,
    key: &'a str,
    /// As GetParameter takes it.
    name: String,
}

async fn check_values(
    client: &Client,
    context: Context<'_>,
    asked: &[Value<'_>],
    checked: &mut HashMap<Wanted, Checked>,
) {
    let (mut denied, mut worked, mut tried) = (None, false, Vec::new());
    let refused = context.denials.refused(context.store, GET_MANY, asked.iter().map(|one| one.key));
    let (alone, together): (Vec<&Value<'_>>, Vec<&Value<'_>>) =
        asked.iter().partition(|one| refused.others.contains(one.key));
    let (probe, together): (Vec<&Value<'_>>, Vec<&Value<'_>>) =
        together.into_iter().partition(|one| refused.probe == Some(one.key));
    for one in alone {
        checked.insert(one.wanted.clone(), check_one(client, context, one).await.0);
    }
    // What is tried again spoils no batch of the others.
    for batch in together.chunks(BATCH).chain(probe.chunks(BATCH)) {
        let names = batch.iter().map(|one| one.name.clone()).collect();
        let request = client.get_parameters().set_names(Some(names)).with_decryption(false);
        match context.run(GET_MANY, || request.clone().send()).await {
            Ok(output) => {
                worked = true;
                for one in batch {
                    tried.push((one.key, false));
                    let found = output.parameters().iter().find(|parameter| is(parameter, &one.name));
                    checked.insert(one.wanted.clone(), found.map_or_else(missing, |found| present(found, one.wanted)));
                }
            }
            Err(problem) if problem.is_transient() => {
                checked.extend(batch.iter().map(|one| (one.wanted.clone(), Checked::failed(&problem))));
            }
            Err(problem) => {
                // One name that is refused fails the whole batch, so each is asked for by itself.
                let mut denied_alone = HashSet::new();
                for one in batch {
                    let (answer, denied) = check_one(client, context, one).await;
                    checked.insert(one.wanted.clone(), answer);
                    if denied {
                        denied_alone.insert(one.key);
                    }
                }
                if matches!(problem, ReadProblem::Denied { .. }) {
                    // Either some of them may not be read at all, or none of them together.
                    let all = denied_alone.is_empty();
                    let keys = batch.iter().map(|one| one.key);
                    tried.extend(keys.filter(|key| all || denied_alone.contains(key)).map(|key| (key, true)));
                    denied = Some(problem);
                }
            }
        }
    }
    context.denials.tried(context.store, GET_MANY, tried.into_iter());
    match denied {
        Some(problem) => {
            context.denials.denied(context.store, GET_MANY, &problem, ONE_BY_ONE);
        }
        None if worked => context.denials.worked(context.store, GET_MANY),
        None => {}
    }
}

/// The answer, and whether it is that this identity may not ask.
async fn check_one(client: &Client, context: Context<'_>, one: &Value<'_>) -> (Checked, bool) {
    let request = client.get_parameter().name(&one.name).with_decryption(false);
    match context.run(GET_ONE, || request.clone().send()).await {
        Ok(output) => (output.parameter().map_or_else(missing, |found| present(found, one.wanted)), false),
        Err(problem) => (Checked::failed(&problem), matches!(problem, ReadProblem::Denied { .. })),
    }
}

fn present(parameter: &Parameter, wanted: &Wanted) -> Checked {
    Checked::Version { known: known(parameter, &wanted.selector), account: parameter.arn().and_then(Account::of_arn) }
}

fn missing() -> Checked {
    Checked::Unclear("no such parameter, or no such version of it".to_owned())
}

/// The name with its version or label, as GetParameter takes it.
fn name(source: &SourceRef, selector: &Selector) -> String {
    match selector {
        Selector::Parameter(Some(version)) => format!("{}:{version}", source.key),
        _ => source.key.clone(),
    }
}

/// Is this the answer to that name? AWS repeats name or ARN as it was asked for, and what followed the colon apart.
fn is(parameter: &Parameter, asked: &str) -> bool {
    let selector = parameter.selector().unwrap_or_default();
    [parameter.name(), parameter.arn()]
        .into_iter()
        .flatten()
        .any(|name| asked.strip_prefix(name).is_some_and(|rest| rest == selector))
}

fn known(parameter: &Parameter, selector: &Selector) -> Known {
    let modified = timestamp(parameter.last_modified_date());
    let token = Token::of_parameter(parameter.version(), modified.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
    // When a label came to a version, no call tells.
    Known::of_source(token, modified, modified.filter(|_| !selector.is_label()))
}
