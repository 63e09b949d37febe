//! `target.template.templateFrom`: templates in ConfigMaps and Secrets, and in the object itself.
//!
//! ConfigMaps and Secrets are sources like those in AWS: an object remembers which version of them it was made of, beside
//! its other tokens, and is made anew when they have another one.

mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::ledger::Known;
use crate::object::ObjectKey;
use crate::resource::external_secret::Template;
use crate::value::SecretValue;
use crate::wanted::Token;

pub use resolve::{Form, Part, Resolved};

/// Names a ConfigMap or Secret that holds templates. It stands in the namespace of the object that reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TemplateSource {
    /// A ConfigMap.
    ConfigMap(ObjectKey),
    /// A Secret.
    Secret(ObjectKey),
}

/// The data of those that exist.
pub type TemplateData = BTreeMap<TemplateSource, BTreeMap<String, SecretValue>>;

impl TemplateSource {
    /// All that a template reads, each once.
    #[must_use]
    pub fn of(template: Option<&Template>, namespace: &str) -> BTreeSet<Self> {
        let entries = template.iter().flat_map(|template| &template.template_from);
        let key = |name: &str| ObjectKey::new(namespace, name);
        entries
            .flat_map(|entry| {
                let config_map = entry.config_map.as_ref().map(|from| Self::ConfigMap(key(&from.name)));
                let secret = entry.secret.as_ref().map(|from| Self::Secret(key(&from.name)));
                config_map.into_iter().chain(secret)
            })
            .collect()
    }

    /// Namespace and name.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::ConfigMap(key) | Self::Secret(key) => key,
        }
    }
}

impl fmt::Display for TemplateSource {
    /// The key under `status.sourceVersions.tokens`: `ConfigMap/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigMap(key) => write!(f, "ConfigMap/{}", key.name),
            Self::Secret(key) => write!(f, "Secret/{}", key.name),
        }
    }
}

/// What is known of a source that exists, from its metadata: a version that no other one of that name ever had, and when it
/// last changed, if Kubernetes says.
#[must_use]
pub fn known(metadata: &ObjectMeta) -> Known {
    let version = metadata.resource_version.clone().unwrap_or_default();
    let written = metadata.managed_fields.iter().flatten().map(|entry| entry.time.as_ref().map(|time| time.0));
    // One entry without a time proves nothing.
    let changed = written.collect::<Option<Vec<Timestamp>>>().and_then(|times| times.into_iter().max());
    Known::of_source(Token::from_stored(version), None, changed)
}

/// What is known of a source that does not exist. No deletion policy makes anything of that, so it is not
/// [`Token::absent`].
#[must_use]
pub fn absent() -> Known {
    Known::of_source(Token::from_stored("missing"), None, None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_reads_from_its_own_namespace_and_each_source_once() {
        let template: Template = serde_json::from_value(json!({"templateFrom": [
            {"configMap": {"name": "one", "items": []}, "secret": {"name": "one", "items": []}},
            {"configMap": {"name": "one", "items": []}},
            {"literal": "a: b"},
        ]}))
        .expect("a template");
        let texts: Vec<_> = TemplateSource::of(Some(&template), "ns").iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["ConfigMap/one", "Secret/one"]);
        assert!(TemplateSource::of(None, "ns").is_empty());
    }

    #[test]
    fn the_last_change_is_that_of_the_newest_managed_field() {
        let metadata = |times: serde_json::Value| -> ObjectMeta {
            serde_json::from_value(json!({"resourceVersion": "7", "managedFields": times})).expect("metadata")
        };
        let (early, late) = ("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z");
        let both = known(&metadata(json!([{"time": late}, {"time": early}])));
        assert_eq!((both.token.to_string().as_str(), both.changed), ("7", Some(late.parse().expect("a time"))));
        assert_eq!(known(&metadata(json!([{"time": late}, {}]))).changed, None);
        assert_eq!(known(&metadata(json!([]))).changed, None);
    }
}
