//! The AWS provider of a store: service, region, and the way to an identity.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::is_default;
use crate::resource::schema::{KEY, LABEL, SUBDOMAIN};

/// AWS Secrets Manager or SSM Parameter Store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsProvider {
    /// Which of the services.
    pub service: AwsService,
    /// The region's name, for instance `eu-west-1`.
    pub region: String,
    /// The identity to start with; the agent's own if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub auth: AwsAuth,
    /// ARN of the role to assume last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// ARNs of roles to assume before it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_roles: Vec<String>,
    /// External id presented when `role` is assumed.
    #[serde(rename = "externalID", default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Session tags presented when `role` is assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_tags: Vec<SessionTag>,
    /// Keys of session tags that later roles inherit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitive_tag_keys: Vec<String>,
    /// Session tags made from the object; Simple and Custom replace `sessionTags`.
    #[serde(default)]
    pub session_tags_policy: SessionTagsPolicy,
    /// Further session tags of the Custom policy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_session_tags: BTreeMap<String, String>,
    /// Put before every key, without a separator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How secrets are deleted by a PushSecret; kept for other controllers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_manager: Option<SecretsManager>,
}

/// Services of AWS that keep secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum AwsService {
    /// Secrets Manager.
    #[default]
    SecretsManager,
    /// Parameter Store of Systems Manager.
    ParameterStore,
    /// Certificate Manager; kept for other controllers, Rekey does not read it.
    CertificateManager,
}

/// The identity to start with: jwt, else secretRef, else the agent's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAuth {
    /// Access keys kept in Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<AwsSecretRef>,
    /// A ServiceAccount whose role annotation names the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<AwsJwt>,
}

/// Access keys kept in Secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AwsSecretRef {
    /// The access key id.
    #[serde(rename = "accessKeyIDSecretRef", default, skip_serializing_if = "is_default")]
    pub access_key_id: SecretKeyRef,
    /// The secret access key.
    #[serde(rename = "secretAccessKeySecretRef", default, skip_serializing_if = "is_default")]
    pub secret_access_key: SecretKeyRef,
    /// The session token, for temporary keys.
    #[serde(rename = "sessionTokenSecretRef", default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretKeyRef>,
}

/// A ServiceAccount whose role annotation names the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsJwt {
    /// The ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<ServiceAccountRef>,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// The key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 253), regex(pattern = KEY))]
    pub key: String,
    /// Its namespace, in a ClusterSecretStore only; the ExternalSecret's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
}

/// A ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountRef {
    /// Name of the ServiceAccount.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// Its namespace, in a ClusterSecretStore only; the ExternalSecret's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
    /// Audiences of the token beside AWS's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
}

/// A tag of an STS session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionTag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Session tags made from the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SessionTagsPolicy {
    /// None are made.
    #[default]
    None,
    /// esoNamespace, esoStoreName and esoStoreKind.
    Simple,
    /// Those three and `customSessionTags`.
    Custom,
}

/// How a PushSecret deletes secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretsManager {
    /// At once and for good.
    #[serde(default, skip_serializing_if = "is_default")]
    pub force_delete_without_recovery: bool,
    /// After this many days, 7 to 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_window_in_days: Option<i64>,
}
