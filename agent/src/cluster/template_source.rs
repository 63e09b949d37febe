//! ConfigMaps and Secrets that hold templates. Reads only.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ObjectMeta};
use rekey_core::template_from::TemplateSource;
use rekey_core::value::SecretValue;

use super::Writer;
use super::error::{ClusterError, read};

/// Reads them.
#[derive(Clone)]
pub struct TemplateSources {
    client: kube::Client,
}

/// One of them, as it is now.
pub struct Held {
    /// Its metadata, which tell its version.
    pub metadata: ObjectMeta,
    /// What can be a template: of a ConfigMap the texts, not `binaryData` (as ESO has it).
    pub data: BTreeMap<String, SecretValue>,
}

impl TemplateSources {
    /// Reads with the client of this writer.
    #[must_use]
    pub fn new(writer: &Writer) -> Self {
        Self { client: writer.client() }
    }

    /// The source as it is now, if it exists.
    pub async fn get(&self, source: &TemplateSource) -> Result<Option<Held>, ClusterError> {
        match source {
            TemplateSource::ConfigMap(key) => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &key.namespace);
                let found = read(format!("configmap {key}"), api.get_opt(&key.name)).await?;
                Ok(found.map(|found| Held {
                    metadata: found.metadata,
                    data: found.data.into_iter().flatten().map(|(key, text)| (key, SecretValue::from(text))).collect(),
                }))
            }
            TemplateSource::Secret(key) => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), &key.namespace);
                let found = read(format!("secret {key}"), api.get_opt(&key.name)).await?;
                Ok(found.map(|found| Held {
                    metadata: found.metadata,
                    data: found
                        .data
                        .into_iter()
                        .flatten()
                        .map(|(key, value)| (key, SecretValue::new(value.0)))
                        .collect(),
                }))
            }
        }
    }
}
