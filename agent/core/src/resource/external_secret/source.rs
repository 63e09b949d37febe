//! Where values come from: `spec.data` and `spec.dataFrom`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StoreRef;
use super::rewrite::Rewrite;
use crate::resource::is_default;
use crate::resource::schema::KEY;

/// One key of the Secret and the value it takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// The key in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = KEY))]
    pub secret_key: String,
    /// The value in the store.
    pub remote_ref: RemoteRef,
    /// A store for this entry alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// A value in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteRef {
    /// Name or ARN of the secret or parameter; the store's prefix is put before it.
    pub key: String,
    /// A path into the JSON value; the whole value if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// A version stage (AWSCURRENT if absent), `uuid/` and a version id, or a parameter's version or label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Fetch takes the tags, as a JSON object, instead of the value; None if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata_policy: MetadataPolicy,
    /// How names become keys of the Secret; matters for extract and find only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conversion_strategy: ConversionStrategy,
    /// How the value is decoded; None if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub decoding_strategy: DecodingStrategy,
    /// Whether a NUL byte in the decoded value is an error; Ignore if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub null_byte_policy: NullBytePolicy,
}

/// Which part of a secret is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MetadataPolicy {
    /// The value.
    #[default]
    None,
    /// The tags, as a JSON object.
    Fetch,
}

/// What becomes of characters that a Secret's key cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConversionStrategy {
    /// Each becomes `_`.
    #[default]
    Default,
    /// Each becomes `_Uxxxx_`, its code point.
    Unicode,
}

/// How a value is decoded before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DecodingStrategy {
    /// Not at all.
    #[default]
    None,
    /// From Base64; anything else is an error.
    Base64,
    /// From the URL-safe Base64 alphabet; anything else is an error.
    Base64URL,
    /// From either alphabet where it decodes, otherwise unchanged.
    Auto,
}

/// What a NUL byte in a value means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NullBytePolicy {
    /// Nothing.
    #[default]
    Ignore,
    /// An error.
    Fail,
}

/// Overrides the store of one entry, or names a generator in its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SourceRef {
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<StoreRef>,
    /// A generator; kept for other controllers, Rekey has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// Names a generator. Whatever else stands in it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GeneratorRef {
    /// Its API group and version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// A source of several keys: one of extract, find or a generator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataFrom {
    /// Takes each member of one JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<RemoteRef>,
    /// Takes every secret whose name or tags match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Find>,
    /// Changes to the keys, applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<Rewrite>,
    /// A store for this entry alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// Selects secrets by name or tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Find {
    /// What the names start with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What the names match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FindName>,
    /// Tags that the secrets carry, all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How names become keys of the Secret; Default if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conversion_strategy: ConversionStrategy,
    /// How the values are decoded; None if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub decoding_strategy: DecodingStrategy,
    /// Whether a NUL byte in a decoded value is an error; Ignore if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub null_byte_policy: NullBytePolicy,
}

/// A condition on names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindName {
    /// A regular expression (RE2 syntax, not anchored).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub regexp: String,
}
