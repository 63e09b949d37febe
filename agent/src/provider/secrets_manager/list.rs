//! ListSecrets: one call for a hundred secrets, where that is cheaper and may be late.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use jiff::Timestamp;
use rekey_core::listing::{LAG, Listed, PAGE, is_believable, page_limit};
use rekey_core::store::AwsStore;
use rekey_core::wanted::Wanted;
use tracing::debug;

use super::{ByKey, Secret};
use crate::provider::{Checked, Context, ReadProblem, timestamp};

const LIST: &str = "secretsmanager:ListSecrets";
/// The hyphen and six characters that end a secret's ARN; without them it is a partial ARN.
const SUFFIX: usize = 7;
/// Stores whose last listing is remembered.
const REMEMBERED: usize = 1000;

/// Lists, and remembers what that cost.
#[derive(Clone, Default)]
pub struct Listings {
    last: Arc<Mutex<HashMap<AwsStore, Listed>>>,
    /// Since when a listing gets no answer.
    unanswered: Arc<Mutex<HashMap<AwsStore, Timestamp>>>,
}

impl Listings {
    /// What a listing tells of the secrets that may be a little late; the rest has to be described.
    pub async fn check(&self, client: &Client, context: Context<'_>, by_key: &ByKey<'_>) -> HashMap<Wanted, Checked> {
        let keys: HashSet<&str> = by_key
            .iter()
            .filter(|(_, selectors)| selectors.iter().all(|one| one.may_lag))
            .map(|(key, _)| *key)
            .collect();
        let last = self.lock().get(context.store).cloned();
        let Some(limit) = page_limit(keys.len(), last.as_ref(), Timestamp::now()) else { return HashMap::new() };
        let wanted = keys.len();
        match list(client, context, keys, limit).await {
            Ok((found, mut listed)) => {
                self.unanswered().remove(context.store);
                listed.missing = wanted - found.len();
                debug!(store = %context.store.region, wanted, ?listed, "listed");
                self.remember(context.store, listed);
                context.denials.worked(context.store, LIST);
                believed(&found, by_key)
            }
            // Describing each of them now would make it worse. Only a listing that never gets an answer is given up.
            Err(problem) if problem.is_transient() && self.is_recent_failure(context.store) => {
                let selectors = by_key.values().filter(|selectors| selectors.iter().all(|one| one.may_lag)).flatten();
                selectors.map(|one| (one.wanted.clone(), Checked::failed(&problem))).collect()
            }
            Err(problem) => {
                if matches!(problem, ReadProblem::Denied { .. }) {
                    context.denials.denied(context.store, LIST, &problem, "each secret is described");
                }
                HashMap::new()
            }
        }
    }

    fn is_recent_failure(&self, store: &AwsStore) -> bool {
        let now = Timestamp::now();
        let mut unanswered = self.unanswered();
        let since = *unanswered.entry(store.clone()).or_insert(now);
        if now.duration_since(since) < LAG {
            return true;
        }
        // A listing that fails tomorrow is postponed again.
        unanswered.remove(store);
        false
    }

    fn unanswered(&self) -> MutexGuard<'_, HashMap<AwsStore, Timestamp>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, store: &AwsStore, listed: Listed) {
        let mut last = self.lock();
        if last.len() >= REMEMBERED {
            last.clear();
        }
        last.insert(store.clone(), listed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AwsStore, Listed>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes through the pages until every key is found, or there are no more, or there are too many.
async fn list<'a>(
    client: &Client,
    context: Context<'_>,
    mut keys: HashSet<&'a str>,
    limit: usize,
) -> Result<(HashMap<&'a str, SecretListEntry>, Listed), ReadProblem> {
    let mut request = client.list_secrets().max_results(i32::try_from(PAGE).unwrap_or(i32::MAX));
    let prefix = &context.store.prefix;
    // An exclamation mark would mean "everything but".
    if !prefix.is_empty() && !prefix.starts_with('!') {
        request = request.filters(Filter::builder().key(FilterNameStringType::Name).values(prefix).build());
    }
    let (mut found, mut pages) = (HashMap::new(), 0);
    let complete = loop {
        let page = context.run(LIST, || request.clone().send()).await?;
        pages += 1;
        for entry in page.secret_list() {
            for name in names(entry) {
                if let Some(key) = keys.take(name) {
                    found.insert(key, entry.clone());
                }
            }
        }
        match page.next_token {
            _ if keys.is_empty() => break true,
            None => break true,
            Some(_) if pages >= limit => break false,
            // A page of a filtered listing may be empty and not the last.
            Some(token) => request = request.next_token(token),
        }
    };
    Ok((found, Listed { pages, missing: 0, complete, at: Timestamp::now() }))
}

/// What an object may call the secret: its name, its ARN, its ARN without the suffix.
fn names(entry: &SecretListEntry) -> impl Iterator<Item = &str> {
    let partial = entry.arn().and_then(|arn| arn.get(..arn.len().saturating_sub(SUFFIX)));
    [entry.name(), entry.arn(), partial].into_iter().flatten()
}

/// What of a listing can stand. A label that it does not show, or a version that contradicts what is known, may just
/// be late.
fn believed(found: &HashMap<&str, SecretListEntry>, by_key: &ByKey<'_>) -> HashMap<Wanted, Checked> {
    let mut checked = HashMap::new();
    for (key, entry) in found {
        let (Some(arn), Some(selectors)) = (entry.arn(), by_key.get(key)) else { continue };
        if entry.deleted_date().is_some() {
            continue;
        }
        let changed = timestamp(entry.last_changed_date());
        let secret = Secret { arn, stages: entry.secret_versions_to_stages(), tags: entry.tags(), changed };
        for one in selectors {
            let known = secret.known(&one.wanted.selector);
            if known.is_some_and(|known| is_believable(one.known.as_ref(), &known.token)) {
                checked.insert(one.wanted.clone(), secret.check(&one.wanted));
            }
        }
    }
    checked
}
