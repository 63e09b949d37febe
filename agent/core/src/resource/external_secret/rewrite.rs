//! How `dataFrom` changes the keys it found: `rewrite`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One change to the keys: exactly one of regexp, transform, merge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Rewrite {
    /// Replaces matches in each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<RewriteRegexp>,
    /// Makes each key anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RewriteTransform>,
    /// Joins the members of several JSON objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<RewriteMerge>,
}

/// Replacement by regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteRegexp {
    /// The expression (RE2 syntax).
    pub source: String,
    /// The replacement; `$1` and `${1}` are its groups.
    pub target: String,
}

/// Replacement by template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteTransform {
    /// A template whose `.value` is the key.
    pub template: String,
}

/// Joining of several JSON objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteMerge {
    /// The key of the joined object; needed by the JSON strategy.
    #[serde(default)]
    pub into: String,
    /// Keys whose members win, the last one most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priority: Vec<String>,
    /// Whether a key of `priority` may be missing.
    #[serde(default)]
    pub priority_policy: PriorityPolicy,
    /// What two members of the same name mean.
    #[serde(default)]
    pub conflict_policy: ConflictPolicy,
    /// What comes out.
    #[serde(default)]
    pub strategy: MergeStrategy,
}

/// What a missing key of `priority` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PriorityPolicy {
    /// An error.
    #[default]
    Strict,
    /// Nothing.
    IgnoreNotFound,
}

/// What two members of the same name mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConflictPolicy {
    /// An error.
    #[default]
    Error,
    /// The later one wins.
    Ignore,
}

/// What a merge leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeStrategy {
    /// Each member becomes a key.
    #[default]
    Extract,
    /// One key holds the joined object; the others stay.
    JSON,
}
