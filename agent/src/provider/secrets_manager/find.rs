//! Searches: ListSecrets tells the names, and BatchGetSecretValue the values of twenty at a time.
//!
//! A listing may be minutes late, so each secret that an event spoke of lately is described by itself. What a listing
//! shows too long is noticed when the value is read.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretValueEntry, Tag};
use futures::stream::{self, StreamExt, TryStreamExt};
use rekey_core::identity::Account;
use rekey_core::index::Finder;
use rekey_core::ledger::{Known, Member, Suspect};
use rekey_core::listing::PAGE;
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::{CURRENT, Token};

use super::{DESCRIBE, GET};
use crate::provider::{Answer, Context, Limits, ReadProblem};

const LIST: &str = "secretsmanager:ListSecrets";
const BATCH: &str = "secretsmanager:BatchGetSecretValue";
/// BatchGetSecretValue takes so many ids.
const BATCH_SIZE: usize = 20;
/// ListSecrets takes so many filters.
const FILTERS: usize = 10;
/// Calls in flight at a time, for one search.
const CONCURRENT: usize = 4;

/// A secret that was found, by its name.
type Found = BTreeMap<String, Version>;

/// The version of a secret that is in use.
struct Version {
    arn: String,
    id: String,
}

impl Version {
    fn member(&self) -> Member {
        Member { token: Token::of_secret(&self.arn, &self.id), created: None }
    }
}

/// The values of all secrets that are found.
pub(super) async fn read(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    suspects: &[Suspect],
) -> Result<Answer, ReadProblem> {
    let found = find(client, context, finder, suspects).await?;
    let arns: Vec<String> = found.into_values().map(|version| version.arn).collect();
    let batches: Vec<_> = arns.chunks(BATCH_SIZE).map(|arns| values(client, context, arns)).collect();
    let (mut members, mut values, mut limits) = (BTreeMap::new(), BTreeMap::new(), Limits::default());
    let mut account = None;
    let mut batches = stream::iter(batches).buffered(CONCURRENT);
    while let Some(batch) = batches.try_next().await? {
        for (name, version, value) in batch {
            limits.add(LIST, value.expose().len())?;
            account = account.or_else(|| Account::of_arn(&version.arn));
            members.insert(name.clone(), version.member());
            values.insert(name, value);
        }
    }
    if members.is_empty() {
        return Err(context.nothing_found(LIST));
    }
    Ok(Answer { known: Known::of_search(members), account, payload: Payload::Found(values) })
}

/// The versions of all secrets that are found.
pub(super) async fn check(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    suspects: &[Suspect],
) -> Result<(Known, Option<Account>), ReadProblem> {
    let found = find(client, context, finder, suspects).await?;
    let account = found.values().find_map(|version| Account::of_arn(&version.arn));
    let members = found.iter().map(|(name, version)| (name.clone(), version.member())).collect();
    Ok((Known::of_search(members), account))
}

async fn find(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    suspects: &[Suspect],
) -> Result<Found, ReadProblem> {
    let mut found = listed(client, context, finder).await?;
    for suspect in suspects {
        let names = suspect.announced.names();
        let shown =
            |name: &&str| found.get(*name).is_some_and(|version| Some(&version.id) == suspect.version_id.as_ref());
        if !names.iter().any(shown) {
            describe(client, context, finder, suspect, &mut found).await?;
        }
    }
    Ok(found)
}

async fn listed(client: &Client, context: Context<'_>, finder: &Finder) -> Result<Found, ReadProblem> {
    let mut request = client.list_secrets().max_results(i32::try_from(PAGE).unwrap_or(i32::MAX));
    for filter in filters(finder) {
        request = request.filters(filter);
    }
    let (mut found, mut limits) = (Found::new(), Limits::default());
    loop {
        let page = context.run(LIST, || request.clone().send()).await?;
        for entry in page.secret_list() {
            let (Some(name), Some(arn)) = (entry.name(), entry.arn()) else { continue };
            let current = current(entry.secret_versions_to_stages());
            if let Some(id) = current.filter(|_| entry.deleted_date().is_none() && is_found(finder, name, entry.tags()))
            {
                limits.add(LIST, 0)?;
                found.insert(name.to_owned(), Version { arn: arn.to_owned(), id: id.to_owned() });
            }
        }
        // A page of a filtered listing may be empty and not the last.
        let Some(next) = page.next_token else { return Ok(found) };
        limits.turn_page(LIST)?;
        request = request.next_token(next);
    }
}

/// Asks for a secret itself, and corrects what was listed.
async fn describe(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    suspect: &Suspect,
    found: &mut Found,
) -> Result<(), ReadProblem> {
    let announced = &suspect.announced;
    let Some(id) = announced.arn.as_ref().or(announced.name.as_ref()) else { return Ok(()) };
    let request = client.describe_secret().secret_id(id);
    match context.run(DESCRIBE, || request.clone().send()).await {
        Ok(output) => {
            let (Some(name), Some(arn)) = (output.name(), output.arn()) else { return Ok(()) };
            let there = output.deleted_date().is_none() && is_found(finder, name, output.tags());
            match current(output.version_ids_to_stages()).filter(|_| there) {
                Some(id) => found.insert(name.to_owned(), Version { arn: arn.to_owned(), id: id.to_owned() }),
                None => found.remove(name),
            };
            Ok(())
        }
        // Deleted; another secret may have its name by now.
        Err(ReadProblem::NotFound { .. }) => {
            found.retain(|name, version| match &announced.arn {
                Some(arn) => version.arn != *arn,
                None => Some(name) != announced.name.as_ref(),
            });
            Ok(())
        }
        Err(problem @ ReadProblem::Denied { .. }) => {
            context.denials.denied(context.store, DESCRIBE, &problem, "searches find new secrets some minutes later");
            Ok(())
        }
        Err(problem) => Err(problem),
    }
}

/// What AWS sorts out by itself, as ESO asks for it; what does not fit into the filters is sorted out here.
fn filters(finder: &Finder) -> Vec<Filter> {
    let tags = finder.tags.iter().flat_map(|(key, value)| {
        [(FilterNameStringType::TagKey, key.as_str()), (FilterNameStringType::TagValue, value.as_str())]
    });
    let path = finder.path.as_deref().map(|path| (FilterNameStringType::Name, path));
    let wanted = path.into_iter().chain(tags).filter(|(_, text)| is_filter(text)).take(FILTERS);
    wanted.map(|(key, text)| Filter::builder().key(key).values(text).build()).collect()
}

/// Is it text that a filter takes as it is? (An exclamation mark would mean "everything but".)
fn is_filter(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" :_@/+=.-!".contains(&byte);
    (1..=512).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('!')
}

fn is_found(finder: &Finder, name: &str, tags: &[Tag]) -> bool {
    finder.finds(name) && finder.finds_tagged(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
}

/// The version in use; a secret that never had a value has none.
fn current(stages: Option<&HashMap<String, Vec<String>>>) -> Option<&String> {
    let is_current = |stages: &[String]| stages.iter().any(|stage| stage == CURRENT);
    stages.into_iter().flatten().find(|(_, stages)| is_current(stages)).map(|(version, _)| version)
}

/// The values of these secrets, without those that are gone meanwhile.
async fn values(
    client: &Client,
    context: Context<'_>,
    arns: &[String],
) -> Result<Vec<(String, Version, SecretValue)>, ReadProblem> {
    let request = client.batch_get_secret_value().set_secret_id_list(Some(arns.to_vec()));
    let output = match context.run(BATCH, || request.clone().send()).await {
        Ok(output) => output,
        Err(problem @ ReadProblem::Denied { .. }) => {
            context.denials.denied(context.store, BATCH, &problem, "the secrets of a search are read one by one");
            return one_by_one(client, context, arns).await;
        }
        Err(problem) => return Err(problem),
    };
    context.denials.worked(context.store, BATCH);
    let mut told: Vec<&str> = Vec::with_capacity(arns.len());
    for error in output.errors() {
        told.extend(error.secret_id());
        let message = format!("{}: {}", error.secret_id().unwrap_or("a secret"), error.message().unwrap_or_default());
        match context.problem(GET, error.error_code(), &message) {
            ReadProblem::NotFound { .. } => {}
            problem => return Err(problem),
        }
    }
    told.extend(output.secret_values().iter().filter_map(SecretValueEntry::arn));
    // AWS says that it may leave some for another call.
    let left: Vec<String> = arns.iter().filter(|arn| !told.contains(&arn.as_str())).cloned().collect();
    let left = one_by_one(client, context, &left).await?;
    Ok(output.secret_values.into_iter().flatten().filter_map(value_of).chain(left).collect())
}

async fn one_by_one(
    client: &Client,
    context: Context<'_>,
    arns: &[String],
) -> Result<Vec<(String, Version, SecretValue)>, ReadProblem> {
    let reads: Vec<_> = arns.iter().map(|arn| value(client, context, arn)).collect();
    let values: Vec<Option<_>> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
    Ok(values.into_iter().flatten().collect())
}

async fn value(
    client: &Client,
    context: Context<'_>,
    arn: &str,
) -> Result<Option<(String, Version, SecretValue)>, ReadProblem> {
    let request = client.get_secret_value().secret_id(arn);
    let output = match context.run(GET, || request.clone().send()).await {
        Ok(output) => output,
        Err(ReadProblem::NotFound { .. }) => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let entry = SecretValueEntry::builder()
        .set_arn(output.arn)
        .set_name(output.name)
        .set_version_id(output.version_id)
        .set_secret_string(output.secret_string)
        .set_secret_binary(output.secret_binary);
    Ok(value_of(entry.build()))
}

/// The whole value: binary first (ESO's order for searches). What has neither is left out.
fn value_of(entry: SecretValueEntry) -> Option<(String, Version, SecretValue)> {
    let binary = entry.secret_binary.map(|blob| SecretValue::new(blob.into_inner()));
    let value = binary.or_else(|| entry.secret_string.map(SecretValue::from))?;
    Some((entry.name?, Version { arn: entry.arn?, id: entry.version_id? }, value))
}
