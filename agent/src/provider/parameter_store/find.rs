//! Searches: GetParametersByPath by name; by tags, or where that is denied, DescribeParameters for the names and
//! GetParameters for ten values at a time.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ParameterMetadata, ParameterStringFilter};
use futures::stream::{self, StreamExt, TryStreamExt};
use rekey_core::identity::Account;
use rekey_core::index::Finder;
use rekey_core::ledger::{Known, Member};
use rekey_core::render::Payload;
use rekey_core::value::SecretValue;
use rekey_core::wanted::Selector;

use super::{BATCH, GET_MANY, GET_ONE, ONE_BY_ONE, known};
use crate::provider::{Answer, Context, Limits, ReadProblem};

const BY_PATH: &str = "ssm:GetParametersByPath";
const DESCRIBE: &str = "ssm:DescribeParameters";
/// GetParametersByPath and DescribeParameters show so many at a time.
const PATH_PAGE: i32 = 10;
const DESCRIBED_PAGE: i32 = 50;
/// Calls in flight at a time, for one search.
const CONCURRENT: usize = 4;

/// The values of all parameters that are found.
pub(super) async fn read(client: &Client, context: Context<'_>, finder: &Finder) -> Result<Answer, ReadProblem> {
    let found = find(client, context, finder, true).await?;
    let (known, account) = versions(&found);
    if known.members.is_empty() {
        return Err(context.nothing_found(BY_PATH));
    }
    let (mut values, mut limits) = (BTreeMap::new(), Limits::default());
    for parameter in found {
        let (Some(name), Some(value)) = (parameter.name, parameter.value) else { continue };
        limits.add(BY_PATH, value.len())?;
        values.insert(name, SecretValue::from(value));
    }
    Ok(Answer { known, account, payload: Payload::Found(values) })
}

/// The versions of all parameters that are found.
pub(super) async fn check(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
) -> Result<(Known, Option<Account>), ReadProblem> {
    Ok(versions(&find(client, context, finder, false).await?))
}

fn versions(found: &[Parameter]) -> (Known, Option<Account>) {
    let account = found.iter().find_map(|parameter| Account::of_arn(parameter.arn()?));
    let members = found.iter().filter_map(|parameter| {
        let Known { token, created, .. } = known(parameter, &Selector::Parameter(None));
        Some((parameter.name()?.to_owned(), Member { token, created }))
    });
    (Known::of_search(members.collect()), account)
}

/// All parameters that match; with their values, if those are wanted.
async fn find(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    wants_values: bool,
) -> Result<Vec<Parameter>, ReadProblem> {
    if let Some(found) = by_path(client, context, finder, wants_values).await? {
        return Ok(found);
    }
    let described = described(client, context, finder).await?;
    if !wants_values {
        return Ok(described.into_iter().map(without_value).collect());
    }
    let names: Vec<String> = described.into_iter().filter_map(|parameter| parameter.name).collect();
    let batches: Vec<_> = names.chunks(BATCH).map(|names| values(client, context, names)).collect();
    stream::iter(batches).buffered(CONCURRENT).try_concat().await
}

fn without_value(described: ParameterMetadata) -> Parameter {
    Parameter::builder()
        .set_name(described.name)
        .set_arn(described.arn)
        .version(described.version)
        .set_last_modified_date(described.last_modified_date)
        .build()
}

/// What is below the path and matches; `None` where tags decide, or this call is denied.
async fn by_path(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
    decrypt: bool,
) -> Result<Option<Vec<Parameter>>, ReadProblem> {
    if !finder.tags.is_empty() {
        return Ok(None);
    }
    let path = finder.path.as_deref().unwrap_or("/");
    let mut request =
        client.get_parameters_by_path().path(path).recursive(true).with_decryption(decrypt).max_results(PATH_PAGE);
    let (mut found, mut limits) = (Vec::new(), Limits::default());
    loop {
        let page = match context.run(BY_PATH, || request.clone().send()).await {
            Ok(page) => page,
            Err(problem @ ReadProblem::Denied { .. }) => {
                context.denials.denied(context.store, BY_PATH, &problem, "parameters are listed and read by name");
                return Ok(None);
            }
            Err(problem) => return Err(problem),
        };
        let matching = |parameter: &Parameter| parameter.name().is_some_and(|name| finder.finds(name));
        for parameter in page.parameters.into_iter().flatten().filter(matching) {
            limits.add(BY_PATH, 0)?;
            found.push(parameter);
        }
        let Some(next) = page.next_token else { break };
        limits.turn_page(BY_PATH)?;
        request = request.next_token(next);
    }
    context.denials.worked(context.store, BY_PATH);
    Ok(Some(found))
}

/// The names of what matches, with their versions.
async fn described(
    client: &Client,
    context: Context<'_>,
    finder: &Finder,
) -> Result<Vec<ParameterMetadata>, ReadProblem> {
    let mut request = client.describe_parameters().max_results(DESCRIBED_PAGE);
    for filter in filters(finder)? {
        request = request.parameter_filters(filter);
    }
    let (mut found, mut limits) = (Vec::new(), Limits::default());
    loop {
        let page = context.run(DESCRIBE, || request.clone().send()).await?;
        let matching = |parameter: &ParameterMetadata| parameter.name().is_some_and(|name| finder.finds(name));
        for parameter in page.parameters.into_iter().flatten().filter(matching) {
            limits.add(DESCRIBE, 0)?;
            found.push(parameter);
        }
        let Some(next) = page.next_token else { return Ok(found) };
        limits.turn_page(DESCRIBE)?;
        request = request.next_token(next);
    }
}

fn filters(finder: &Finder) -> Result<Vec<ParameterStringFilter>, ReadProblem> {
    let tags = finder.tags.iter().map(|(key, value)| (format!("tag:{key}"), "Equals", value));
    let path = finder.path.iter().map(|path| ("Path".to_owned(), "Recursive", path));
    let built = tags
        .chain(path)
        .map(|(key, option, value)| ParameterStringFilter::builder().key(key).option(option).values(value).build());
    built.collect::<Result<_, _>>().map_err(|error| ReadProblem::Rejected {
        action: DESCRIBE,
        code: "InvalidFilter".to_owned(),
        message: error.to_string(),
    })
}

/// The parameters of these names, without those that are gone meanwhile.
async fn values(client: &Client, context: Context<'_>, names: &[String]) -> Result<Vec<Parameter>, ReadProblem> {
    let request = client.get_parameters().set_names(Some(names.to_vec())).with_decryption(true);
    let denied = match context.run(GET_MANY, || request.clone().send()).await {
        Ok(output) => {
            context.denials.worked(context.store, GET_MANY);
            return Ok(output.parameters.unwrap_or_default());
        }
        // ESO asks for one at a time, so a policy may know that call only; and one that is refused fails all.
        Err(problem @ ReadProblem::Denied { .. }) => problem,
        Err(problem) => return Err(problem),
    };
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let request = client.get_parameter().name(name).with_decryption(true);
        match context.run(GET_ONE, || request.clone().send()).await {
            Ok(output) => found.extend(output.parameter),
            Err(ReadProblem::NotFound { .. }) => {}
            Err(problem) => return Err(problem),
        }
    }
    // Each of them may be read, so it is the call for many of them that is missing.
    context.denials.denied(context.store, GET_MANY, &denied, ONE_BY_ONE);
    Ok(found)
}
