//! From fetched values to what the target should contain. Pure: the same inputs always give the same bytes.

mod templated;

use std::collections::BTreeMap;

pub use rekey_template::Env;
use rekey_template::limits;

use crate::pairs::{self, PairProblem, Pairs};
use crate::property;
use crate::request::{Request, Take};
use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::DeletionPolicy;
use crate::template_from::Resolved;
use crate::value::SecretValue;

/// What AWS returned for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The value of a named source, or its tags as JSON.
    Value {
        /// SecretString, or a parameter's value.
        text: Option<SecretValue>,
        /// SecretBinary, decoded.
        binary: Option<SecretValue>,
    },
    /// What a search found: full names, and whole values.
    Found(BTreeMap<String, SecretValue>),
}

impl Payload {
    /// The value taken as a whole: text first (ESO's order; an empty text counts).
    fn whole(&self) -> Option<&SecretValue> {
        match self {
            Self::Value { text, binary } => text.as_ref().or(binary.as_ref()),
            Self::Found(_) => None,
        }
    }

    /// The value that a property is looked up in: here ESO lets binary win.
    fn json(&self) -> Option<&SecretValue> {
        match self {
            Self::Value { text, binary } => binary.as_ref().or(text.as_ref()),
            Self::Found(_) => None,
        }
    }

    /// What a search found.
    fn found(&self) -> impl Iterator<Item = (String, SecretValue)> {
        let found = match self {
            Self::Value { .. } => None,
            Self::Found(found) => Some(found),
        };
        found.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()))
    }
}

/// What the target should contain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// `.data`.
    pub data: Pairs,
    /// The Secret's type; `None` keeps what is there.
    pub type_: Option<String>,
    /// Labels beside the controller's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations beside the controller's own.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers to add.
    pub finalizers: Vec<String>,
}

/// Why fetched values do not make a target. No variant carries a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// AWS returned a version with neither SecretString nor SecretBinary.
    #[error("secret {key} has no value")]
    NoValue {
        /// The remote key.
        key: String,
    },
    /// The property is not there (ESO's words).
    #[error("key {property} does not exist in secret {key}")]
    MissingProperty {
        /// The path as written.
        property: String,
        /// The remote key.
        key: String,
    },
    /// `extract` needs an object.
    #[error("unable to unmarshal secret {key}: extract needs a JSON object")]
    NotAnObject {
        /// The remote key.
        key: String,
    },
    /// All that the object asks for, this included, would take too long to look through.
    #[error("{key}: looking through what is asked for takes too long; ask for less, or by simpler paths")]
    TooMuchToRead {
        /// The remote key.
        key: String,
    },
    /// No Secret holds as much, and no template gets it.
    #[error("the values are larger than {} MiB together; ask for fewer", limits::INPUT / 1024 / 1024)]
    TooLarge,
    /// What was found does not become keys and values.
    #[error("{key}: {problem}")]
    Pairs {
        /// The remote key, or the field of a search.
        key: String,
        /// What is wrong.
        problem: PairProblem,
    },
    /// A template failed, or is not there.
    #[error("{field}: {problem}")]
    Template {
        /// The field that holds the template.
        field: String,
        /// The engine's words, without any value.
        problem: String,
    },
}

/// The object's own metadata, which a target without a template inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnMetadata {
    /// Labels of the ExternalSecret.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the ExternalSecret.
    pub annotations: BTreeMap<String, String>,
}

/// What a target is made of, beside the values.
#[derive(Clone, Copy, Debug)]
pub struct Ingredients<'a> {
    /// What the object asks for.
    pub spec: &'a ExternalSecretSpec,
    /// Its own metadata.
    pub own: &'a OwnMetadata,
    /// The templates of `templateFrom`, or which of them is missing: that matters only if there is something to render.
    pub templates: &'a Result<Vec<Resolved>, RenderProblem>,
    /// The time and the randomness for templates.
    pub env: &'a Env,
}

/// What is to become of the target.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It should contain this.
    Write(Rendered),
    /// The sources yield no key, and the target is kept as it is.
    Keep,
    /// The sources yield no key, and the target is to go.
    Delete,
}

/// Merges, decodes and templates. `values` gives the payload of each request; nothing for one that is gone, which only
/// a deletion policy other than Retain may pass over. What no key at all means is the deletion policy's to say, before
/// any template (ESO's order).
pub fn render<'a>(
    ingredients: &Ingredients<'_>,
    values: impl IntoIterator<Item = (&'a Request, Option<&'a Payload>)>,
) -> Result<Outcome, RenderProblem> {
    let Ingredients { spec, own, env, .. } = *ingredients;
    let mut fetched = Pairs::new();
    let mut room = limits::INPUT;
    for (request, payload) in values {
        if let Some(payload) = payload {
            let taken = taken(request, payload, env)?;
            room = room.checked_sub(pairs::size(&taken)).ok_or(RenderProblem::TooLarge)?;
            fetched.extend(taken);
        }
    }
    let rendered = match (&spec.target.deletion_policy, &spec.target.template) {
        (DeletionPolicy::Retain, _) if fetched.is_empty() => return Ok(Outcome::Keep),
        (DeletionPolicy::Delete, _) if fetched.is_empty() => return Ok(Outcome::Delete),
        (_, Some(template)) => templated::templated(template, ingredients, fetched)?,
        (_, None) => Rendered {
            data: fetched,
            labels: own.labels.clone(),
            annotations: own.annotations.clone(),
            ..Rendered::default()
        },
    };
    Ok(Outcome::Write(rendered))
}

fn taken(request: &Request, payload: &Payload, env: &Env) -> Result<Pairs, RenderProblem> {
    let key = || request.written_key.clone();
    let read = |bytes: usize| env.read(bytes).map_err(|_| RenderProblem::TooMuchToRead { key: key() });
    let value = |property: Option<&String>| {
        let value = match property {
            None => payload.whole().cloned().ok_or_else(|| RenderProblem::NoValue { key: key() })?,
            Some(path) => payload.json().and_then(|json| property::lookup(json, path, env)).ok_or_else(|| {
                if env.is_spent() {
                    return RenderProblem::TooMuchToRead { key: key() };
                }
                RenderProblem::MissingProperty { property: path.clone(), key: key() }
            })?,
        };
        read(value.expose().len())?;
        Ok(value)
    };
    let (decoding, null_bytes) = (request.decoding, request.null_bytes);
    let taken = match &request.take {
        Take::Value { secret_key, property } => {
            let value = pairs::decoded(secret_key, &value(property.as_ref())?, decoding, null_bytes);
            value.map(|value| Pairs::from([(secret_key.clone(), value)]))
        }
        Take::Members { property, naming } => {
            let json = value(property.as_ref())?;
            let members = property::members(&json).map_err(|_| RenderProblem::NotAnObject { key: key() })?;
            pairs::finish(members.into_iter().collect(), naming, decoding, null_bytes, env)
        }
        Take::Found { naming } => {
            let found: Pairs = payload.found().collect();
            read(pairs::size(&found))?;
            pairs::finish(found, naming, decoding, null_bytes, env)
        }
    };
    taken.map_err(|problem| RenderProblem::Pairs { key: key(), problem })
}

#[cfg(test)]
mod tests;
