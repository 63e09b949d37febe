//! From fetched values to what the target should contain. Pure: the same inputs always give the same bytes.

use std::collections::BTreeMap;

use rekey_template as template;
pub use rekey_template::Env;

use crate::decode;
use crate::property;
use crate::request::{Request, Take};
use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::{DeletionPolicy, MergePolicy, NullBytePolicy, Template};
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

    /// The value taken as JSON: here ESO lets binary win.
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
    pub data: BTreeMap<String, SecretValue>,
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
    /// The value is not in the encoding that the spec names.
    #[error("unable to decode secret {key}: {problem}")]
    Undecodable {
        /// The remote key.
        key: String,
        /// What is wrong, without the value.
        problem: String,
    },
    /// `nullBytePolicy: Fail` and the value has one.
    #[error("secret {key} contains a NUL byte and nullBytePolicy is Fail")]
    NulByte {
        /// The remote key.
        key: String,
    },
    /// A member's name cannot be a key of a Secret.
    #[error("secret {key} has a member whose name cannot be a Secret's key: {problem}")]
    BadMemberName {
        /// The remote key.
        key: String,
        /// What is wrong with the name.
        problem: String,
    },
    /// A template failed.
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
    spec: &ExternalSecretSpec,
    own: &OwnMetadata,
    values: impl IntoIterator<Item = (&'a Request, Option<&'a Payload>)>,
    env: &Env,
) -> Result<Outcome, RenderProblem> {
    let mut fetched = BTreeMap::new();
    for (request, payload) in values {
        if let Some(payload) = payload {
            fetched.extend(taken(request, payload)?);
        }
    }
    match spec.target.deletion_policy {
        DeletionPolicy::Retain if fetched.is_empty() => Ok(Outcome::Keep),
        DeletionPolicy::Delete if fetched.is_empty() => Ok(Outcome::Delete),
        _ => contents(spec, own, fetched, env).map(Outcome::Write),
    }
}

fn contents(
    spec: &ExternalSecretSpec,
    own: &OwnMetadata,
    fetched: BTreeMap<String, SecretValue>,
    env: &Env,
) -> Result<Rendered, RenderProblem> {
    match &spec.target.template {
        None => Ok(Rendered {
            data: fetched,
            labels: own.labels.clone(),
            annotations: own.annotations.clone(),
            ..Rendered::default()
        }),
        Some(template) => templated(template, fetched, env),
    }
}

fn taken(request: &Request, payload: &Payload) -> Result<BTreeMap<String, SecretValue>, RenderProblem> {
    let key = || request.written_key.clone();
    let value = |property: Option<&String>| match property {
        None => payload.whole().cloned().ok_or_else(|| RenderProblem::NoValue { key: key() }),
        Some(path) => payload
            .json()
            .and_then(|json| property::lookup(json, path))
            .ok_or_else(|| RenderProblem::MissingProperty { property: path.clone(), key: key() }),
    };
    let pairs = match &request.take {
        Take::Value { secret_key, property } => vec![(secret_key.clone(), value(property.as_ref())?)],
        Take::Members { property, conversion } => {
            let object = match property {
                Some(_) => value(property.as_ref())?,
                None => payload.json().cloned().ok_or_else(|| RenderProblem::NoValue { key: key() })?,
            };
            let members = property::members(&object).map_err(|_| RenderProblem::NotAnObject { key: key() })?;
            decode::convert_keys(members, *conversion)
                .map_err(|problem| RenderProblem::BadMemberName { key: key(), problem: problem.to_string() })?
        }
        Take::Found { conversion } => decode::convert_keys(payload.found().collect(), *conversion)
            .map_err(|problem| RenderProblem::BadMemberName { key: key(), problem: problem.to_string() })?,
    };
    pairs
        .into_iter()
        .map(|(name, value)| {
            let decoded = decode::decode(&value, request.decoding)
                .map_err(|problem| RenderProblem::Undecodable { key: key(), problem: problem.to_string() })?;
            if request.null_bytes == NullBytePolicy::Fail && decoded.expose().contains(&0) {
                return Err(RenderProblem::NulByte { key: key() });
            }
            Ok((name, decoded))
        })
        .collect()
}

fn templated(spec: &Template, fetched: BTreeMap<String, SecretValue>, env: &Env) -> Result<Rendered, RenderProblem> {
    let input = template::Input::new(fetched.iter().map(|(key, value)| (key.as_str(), value.expose())));
    let failed = |field: &str, problem: String| RenderProblem::Template { field: field.to_owned(), problem };
    let run = |field: &str, text: &str| {
        template::render(text, &input, env).map_err(|problem| failed(field, problem.to_string()))
    };
    let mut data = BTreeMap::new();
    for (key, text) in &spec.data {
        let output = run(&format!("spec.target.template.data[{key}]"), text)?;
        data.insert(key.clone(), SecretValue::new(output.to_vec()));
    }
    let metadata = |part: &str, texts: &BTreeMap<String, String>| {
        texts
            .iter()
            .map(|(key, text)| {
                let field = format!("spec.target.template.metadata.{part}[{key}]");
                let output = run(&field, text)?;
                let text = std::str::from_utf8(&output)
                    .map_err(|_| failed(&field, "the output is not UTF-8 text, which metadata needs".to_owned()))?;
                Ok((key.clone(), text.to_owned()))
            })
            .collect::<Result<BTreeMap<_, _>, RenderProblem>>()
    };
    let (labels, annotations) =
        (metadata("labels", &spec.metadata.labels)?, metadata("annotations", &spec.metadata.annotations)?);
    // A template that only adds metadata leaves the values as they are; one with data replaces them unless it merges.
    if spec.data.is_empty() || spec.merge_policy == MergePolicy::Merge {
        let mut merged = fetched;
        merged.extend(data);
        data = merged;
    }
    Ok(Rendered { data, type_: spec.type_.clone(), labels, annotations, finalizers: spec.metadata.finalizers.clone() })
}

#[cfg(test)]
mod tests;
