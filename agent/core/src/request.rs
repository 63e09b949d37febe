//! From an ExternalSecret's spec to what has to be read for it, in the order in which it is merged.

use std::time::Duration;

use crate::duration;
use crate::identity::SourceRef;
use crate::ledger::Policy;
use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::{
    ConversionStrategy, CreationPolicy, DataFrom, DecodingStrategy, MetadataPolicy, NullBytePolicy, RefreshPolicy,
    RemoteRef, Rewrite, SourceRef as StoreOverride, StoreRef,
};
use crate::store::{AwsStore, StoreProblem};
use crate::wanted::{Selector, Wanted};

/// One entry of `data` or `dataFrom`: what to read, from where, and what to take of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The store it is read through.
    pub store: AwsStore,
    /// What is read.
    pub wanted: Wanted,
    /// The key as the user wrote it, for error texts.
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
    let interval = duration::parse(&spec.refresh_interval).map_err(|error| SpecProblem::Invalid {
        field: "spec.refreshInterval".to_owned(),
        problem: error.to_string(),
    })?;
    Ok(if interval == Duration::ZERO { Policy::Once } else { Policy::Periodic(interval) })
}

/// Lists the reads of a spec: `dataFrom` in its order, then `data`, so that a later one wins where keys are equal.
/// `resolve` answers for each store that an entry names.
pub fn requests(
    spec: &ExternalSecretSpec,
    mut resolve: impl FnMut(&StoreRef) -> Result<AwsStore, StoreProblem>,
) -> Result<Vec<Request>, SpecProblem> {
    refuse_unsupported(spec)?;
    let mut requests = Vec::with_capacity(spec.data.len() + spec.data_from.len());
    for (index, entry) in spec.data_from.iter().enumerate() {
        let field = format!("spec.dataFrom[{index}]");
        if entry.find.is_some() {
            return Err(SpecProblem::unsupported(format!("{field}.find")));
        }
        let store = resolve(store_of(spec, entry.source_ref.as_ref(), &field)?)?;
        let Some(extract) = &entry.extract else {
            return Err(SpecProblem::Invalid { field, problem: "needs extract".to_owned() });
        };
        let naming = Naming::of(entry, extract.conversion_strategy, &field);
        let take = Take::Members { property: property(extract), naming };
        requests.push(request(store, extract, take, &field)?);
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

fn refuse_unsupported(spec: &ExternalSecretSpec) -> Result<(), SpecProblem> {
    if spec.target.manifest.is_some() {
        return Err(SpecProblem::unsupported("spec.target.manifest"));
    }
    if spec.target.creation_policy != CreationPolicy::Owner {
        return Err(SpecProblem::unsupported(format!("spec.target.creationPolicy {:?}", spec.target.creation_policy)));
    }
    if spec.sync_windows.is_some() {
        return Err(SpecProblem::unsupported("spec.syncWindows"));
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

fn request(store: AwsStore, remote: &RemoteRef, take: Take, field: &str) -> Result<Request, SpecProblem> {
    if remote.metadata_policy == MetadataPolicy::Fetch {
        return Err(SpecProblem::unsupported(format!("{field}: metadataPolicy Fetch")));
    }
    if remote.key.is_empty() {
        return Err(SpecProblem::Invalid {
            field: format!("{field}: key"),
            problem: "is empty; name the secret or parameter".to_owned(),
        });
    }
    let source = SourceRef {
        service: store.service,
        region: store.region.clone(),
        key: format!("{}{}", store.prefix, remote.key),
    };
    let selector = Selector::from_version(store.service, remote.version.as_deref());
    Ok(Request {
        wanted: Wanted { identity: store.identity.clone(), source, selector },
        store,
        written_key: remote.key.clone(),
        take,
        decoding: remote.decoding_strategy,
        null_bytes: remote.null_byte_policy,
    })
}

#[cfg(test)]
mod tests;
