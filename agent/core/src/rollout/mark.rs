//! How a pod template is made to differ from what it was, which is what replaces its pods.

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use super::marker::{self, Variable};

/// A marker to be set, in the form that the workload's strategy has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The marker annotation gets this text.
    Annotation(String),
    /// These variables of the containers are set or removed. Never empty.
    Variables(Vec<Variable>),
}

impl Mark {
    /// Sets it on the pod template of an object as the API server wrote it. Whatever else stands there stays, also what this
    /// version of Rekey has never heard of. Containers that are not there are nobody's.
    pub fn apply(&self, workload: &mut DynamicObject) {
        let Some(template) = workload.data.pointer_mut("/spec/template") else { return };
        match self {
            Self::Annotation(text) => {
                let annotations = object(template, "metadata").and_then(|metadata| object(metadata, "annotations"));
                if let Some(annotations) = annotations {
                    annotations[marker::ANNOTATION] = json!(text);
                }
            }
            Self::Variables(variables) => {
                let mut containers = template.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
                for variable in variables {
                    let named = |container: &&mut Value| container["name"] == variable.container.as_str();
                    if let Some(container) = containers.iter_mut().flat_map(|all| all.iter_mut()).find(named) {
                        set(container, variable);
                    }
                }
            }
        }
    }
}

/// The object in this field, which is made if there is none; nothing if something else stands there.
fn object<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    let child = parent.as_object_mut()?.entry(field).or_insert(Value::Null);
    if child.is_null() {
        *child = Value::Object(Map::new());
    }
    child.is_object().then_some(child)
}

fn set(container: &mut Value, variable: &Variable) {
    let Some(container) = container.as_object_mut() else { return };
    let mut env = match container.remove("env") {
        Some(Value::Array(env)) => env,
        _ => Vec::new(),
    };
    let at = env.iter().position(|entry| entry["name"] == variable.name.as_str());
    match (at, &variable.value) {
        (Some(at), Some(value)) => env[at] = json!({ "name": variable.name, "value": value }),
        (None, Some(value)) => env.push(json!({ "name": variable.name, "value": value })),
        (Some(at), None) => {
            env.remove(at);
        }
        (None, None) => {}
    }
    if !env.is_empty() {
        container.insert("env".to_owned(), Value::Array(env));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(container: &str, name: &str, value: Option<&str>) -> Variable {
        Variable { container: container.to_owned(), name: name.to_owned(), value: value.map(str::to_owned) }
    }

    /// The template after the mark.
    fn marked(mark: &Mark, template: &Value) -> Value {
        let object = json!({ "metadata": { "name": "w" }, "spec": { "replicas": 1, "template": template } });
        let mut object: DynamicObject = serde_json::from_value(object).unwrap();
        mark.apply(&mut object);
        assert_eq!(object.data["spec"]["replicas"], 1);
        object.data["spec"]["template"].take()
    }

    #[test]
    fn an_annotation_is_added_to_what_is_there() {
        let mark = Mark::Annotation("text".to_owned());
        let expected = json!({"metadata": {"annotations": {marker::ANNOTATION: "text"}}});
        for template in [json!({}), json!({"metadata": null}), json!({"metadata": {"annotations": null}})] {
            assert_eq!(marked(&mark, &template), expected);
        }
        let template = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "new": [1]});
        assert_eq!(
            marked(&mark, &template),
            json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d", marker::ANNOTATION: "text"}}, "new": [1]})
        );
    }

    #[test]
    fn variables_are_set_changed_and_removed_and_nothing_else_is() {
        let template = json!({"spec": {"field": "of tomorrow", "containers": [
            {"name": "one", "image": "i", "env": [{"name": "OLD", "value": "1"}, {"name": "KEPT", "valueFrom": {"x": 1}}]},
            {"name": "two", "env": [{"name": "GONE", "value": "1"}]},
            {"name": "three"},
        ]}});
        let variables = vec![
            variable("one", "OLD", Some("2")),
            variable("one", "NEW", Some("3")),
            variable("two", "GONE", None),
            variable("three", "ABSENT", None),
            variable("nobody", "NEW", Some("4")),
        ];
        assert_eq!(
            marked(&Mark::Variables(variables), &template),
            json!({"spec": {"field": "of tomorrow", "containers": [
                {"name": "one", "image": "i", "env": [
                    {"name": "OLD", "value": "2"}, {"name": "KEPT", "valueFrom": {"x": 1}}, {"name": "NEW", "value": "3"}]},
                {"name": "two"},
                {"name": "three"},
            ]}})
        );
    }

    #[test]
    fn what_is_no_template_is_left_as_it_is() {
        for nonsense in [json!(null), json!("text"), json!({"metadata": "text", "spec": {"containers": "none"}})] {
            for mark in [Mark::Annotation("text".to_owned()), Mark::Variables(vec![variable("c", "V", Some("1"))])] {
                assert_eq!(marked(&mark, &nonsense), nonsense);
            }
        }
    }
}
