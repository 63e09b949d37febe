//! Secrets Manager: GetSecretValue, and DescribeSecret or ListSecrets where the value is not needed.

mod list;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use rekey_core::identity::{Account, Service};
use rekey_core::ledger::Known;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Token, Wanted};

use super::attempt::{Attempts, Call, For};
use super::{Answer, Asked, Checked, Context, ReadProblem, timestamp};
pub(super) use list::Listings;

/// Describes in flight at a time, for one store's comparison.
const CONCURRENT_DESCRIBES: usize = 8;
const DESCRIBE: &str = "secretsmanager:DescribeSecret";

pub(super) async fn read(client: &Client, attempts: &Attempts, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    const ACTION: &str = "secretsmanager:GetSecretValue";
    let call = Call { action: ACTION, identity: &wanted.identity, region: &wanted.source.region, reason: For::Sync };
    let request = client.get_secret_value().secret_id(&wanted.source.key);
    let request = match &wanted.selector {
        Selector::Version(id) => request.version_id(id),
        Selector::Stage(stage) => request.version_stage(stage),
        Selector::Parameter(_) => request,
    };
    let output = attempts.run(Service::SecretsManager, call, || request.clone().send()).await?;
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

/// One answer of AWS tells of every version of a secret, so the selectors of one secret share it.
type ByKey<'a> = BTreeMap<&'a str, Vec<&'a Asked>>;

pub(super) async fn check(
    client: &Client,
    context: Context<'_>,
    listings: &Listings,
    asked: &[Asked],
) -> HashMap<Wanted, Checked> {
    let mut by_key = ByKey::new();
    for one in asked {
        by_key.entry(one.wanted.source.key.as_str()).or_default().push(one);
    }
    let mut checked = listings.check(client, context, &by_key).await;
    by_key.retain(|_, selectors| selectors.iter().any(|one| !checked.contains_key(&one.wanted)));

    for key in context.denials.refused(context.store, DESCRIBE, by_key.keys().copied()).others {
        let unclear = || Checked::Unclear(format!("{DESCRIBE} was denied before"));
        let selectors = by_key.remove(key).unwrap_or_default();
        checked.extend(selectors.into_iter().map(|one| (one.wanted.clone(), unclear())));
    }
    let mut tried = Vec::with_capacity(by_key.len());
    let mut left = by_key.into_iter();
    let mut described = FuturesUnordered::new();
    let (mut denied, mut worked) = (None, false);
    loop {
        for (key, selectors) in left.by_ref().take(CONCURRENT_DESCRIBES - described.len()) {
            described.push(describe(client, context, key, selectors));
        }
        let Some((selectors, answer)) = described.next().await else { break };
        if answer.as_ref().map_or_else(|problem| !problem.is_transient(), |_| true) {
            let key = selectors.first().map(|one| one.wanted.source.key.as_str());
            tried.extend(key.map(|key| (key, matches!(answer, Err(ReadProblem::Denied { .. })))));
        }
        for one in selectors {
            let answer = match &answer {
                Ok(output) => {
                    Secret::described(output).map_or_else(Checked::Unclear, |secret| secret.check(&one.wanted))
                }
                Err(problem) => Checked::failed(problem),
            };
            checked.insert(one.wanted.clone(), answer);
        }
        match answer {
            Ok(_) => worked = true,
            Err(problem @ ReadProblem::Denied { .. }) => denied = Some(problem),
            Err(_) => {}
        }
    }
    context.denials.tried(context.store, DESCRIBE, tried.into_iter());
    match denied {
        Some(problem) => {
            context.denials.denied(context.store, DESCRIBE, &problem, "the values are read");
        }
        None if worked => context.denials.worked(context.store, DESCRIBE),
        None => {}
    }
    checked
}

async fn describe<'a>(
    client: &Client,
    context: Context<'_>,
    key: &str,
    selectors: Vec<&'a Asked>,
) -> (Vec<&'a Asked>, Result<DescribeSecretOutput, ReadProblem>) {
    let request = client.describe_secret().secret_id(key);
    (selectors, context.run(DESCRIBE, || request.clone().send()).await)
}

/// What is told of a secret without its value.
struct Secret<'a> {
    arn: &'a str,
    stages: Option<&'a HashMap<String, Vec<String>>>,
    changed: Option<Timestamp>,
}

impl<'a> Secret<'a> {
    fn described(output: &'a DescribeSecretOutput) -> Result<Self, String> {
        if output.deleted_date().is_some() {
            return Err("the secret is scheduled for deletion".to_owned());
        }
        Ok(Self {
            arn: output.arn().ok_or("DescribeSecret names no ARN")?,
            stages: output.version_ids_to_stages(),
            changed: timestamp(output.last_changed_date()),
        })
    }

    fn check(&self, wanted: &Wanted) -> Checked {
        match self.known(&wanted.selector) {
            None => Checked::Unclear(format!("no version carries {}", wanted.selector)),
            Some(known) => Checked::Version { known, account: Account::of_arn(self.arn) },
        }
    }

    fn known(&self, selector: &Selector) -> Option<Known> {
        let version = match selector {
            Selector::Version(id) => id,
            Selector::Stage(stage) => self
                .stages
                .into_iter()
                .flatten()
                .find(|(_, stages)| stages.contains(stage))
                .map(|(version, _)| version)?,
            Selector::Parameter(_) => return None,
        };
        // Neither call dates versions.
        Some(Known { token: Token::of_secret(self.arn, version), created: None, changed: self.changed })
    }
}
