//! From an ExternalSecret's spec to what has to be read for it, in the order in which it is merged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::duration;
use crate::identity::{Service, SourceRef};
use crate::index::Finder;
use crate::ledger::Policy;
use crate::regexp::Regexp;
use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::{
    ConversionStrategy, DataFrom, DecodingStrategy, Find, MetadataPolicy, NullBytePolicy, RefreshPolicy, RemoteRef,
    Rewrite, SourceRef as StoreOverride, StoreRef,
};
use crate::rules;
use crate::store::{AwsStore, StoreProblem};
use crate::wanted::{Selector, Wanted};

/// Entries with `find` of one object.
const SEARCHES: usize = 64;

/// One entry of `data` or `dataFrom`: what to read, from where, and what to take of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The store it is read through.
    pub store: Arc<AwsStore>,
    /// What is read.
    pub wanted: Wanted,
    /// The key as the user wrote it, for error texts; of a search, its field.
    pub written_key: String,
    /// What becomes of it.
    pub take: Take,
    /// How what is taken is decoded.
    pub decoding: DecodingStrategy,
    /// What a NUL byte means after that.
    pub null_bytes: NullBytePolicy,
}

/// What to take of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// `data[]`: the value, or a property of it, under one key.
    Value {
        /// The key in the target.
        secret_key: String,
        /// A gjson path into it.
        property: Option<String>,
    },
    /// `dataFrom[].extract`: each member of the JSON object (or of the property's).
    Members {
        /// A gjson path to the object.
        property: Option<String>,
        /// How member names become keys.
        naming: Naming,
    },
    /// `dataFrom[].find`: each source that was found, as a whole, under its full name.
    Found {
        /// How names become keys.
        naming: Naming,
    },
}

/// How the names that an entry of `dataFrom` finds become keys: a rewrite takes the place of the conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `conversionStrategy`.
    Convert(ConversionStrategy),
    /// `rewrite`.
    Rewrite {
        /// Where it stands, for error texts.
        field: String,
        /// In their order.
        operations: Vec<Rewrite>,
    },
}

impl Naming {
    fn of(entry: &DataFrom, conversion: ConversionStrategy, field: &str) -> Self {
        if entry.rewrite.is_empty() {
            return Self::Convert(conversion);
        }
        Self::Rewrite { field: format!("{field}.rewrite"), operations: entry.rewrite.clone() }
    }
}

/// Why a spec cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// A store is in the way.
    #[error(transparent)]
    Store(#[from] StoreProblem),
    /// A field holds something unusable.
    #[error("{field} {problem}")]
    Invalid {
        /// The field's path.
        field: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// The target cannot be as the spec asks for, whatever the sources hold.
    #[error("{field} {problem}")]
    Target {
        /// The field's path.
        field: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

impl SpecProblem {
    fn unsupported(field: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: "is not supported yet".to_owned() }
    }
}

/// When the object follows its sources.
pub fn policy(spec: &ExternalSecretSpec) -> Result<Policy, SpecProblem> {
    match spec.refresh_policy {
        RefreshPolicy::OnChange => return Ok(Policy::OnChange),
        RefreshPolicy::CreatedOnce => return Ok(Policy::CreatedOnce),
        RefreshPolicy::Periodic => {}
    }
    // Below zero means nothing that zero does not.
    let (below_zero, text) = match spec.refresh_interval.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, spec.refresh_interval.as_str()),
    };
    let interval = duration::parse(text).map_err(|error| SpecProblem::Invalid {
        field: "spec.refreshInterval".to_owned(),
        problem: error.to_string(),
    })?;
    Ok(if below_zero || interval == Duration::ZERO { Policy::Once } else { Policy::Periodic(interval) })
}

/// Bytes of the longest name or ARN that either service takes (`SecretId` of GetSecretValue, `Name` of GetParameter).
const LONGEST_KEY: usize = 2048;

/// Lists the reads of a spec: `dataFrom` in its order, then `data`, so that a later one wins where keys are equal.
/// `resolve` answers for the store that an entry names, as often as one does.
pub fn requests(
    spec: &ExternalSecretSpec,
    mut resolve: impl FnMut(&StoreRef) -> Result<Arc<AwsStore>, StoreProblem>,
) -> Result<Vec<Request>, SpecProblem> {
    rules::check(spec)?;
    refuse_unsupported(spec)?;
    bounded_searches(spec)?;
    let mut requests = Vec::with_capacity(spec.data.len() + spec.data_from.len());
    for (index, entry) in spec.data_from.iter().enumerate() {
        let field = format!("spec.dataFrom[{index}]");
        let store = resolve(store_of(spec, entry.source_ref.as_ref(), &field)?)?;
        requests.push(match (&entry.extract, &entry.find) {
            (Some(extract), None) => {
                let naming = Naming::of(entry, extract.conversion_strategy, &field);
                request(store, extract, Take::Members { property: property(extract), naming }, &field)?
            }
            (None, Some(find)) => {
                let naming = Naming::of(entry, find.conversion_strategy, &field);
                search(store, find, naming, format!("{field}.find"))?
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(SpecProblem::Invalid { field, problem: "needs either extract or find".to_owned() });
            }
        });
    }
    for (index, entry) in spec.data.iter().enumerate() {
        let field = format!("spec.data[{index}]");
        let store = resolve(store_of(spec, entry.source_ref.as_ref(), &field)?)?;
        let take = Take::Value { secret_key: entry.secret_key.clone(), property: property(&entry.remote_ref) };
        requests.push(request(store, &entry.remote_ref, take, &field)?);
    }
    if requests.is_empty() {
        return Err(SpecProblem::Invalid {
            field: "spec.data".to_owned(),
            problem: "and spec.dataFrom are both empty; name at least one value to read".to_owned(),
        });
    }
    Ok(requests)
}

/// Each search has an expression, and to read one takes up to some milliseconds.
fn bounded_searches(spec: &ExternalSecretSpec) -> Result<(), SpecProblem> {
    let searches = spec.data_from.iter().filter(|entry| entry.find.is_some()).count();
    if searches <= SEARCHES {
        return Ok(());
    }
    let problem = format!("has {searches} entries with find; use {SEARCHES} at most, or several ExternalSecrets");
    Err(SpecProblem::Invalid { field: "spec.dataFrom".to_owned(), problem })
}

fn refuse_unsupported(spec: &ExternalSecretSpec) -> Result<(), SpecProblem> {
    if spec.target.manifest.is_some() {
        return Err(SpecProblem::unsupported("spec.target.manifest"));
    }
    Ok(())
}

fn store_of<'a>(
    spec: &'a ExternalSecretSpec,
    own: Option<&'a StoreOverride>,
    field: &str,
) -> Result<&'a StoreRef, SpecProblem> {
    match own {
        Some(StoreOverride { generator_ref: Some(_), .. }) => {
            Err(SpecProblem::unsupported(format!("{field}.sourceRef.generatorRef")))
        }
        Some(StoreOverride { store_ref: Some(store), .. }) => Ok(store),
        _ => Ok(&spec.secret_store_ref),
    }
}

fn property(remote: &RemoteRef) -> Option<String> {
    remote.property.clone().filter(|text| !text.is_empty())
}

fn request(store: Arc<AwsStore>, remote: &RemoteRef, take: Take, field: &str) -> Result<Request, SpecProblem> {
    if remote.key.is_empty() {
        return Err(SpecProblem::Invalid {
            field: format!("{field}: key"),
            problem: "is empty; name the secret or parameter".to_owned(),
        });
    }
    let longer = (store.prefix.len() + remote.key.len()).checked_sub(LONGEST_KEY).filter(|bytes| *bytes > 0);
    if let Some(bytes) = longer {
        let problem = format!("is {bytes} bytes longer, with the store's prefix, than any name or ARN ({LONGEST_KEY})");
        return Err(SpecProblem::Invalid { field: format!("{field}: key"), problem });
    }
    let source = SourceRef {
        service: store.service,
        region: store.region.clone(),
        key: format!("{}{}", store.prefix, remote.key),
    };
    let selector = match remote.metadata_policy {
        MetadataPolicy::None => Selector::from_version(store.service, remote.version.as_deref()),
        MetadataPolicy::Fetch => Selector::Tags,
    };
    Ok(Request {
        wanted: Wanted::named(store.identity.clone(), source, selector),
        store,
        written_key: remote.key.clone(),
        take,
        decoding: remote.decoding_strategy,
        null_bytes: remote.null_byte_policy,
    })
}

/// A search. The store's prefix has no part in it, as in ESO: names are told and matched in full, `path` included. (ESO
/// puts the prefix before the names that it found once more, and then does not find them.)
fn search(store: Arc<AwsStore>, find: &Find, naming: Naming, field: String) -> Result<Request, SpecProblem> {
    if find.name.is_none() && find.tags.is_empty() {
        let problem = "needs name or tags: unexpected find operator".to_owned();
        return Err(SpecProblem::Invalid { field, problem });
    }
    let name = find.name.as_ref().map(|name| {
        Regexp::parse(&name.regexp).map_err(|reason| SpecProblem::Invalid {
            field: format!("{field}.name.regexp"),
            problem: format!("{:?} is not a regular expression: {reason}; correct it", name.regexp),
        })
    });
    let name = name.transpose()?;
    // ESO searches parameters by name or by tags, and a name goes first.
    let tags = match store.service {
        Service::ParameterStore if name.is_some() => BTreeMap::new(),
        Service::ParameterStore | Service::SecretsManager => find.tags.clone(),
    };
    let path = find.path.clone().filter(|path| !path.is_empty());
    let finder = Finder { service: store.service, region: store.region.clone(), path, name, tags };
    Ok(Request {
        wanted: Wanted::matching(store.identity.clone(), finder),
        store,
        written_key: field,
        take: Take::Found { naming },
        decoding: find.decoding_strategy,
        null_bytes: find.null_byte_policy,
    })
}

#[cfg(test)]
mod tests;
