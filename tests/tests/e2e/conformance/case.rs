//! What can stand in a case: told in cases/README.md.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::table::case::Head;

/// Where a case is played.
#[derive(Clone, Deserialize)]
pub(super) struct Place {
    /// Its namespace, where the name matters.
    pub(super) namespace: Option<String>,
}

impl Head for Place {
    const FIELDS: &'static [&'static str] = &["namespace"];
}

/// Something that happens, and what is to be seen afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// Secrets by name: a string is created or put as a new version, an object holds parameters of CreateSecret.
    pub(super) secrets: BTreeMap<String, Value>,
    /// Parameters by name: a string is put as a SecureString, an object holds parameters of PutParameter.
    pub(super) parameters: BTreeMap<String, Value>,
    /// Any other calls: `service.Operation: {parameters}`.
    pub(super) aws: Vec<BTreeMap<String, Value>>,
    /// Objects to apply before the ExternalSecret.
    pub(super) apply: Vec<Value>,
    /// The spec of an ExternalSecret `app`.
    pub(super) spec: Option<Value>,
    /// Merge patches of objects.
    pub(super) patch: BTreeMap<String, Value>,
    /// Objects to delete.
    pub(super) delete: Vec<String>,
    /// The API server must refuse what is applied, with these words.
    pub(super) refused: Option<String>,
    /// What objects look like in the end.
    pub(super) expect: BTreeMap<String, Value>,
    /// How often the agent has called an operation about a resource of this namespace during this step.
    pub(super) calls: BTreeMap<String, usize>,
}

impl Step {
    /// Is something expected to be other than before?
    pub(super) fn expects_a_change(&self) -> bool {
        fn in_value(value: &Value) -> bool {
            match value {
                Value::Tagged(tagged) => tagged.tag == "!changed" || in_value(&tagged.value),
                Value::Mapping(fields) => fields.values().any(in_value),
                _ => false,
            }
        }
        self.expect.values().any(in_value)
    }
}
