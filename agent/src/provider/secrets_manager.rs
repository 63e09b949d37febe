//! Secrets Manager: GetSecretValue, and DescribeSecret or ListSecrets where the value is not needed; searches.

mod find;
mod list;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use futures::stream::{self, FuturesUnordered, StreamExt};
use jiff::Timestamp;
use rekey_core::identity::{Account, SourceRef};
use rekey_core::ledger::{Known, Suspect};
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{Selector, Sources, Token, Wanted};

use super::{Answer, Asked, Checked, Context, ReadProblem, searched, tags_payload, timestamp};
pub(super) use list::Listings;

/// Describes in flight at a time, for one store's comparison.
const CONCURRENT_DESCRIBES: usize = 8;
/// And searches.
const CONCURRENT_SEARCHES: usize = 4;
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const GET: &str = "secretsmanager:GetSecretValue";

pub(super) async fn read(
    client: &Client,
    context: Context<'_>,
    wanted: &Wanted,
    suspects: &[Suspect],
) -> Result<Answer, ReadProblem> {
    match (&wanted.sources, &wanted.selector) {
        (Sources::Matching(finder), _) => find::read(client, context, finder, suspects).await,
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
    let request = client.get_secret_value().secret_id(&source.key);
    let request = match selector {
        Selector::Version(id) => request.version_id(id),
        Selector::Stage(stage) => request.version_stage(stage),
        Selector::Parameter(_) | Selector::Tags => request,
    };
    let output = context.run(GET, || request.clone().send()).await?;
    let (Some(arn), Some(version)) = (output.arn, output.version_id) else {
        return Err(ReadProblem::Rejected {
            action: GET,
            code: "NoVersion".to_owned(),
            message: "the answer names no version".to_owned(),
        });
    };
    let created = timestamp(output.created_date.as_ref());
    Ok(Answer {
        account: Account::of_arn(&arn),
        // When the label came to this version, only a look without the value tells.
        known: Known::of_source(Token::of_secret(&arn, &version), created, None),
        payload: Payload::Value {
            text: output.secret_string.map(SecretValue::from),
            binary: output.secret_binary.map(|blob| SecretValue::new(blob.into_inner())),
        },
    })
}

/// The tags of a secret, which it has until it is gone for good. That it is not there is an error here, to ESO too: a
/// deletion policy acts on values.
async fn read_tags(client: &Client, context: Context<'_>, source: &SourceRef) -> Result<Answer, ReadProblem> {
    let request = client.describe_secret().secret_id(&source.key);
    let output = context.run(DESCRIBE, || request.clone().send()).await.map_err(ReadProblem::no_absence)?;
    let tags = tags_of(output.tags());
    let token = Token::of_tags(&tags);
    Ok(Answer {
        account: output.arn().and_then(Account::of_arn),
        known: Known::of_source(token, None, timestamp(output.last_changed_date())),
        payload: tags_payload(&tags),
    })
}

fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
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
    let mut searches = Vec::new();
    for one in asked {
        match &one.wanted.sources {
            Sources::Named(source) => by_key.entry(source.key.as_str()).or_default().push(one),
            Sources::Matching(finder) => searches.push(async move {
                (one.wanted.clone(), searched(find::check(client, context, finder, &one.suspects).await))
            }),
        }
    }
    let mut checked: HashMap<_, _> = stream::iter(searches).buffer_unordered(CONCURRENT_SEARCHES).collect().await;
    checked.extend(listings.check(client, context, &by_key).await);
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
        let Some((key, selectors, answer)) = described.next().await else { break };
        if answer.as_ref().map_or_else(|problem| !problem.is_transient(), |_| true) {
            tried.push((key, matches!(answer, Err(ReadProblem::Denied { .. }))));
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
    key: &'a str,
    selectors: Vec<&'a Asked>,
) -> (&'a str, Vec<&'a Asked>, Result<DescribeSecretOutput, ReadProblem>) {
    let request = client.describe_secret().secret_id(key);
    (key, selectors, context.run(DESCRIBE, || request.clone().send()).await)
}

/// What is told of a secret without its value.
struct Secret<'a> {
    arn: &'a str,
    stages: Option<&'a HashMap<String, Vec<String>>>,
    tags: &'a [Tag],
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
            tags: output.tags(),
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
            Selector::Tags => return Some(Known::of_source(Token::of_tags(&tags_of(self.tags)), None, self.changed)),
            Selector::Parameter(_) => return None,
        };
        // Neither call dates versions.
        Some(Known::of_source(Token::of_secret(self.arn, version), None, self.changed))
    }
}
