//! From `templateFrom` and what its sources hold to a list of templates. Everything that is missing shows here, before any
//! value is read from AWS.

use super::{TemplateData, TemplateSource};
use crate::object::ObjectKey;
use crate::render::RenderProblem;
use crate::resource::external_secret::{DecodingStrategy, Template, TemplateAs, TemplateFrom, TemplateRef};
use crate::value::SecretValue;

/// Where the output of a template goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `.data`.
    Data,
    /// `.metadata.labels`.
    Labels,
    /// `.metadata.annotations`.
    Annotations,
}

impl Part {
    /// Reads `templateFrom[].target`, in any case (as ESO compares it); an absent one is Data.
    #[must_use]
    pub fn of(target: &str) -> Option<Self> {
        match target.to_lowercase().as_str() {
            "" | "data" => Some(Self::Data),
            "labels" => Some(Self::Labels),
            "annotations" => Some(Self::Annotations),
            _ => None,
        }
    }
}

/// What the output of a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The value of this key.
    Value(String),
    /// A YAML map of keys and values.
    KeysAndValues,
}

/// One template, ready to be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The field that names it.
    pub field: String,
    /// The template. One that a Secret holds is secret.
    pub text: SecretValue,
    /// What its output is.
    pub form: Form,
    /// Where that goes.
    pub part: Part,
    /// What its values are decoded from.
    pub decoding: DecodingStrategy,
}

impl Resolved {
    /// The templates of `templateFrom`, in the order in which they are rendered: of each entry the ConfigMap's, the
    /// Secret's, the literal.
    pub fn all(template: Option<&Template>, namespace: &str, data: &TemplateData) -> Result<Vec<Self>, RenderProblem> {
        let entries = template.map(|template| template.template_from.as_slice()).unwrap_or_default();
        let mut all = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("spec.target.template.templateFrom[{index}]");
            // An object with another target is refused before (`rules`).
            let Some(part) = Part::of(&entry.target) else { continue };
            let ready = |field: String, text: SecretValue, form: Form| Self {
                field,
                text,
                form,
                part,
                decoding: entry.values_decoding_strategy,
            };
            for (item, field, text) in items(entry, &field, namespace, data)? {
                all.push(ready(field, text, item));
            }
            if let Some(literal) = &entry.literal {
                let text = SecretValue::from(literal.clone());
                all.push(ready(format!("{field}.literal"), text, Form::KeysAndValues));
            }
        }
        Ok(all)
    }
}

type Item = (Form, String, SecretValue);

/// What an entry takes out of its ConfigMap and its Secret.
fn items(entry: &TemplateFrom, field: &str, namespace: &str, data: &TemplateData) -> Result<Vec<Item>, RenderProblem> {
    let key = |from: &TemplateRef| ObjectKey::new(namespace, &from.name);
    let config_map = entry.config_map.as_ref().map(|from| ("configMap", TemplateSource::ConfigMap(key(from)), from));
    let secret = entry.secret.as_ref().map(|from| ("secret", TemplateSource::Secret(key(from)), from));
    let mut found = Vec::new();
    for (kind, source, from) in config_map.into_iter().chain(secret) {
        let field = format!("{field}.{kind}");
        let problem = |field: &str, problem: String| RenderProblem::Template { field: field.to_owned(), problem };
        let Some(held) = data.get(&source) else {
            return Err(problem(&field, format!("{source} does not exist in namespace {namespace}; create it")));
        };
        for (index, item) in from.items.iter().enumerate() {
            let field = format!("{field}.items[{index}]");
            let Some(text) = held.get(&item.key) else {
                let (kind, name) = (kind.to_lowercase(), &from.name);
                return Err(problem(&field, format!("error in {kind} {name}: missing key {}", item.key)));
            };
            let form = match item.template_as {
                TemplateAs::Values => Form::Value(item.key.clone()),
                TemplateAs::KeysAndValues => Form::KeysAndValues,
            };
            found.push((form, field, text.clone()));
        }
    }
    Ok(found)
}
