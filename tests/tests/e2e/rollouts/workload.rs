//! The workloads of the cases: short in YAML, whole in the cluster. They ask for no pods unless a case says so, for what counts
//! is what the agent does to them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;

/// Every kind that can be restarted.
pub(super) const KINDS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Rollout"];

/// A workload in a case. cases/README.md tells what each field means.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Workload {
    pub(super) kind: Option<String>,
    annotations: BTreeMap<String, String>,
    template: BTreeMap<String, String>,
    uses: Vec<String>,
    pod: Value,
    spec: Value,
}

impl Workload {
    /// For a fence: every kind of resource named `name` concerns it.
    pub(super) fn fence(kind: &str, auto: &str, name: &str, resources: &[String]) -> Self {
        Self {
            kind: Some(kind.to_owned()),
            annotations: [(auto.to_owned(), "true".to_owned())].into(),
            uses: resources.iter().map(|resource| format!("{resource}/{name}")).collect(),
            ..Self::default()
        }
    }

    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("Deployment")
    }

    /// The object for `kubectl apply`.
    pub(super) fn manifest(&self, name: &str) -> Json {
        let kind = self.kind();
        let mut spec = spec(kind, name, &self.pod_template(name));
        merge(&mut spec, &json_of(&self.spec));
        let metadata = json!({"name": name, "annotations": self.annotations});
        json!({"apiVersion": version(kind), "kind": kind, "metadata": metadata, "spec": spec})
    }

    fn pod_template(&self, name: &str) -> Json {
        let sources: Vec<Json> = self.uses.iter().map(|used| source(used)).collect();
        let containers = json!([{"name": "app", "image": "registry.example/app:1", "envFrom": sources}]);
        let mut pod = json!({"containers": containers});
        match self.kind() {
            // No node has it.
            "DaemonSet" => pod["nodeSelector"] = json!({"nowhere": "true"}),
            "CronJob" | "Job" => pod["restartPolicy"] = json!("Never"),
            _ => {}
        }
        merge(&mut pod, &json_of(&self.pod));
        json!({"metadata": {"labels": {"app": name}, "annotations": self.template}, "spec": pod})
    }
}

fn version(kind: &str) -> &'static str {
    match kind {
        "CronJob" | "Job" => "batch/v1",
        "Rollout" => "argoproj.io/v1alpha1",
        _ => "apps/v1",
    }
}

fn spec(kind: &str, name: &str, template: &Json) -> Json {
    let selector = json!({"matchLabels": {"app": name}});
    match kind {
        "StatefulSet" => json!({"replicas": 0, "serviceName": name, "selector": selector, "template": template}),
        "DaemonSet" => json!({"selector": selector, "template": template}),
        // Once a year, and without pods: it is not finished.
        "CronJob" => {
            json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"parallelism": 0, "template": template}}})
        }
        "Job" => json!({"parallelism": 0, "template": template}),
        _ => json!({"replicas": 0, "selector": selector, "template": template}),
    }
}

/// The pod template of an object of this kind.
pub(super) fn template<'a>(kind: &str, object: &'a Json) -> &'a Json {
    match kind {
        "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
        _ => &object["spec"]["template"],
    }
}

/// An entry of envFrom for `Secret/name` or `ConfigMap/name`.
fn source(used: &str) -> Json {
    let (kind, name) = used.split_once('/').unwrap_or(("Secret", used));
    let field = if kind == "ConfigMap" { "configMapRef" } else { "secretRef" };
    json!({field: {"name": name, "optional": true}})
}

fn json_of(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// Fields of objects are merged, everything else replaces what was there, and null takes it away.
fn merge(into: &mut Json, more: &Json) {
    match (into, more) {
        (_, Json::Null) => {}
        (Json::Object(fields), Json::Object(more)) => {
            for (name, value) in more {
                if value.is_null() {
                    fields.remove(name);
                } else {
                    merge(fields.entry(name).or_insert(Json::Null), value);
                }
            }
        }
        (value, more) => more.clone_into(value),
    }
}

#[test]
fn what_a_case_says_is_merged_into_a_whole_manifest() {
    let workload: Workload = serde_yaml_ng::from_str(
        "{kind: DaemonSet, annotations: {a: b}, template: {c: d}, uses: [Secret/db, ConfigMap/settings], \
         pod: {nodeSelector: null}, spec: {minReadySeconds: 1}}",
    )
    .unwrap();
    let labels = json!({"app": "web"});
    let sources = json!([
        {"secretRef": {"name": "db", "optional": true}}, {"configMapRef": {"name": "settings", "optional": true}},
    ]);
    let containers = json!([{"name": "app", "image": "registry.example/app:1", "envFrom": sources}]);
    let template =
        json!({"metadata": {"labels": labels, "annotations": {"c": "d"}}, "spec": {"containers": containers}});
    let spec = json!({"selector": {"matchLabels": labels}, "template": template, "minReadySeconds": 1});
    let metadata = json!({"name": "web", "annotations": {"a": "b"}});
    let expected = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec});
    assert_eq!(workload.manifest("web"), expected);
}
