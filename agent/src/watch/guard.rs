//! Objects that may not be as they should: those that cannot be parsed end no watch, and say which field is to blame.

use std::borrow::Cow;

use kube::Resource;
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;

/// An object, or what is wrong with it.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Invalid>);

/// An object that cannot be parsed.
#[derive(Clone, Debug)]
pub struct Invalid {
    pub metadata: ObjectMeta,
    /// The field.
    pub field: String,
    /// The field, and what is wrong with it, which may quote what stands there.
    pub problem: String,
    /// All of it, as it is stored.
    pub stored: Value,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Value::deserialize(deserializer)?;
        let error = match serde_path_to_error::deserialize::<_, K>(&stored) {
            Ok(object) => return Ok(Self(Ok(object))),
            Err(error) => error,
        };
        let metadata = ObjectMeta::deserialize(&stored["metadata"]).map_err(D::Error::custom)?;
        let field = error.path().to_string();
        let problem = format!("{field}: {}", error.inner());
        Ok(Self(Err(Invalid { metadata, field, problem, stored })))
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &K::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &K::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &K::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &K::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(invalid) => &mut invalid.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use rekey_core::resource::ExternalSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_parsed_names_the_field_and_keeps_its_metadata() {
        let object = |data: Value| json!({"metadata": {"name": "db"}, "spec": {"data": [data]}});
        let parsed = |object: Value| serde_json::from_value::<Guarded<ExternalSecret>>(object).unwrap();
        let good = parsed(object(json!({"secretKey": "k", "remoteRef": {"key": "db"}})));
        assert!(good.0.is_ok() && good.meta().name.as_deref() == Some("db"));
        let bad = parsed(object(json!({"secretKey": "k", "remoteRef": {"key": 7}})));
        assert_eq!(bad.meta().name.as_deref(), Some("db"));
        let invalid = bad.0.unwrap_err();
        assert_eq!(invalid.field, "spec.data[0].remoteRef.key");
        assert!(invalid.problem.starts_with("spec.data[0].remoteRef.key: invalid type"), "{}", invalid.problem);
        assert_eq!(invalid.stored["spec"]["data"][0]["remoteRef"]["key"], 7);
        assert!(serde_json::from_value::<Guarded<ExternalSecret>>(json!({"metadata": 7})).is_err());
    }
}
