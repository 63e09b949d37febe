//! SecretStore and ClusterSecretStore: where values are kept and as whom they are read.

pub mod aws;

use std::collections::BTreeMap;
use std::ops::Deref;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::LABEL;
use super::status::SecretStoreStatus;
pub use aws::{
    AwsAuth, AwsJwt, AwsProvider, AwsSecretRef, AwsService, SecretKeyRef, SecretsManager, ServiceAccountRef,
    SessionTag, SessionTagsPolicy,
};

/// Where values are kept and as whom they are read.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "SecretStore",
    plural = "secretstores",
    singular = "secretstore",
    shortname = "ss",
    category = "external-secrets",
    namespaced,
    status = "SecretStoreStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A place where secrets are kept, for the ExternalSecrets of its own namespace.",
    printcolumn = r#"{"name":"AGE", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Capabilities", "type":"string", "jsonPath":".status.capabilities"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreSpec {
    /// The class of controller that serves this store; any that serves `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// The place: exactly one provider.
    pub provider: SecretStoreProvider,
    /// How often, and after how long, a failed call is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_settings: Option<RetrySettings>,
    /// Time between two validations of the store, in seconds or as a Go duration; not the interval of its ExternalSecrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<IntOrString>,
    /// Namespaces that may use a ClusterSecretStore; every one if empty, otherwise those that fit one entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<StoreCondition>,
}

/// A spec like a SecretStore's, of a store that the whole cluster may use.
///
/// It is a type of its own only because the derive macro binds one kind to one type; it dereferences to the shared spec.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ClusterSecretStore",
    plural = "clustersecretstores",
    singular = "clustersecretstore",
    shortname = "css",
    category = "external-secrets",
    status = "SecretStoreStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A place where secrets are kept, for ExternalSecrets of every namespace that its conditions admit.",
    printcolumn = r#"{"name":"AGE", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Capabilities", "type":"string", "jsonPath":".status.capabilities"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[serde(transparent)]
#[schemars(description = "Where values are kept and as whom they are read.")]
pub struct ClusterSecretStoreSpec(pub SecretStoreSpec);

impl Deref for ClusterSecretStoreSpec {
    type Target = SecretStoreSpec;

    fn deref(&self) -> &SecretStoreSpec {
        &self.0
    }
}

/// The place where secrets are kept. Only AWS is served; a store of another provider is kept as it is, for its controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SecretStoreProvider {
    /// AWS Secrets Manager or SSM Parameter Store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsProvider>,
    /// Any other provider, untouched.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// How a failed call is made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetrySettings {
    /// Attempts in all, the first one counted; 3 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i32>,
    /// Time between two attempts, as a Go duration; growing and jittered if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<String>,
}

/// Admits namespaces: those that fit the selector, the names or the expressions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreCondition {
    /// Labels of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Names of namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(min = 1, max = 63), regex(pattern = LABEL)))]
    pub namespaces: Vec<String>,
    /// Regular expressions (RE2 syntax, not anchored) for names of namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_regexes: Vec<String>,
}
