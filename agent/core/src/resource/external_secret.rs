//! ExternalSecret: which values of which stores make up one Kubernetes Secret, and when they are read again.

pub mod rewrite;
pub mod source;
pub mod target;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::schema::{DATA_FROM, SCHEDULE, SUBDOMAIN};
use super::status::ExternalSecretStatus;
pub use rewrite::{
    ConflictPolicy, MergeStrategy, PriorityPolicy, Rewrite, RewriteMerge, RewriteRegexp, RewriteTransform,
};
pub use source::{
    ConversionStrategy, Data, DataFrom, DecodingStrategy, Find, FindName, GeneratorRef, MetadataPolicy, NullBytePolicy,
    RemoteRef, SourceRef,
};
pub use target::{
    CreationPolicy, DeletionPolicy, EngineVersion, ManifestRef, MergePolicy, Target, Template, TemplateAs,
    TemplateFrom, TemplateItem, TemplateMetadata, TemplateRef,
};

/// What to read and where to write it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ExternalSecret",
    plural = "externalsecrets",
    singular = "externalsecret",
    shortname = "es",
    category = "external-secrets",
    namespaced,
    status = "ExternalSecretStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Kubernetes Secret made of values from one or more secret stores.",
    selectable = ".spec.secretStoreRef.name",
    selectable = ".spec.secretStoreRef.kind",
    selectable = ".spec.target.name",
    selectable = ".spec.refreshInterval",
    printcolumn = r#"{"name":"StoreType", "type":"string", "jsonPath":".spec.secretStoreRef.kind"}"#,
    printcolumn = r#"{"name":"Store", "type":"string", "jsonPath":".spec.secretStoreRef.name"}"#,
    printcolumn = r#"{"name":"Refresh Interval", "type":"string", "jsonPath":".spec.refreshInterval"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Last Sync", "type":"date", "jsonPath":".status.refreshTime"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretSpec {
    /// The store of every entry that names none of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub secret_store_ref: StoreRef,
    /// The Secret that is written.
    #[serde(default)]
    pub target: Target,
    /// When values are read again; Periodic if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refresh_policy: RefreshPolicy,
    /// Time between two checks of the store, as a Go duration (`1h30m`); `0` reads once.
    #[serde(default = "default_refresh_interval")]
    pub refresh_interval: String,
    /// Limits the reads that the interval causes to, or keeps them out of, certain times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_windows: Option<SyncWindows>,
    /// Single keys of the Secret; they win over keys of the same name from dataFrom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,
    /// Sources of several keys each; a later one wins over an earlier one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = DATA_FROM))]
    pub data_from: Vec<DataFrom>,
}

impl ExternalSecret {
    /// The name of the Secret that it produces.
    #[must_use]
    pub fn target_name(&self) -> &str {
        let named = self.spec.target.name.as_deref().filter(|name| !name.is_empty());
        named.or(self.metadata.name.as_deref()).unwrap_or_default()
    }
}

fn default_refresh_interval() -> String {
    "1h0m0s".to_owned()
}

impl Default for ExternalSecretSpec {
    /// What the API server makes of `spec: {}`.
    fn default() -> Self {
        Self {
            secret_store_ref: StoreRef::default(),
            target: Target::default(),
            refresh_policy: RefreshPolicy::default(),
            refresh_interval: default_refresh_interval(),
            sync_windows: None,
            data: Vec::new(),
            data_from: Vec::new(),
        }
    }
}

/// Names a SecretStore in the same namespace, or a ClusterSecretStore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreRef {
    /// Name of the store; empty when every entry names its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// Kind of the store; SecretStore if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: StoreKind,
}

/// The two kinds of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StoreKind {
    /// A store of the ExternalSecret's own namespace.
    #[default]
    SecretStore,
    /// A store for the whole cluster.
    ClusterSecretStore,
}

/// When values are read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RefreshPolicy {
    /// At the interval, and when the object changes.
    #[default]
    Periodic,
    /// Only when the object's metadata or spec changes.
    OnChange,
    /// Once.
    CreatedOnce,
}

/// Times at which the interval may, or may not, cause a read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindows {
    /// Whether the windows are the only times, or the forbidden ones.
    pub kind: SyncWindowKind,
    /// The windows, all in UTC.
    #[schemars(length(min = 1))]
    pub windows: Vec<SyncWindow>,
}

/// Meaning of a list of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncWindowKind {
    /// Reads happen inside the windows only.
    Allow,
    /// Reads happen outside the windows only.
    Deny,
}

/// One recurring span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindow {
    /// When it opens: five cron fields, or `@daily` and the like, in UTC.
    #[schemars(length(min = 1), regex(pattern = SCHEDULE))]
    pub schedule: String,
    /// How long it stays open, as a Go duration.
    pub duration: String,
}
