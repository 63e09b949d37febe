//! What is written: `spec.target` and its template.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::DecodingStrategy;
use crate::resource::is_default;
use crate::resource::schema::{KEY, SUBDOMAIN, TEMPLATE_FROM, TEMPLATE_TARGET};

/// The Secret that is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name; the ExternalSecret's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: Option<String>,
    /// Who makes it and whose it is.
    #[serde(default)]
    pub creation_policy: CreationPolicy,
    /// What happens to it when the store no longer has the values.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// How it is made of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Whether it can never be changed again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub immutable: bool,
    /// An object of another kind to write instead; kept for other controllers, Rekey writes Secrets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestRef>,
}

/// Who makes the Secret and whose it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CreationPolicy {
    /// Made, and deleted with the ExternalSecret.
    #[default]
    Owner,
    /// Made, and left behind when the ExternalSecret goes.
    Orphan,
    /// Never made; keys are added to an existing one.
    Merge,
    /// Made if missing; keys are added to an existing one.
    CreateOrMerge,
    /// Nothing is written.
    None,
}

/// What happens to the Secret when the store no longer has the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It stays.
    #[default]
    Retain,
    /// It is deleted.
    Delete,
    /// Its keys are removed, it stays.
    Merge,
}

/// A kind of object other than Secret. Whatever else stands in it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ManifestRef {
    /// API group and version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

/// How the Secret is made of the values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// The Secret's type; an existing one is kept if absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// The template language.
    #[serde(default)]
    pub engine_version: EngineVersion,
    /// The Secret's labels, annotations and finalizers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: TemplateMetadata,
    /// Whether the values are keys of the Secret beside what the template makes.
    #[serde(default)]
    pub merge_policy: MergePolicy,
    /// Keys and the templates of their values; they win over templateFrom.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Templates kept elsewhere, applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = TEMPLATE_FROM))]
    pub template_from: Vec<TemplateFrom>,
}

/// The template language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineVersion {
    /// Go's text/template with the functions of Sprig.
    #[default]
    V2,
}

/// Whether the values are keys of the Secret beside what the template makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergePolicy {
    /// Only what the template makes.
    #[default]
    Replace,
    /// Both; the template wins.
    Merge,
}

/// Metadata of the Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Labels; their values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations; their values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Finalizers, added and never removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// Templates kept in a ConfigMap, in a Secret or in the text itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateFrom {
    /// A ConfigMap of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<TemplateRef>,
    /// A Secret of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<TemplateRef>,
    /// The template itself; what it renders is read as a YAML map of keys and values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// Where the result goes: Data, Labels or Annotations, in any case.
    #[serde(default = "default_template_target")]
    #[schemars(length(max = TEMPLATE_TARGET))]
    pub target: String,
    /// How the rendered values are decoded; None if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub values_decoding_strategy: DecodingStrategy,
}

fn default_template_target() -> String {
    "Data".to_owned()
}

/// Keys of a ConfigMap or Secret that are templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// The keys.
    pub items: Vec<TemplateItem>,
}

/// One key that is a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateItem {
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = KEY))]
    pub key: String,
    /// What the rendered text is.
    #[serde(default)]
    pub template_as: TemplateAs,
}

/// What a rendered text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TemplateAs {
    /// The value of the key with the template's name.
    #[default]
    Values,
    /// A YAML map of keys and values.
    KeysAndValues,
}
