//! Secrets Manager: GetSecretValue, and DescribeSecret where the value is not needed.

use std::collections::HashMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::describe_secret::builders::DescribeSecretFluentBuilder;
use futures::stream::{self, StreamExt};
use rekey_core::identity::Account;
use rekey_core::ledger::Known;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Token, Wanted};

use super::{Answer, Checked, ReadProblem, timestamp};
use crate::metrics::Metrics;

/// Describes in flight at a time, for one store's sweep.
const CONCURRENT_DESCRIBES: usize = 8;

pub(super) async fn read(client: &Client, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    const ACTION: &str = "secretsmanager:GetSecretValue";
    let request = client.get_secret_value().secret_id(&wanted.source.key);
    let request = match &wanted.selector {
        Selector::Version(id) => request.version_id(id),
        Selector::Stage(stage) => request.version_stage(stage),
        Selector::Parameter(_) => request,
    };
    let output = request.send().await.map_err(|error| ReadProblem::from_sdk(ACTION, &error))?;
    let (Some(arn), Some(version)) = (output.arn, output.version_id) else {
        return Err(ReadProblem::Rejected {
            action: ACTION,
            code: "NoVersion".to_owned(),
            message: "the answer names no version".to_owned(),
        });
    };
    let created = timestamp(output.created_date.as_ref());
    Ok(Answer {
        account: Account::of_arn(&arn),
        known: Known { token: Token::of_secret(&arn, &version), created, changed: created },
        payload: Payload {
            text: output.secret_string.map(SecretValue::from),
            binary: output.secret_binary.map(|blob| SecretValue::new(blob.into_inner())),
        },
    })
}

pub(super) async fn check(client: &Client, wanted: &[Wanted], metrics: &Metrics) -> HashMap<Wanted, Checked> {
    // One DescribeSecret tells of every version; several selectors of one secret share it.
    let mut by_key: HashMap<String, Vec<Wanted>> = HashMap::new();
    for one in wanted {
        by_key.entry(one.source.key.clone()).or_default().push(one.clone());
    }
    let described = by_key
        .into_iter()
        .map(|(key, selectors)| describe(client.describe_secret().secret_id(key), selectors, metrics.clone()));
    let answers: Vec<Vec<(Wanted, Checked)>> =
        stream::iter(described).buffer_unordered(CONCURRENT_DESCRIBES).collect().await;
    answers.into_iter().flatten().collect()
}

async fn describe(
    request: DescribeSecretFluentBuilder,
    selectors: Vec<Wanted>,
    metrics: Metrics,
) -> Vec<(Wanted, Checked)> {
    let described = request.send().await;
    metrics.aws_call("DescribeSecret", described.is_ok());
    let checked = |wanted: Wanted| {
        let checked = match &described {
            Ok(output) => version_of(&wanted, output),
            Err(error) => Checked::failed(&ReadProblem::from_sdk("secretsmanager:DescribeSecret", error)),
        };
        (wanted, checked)
    };
    selectors.into_iter().map(checked).collect()
}

fn version_of(wanted: &Wanted, output: &DescribeSecretOutput) -> Checked {
    let Some(arn) = output.arn() else { return Checked::Unclear("DescribeSecret names no ARN".to_owned()) };
    if output.deleted_date().is_some() {
        return Checked::Unclear("the secret is scheduled for deletion".to_owned());
    }
    let version = match &wanted.selector {
        Selector::Version(id) => Some(id),
        Selector::Stage(stage) => output
            .version_ids_to_stages()
            .into_iter()
            .flatten()
            .find(|(_, stages)| stages.contains(stage))
            .map(|(version, _)| version),
        Selector::Parameter(_) => None,
    };
    match version {
        None => Checked::Unclear(format!("no version carries {}", wanted.selector)),
        Some(version) => Checked::Version {
            known: Known {
                token: Token::of_secret(arn, version),
                // DescribeSecret does not date versions.
                created: None,
                changed: timestamp(output.last_changed_date()),
            },
            account: Account::of_arn(arn),
        },
    }
}
