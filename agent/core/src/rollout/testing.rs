//! A Deployment and its API server in memory, for the tests of this module.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Map, Value, json};

use super::annotations::Annotations;
use super::book::{ResourceSeen, Write};
use super::content::Content;
use super::decision::Flags;
use super::hash::Mac;
use super::hook::EntryMacs;
use super::keys::Keys;
use super::mark::Mark;
use super::marker::{self, Variable};
use super::options::Options;
use super::restart::Restart;
use super::stakater::Sha;
use super::state::{self, State};
use super::workload::Workload;

pub const KEY: &str = "key";
pub const AUTO: &str = "reloader.stakater.com/auto";

/// A time, in milliseconds after the tests' beginning.
pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + Duration::from_millis(millis)
}

/// The hash that stands for the n-th content of a Secret.
pub fn mac(content: u32) -> Mac {
    Mac::parse(&format!("{content:08x}").repeat(8)).unwrap()
}

/// The same as what the state records.
pub fn content(number: u32) -> Content {
    mac(number).into()
}

/// The same for a variable.
pub fn sha(content: u32) -> Sha {
    Sha::of(vec![content.to_be_bytes().to_vec().into()])
}

/// A resource without annotations and labels.
pub fn plain(version: &str, content: u32) -> ResourceSeen<'_> {
    static NONE: Annotations = Annotations::new();
    static NO_ENTRIES: LazyLock<EntryMacs> = LazyLock::new(EntryMacs::default);
    ResourceSeen {
        resource_version: version,
        mac: mac(content),
        sha: sha(content),
        flags: Flags::default(),
        entries: &NO_ENTRIES,
        labels: &NONE,
    }
}

/// One Deployment as the API server holds it.
#[derive(Clone)]
pub struct Fake {
    object: Value,
}

impl Fake {
    /// A Deployment `ns/app` whose one container uses these Secrets, created at `created` with these annotations.
    pub fn new(version: u64, created: Timestamp, secrets: &[&str], annotations: &[(&str, &str)]) -> Self {
        let env_from: Vec<Value> = secrets.iter().map(|name| json!({"secretRef": {"name": name}})).collect();
        let annotations: Map<String, Value> = annotations.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        Self {
            object: json!({
                "metadata": {
                    "name": "app", "namespace": "ns", "uid": format!("uid-{version}"),
                    "resourceVersion": version.to_string(), "generation": 1,
                    "creationTimestamp": Timestamp::from_second(created.as_second()).unwrap().to_string(),
                    "annotations": annotations,
                },
                "spec": {"replicas": 1, "selector": {}, "template": {
                    "metadata": {"annotations": {}},
                    "spec": {"containers": [{"name": "main", "envFrom": env_from}]},
                }},
            }),
        }
    }

    pub fn with_config_map(mut self, name: &str) -> Self {
        let env_from = &mut self.object["spec"]["template"]["spec"]["containers"][0]["envFrom"];
        env_from.as_array_mut().unwrap().push(json!({"configMapRef": {"name": name}}));
        self
    }

    /// It carries this marker from an earlier life.
    pub fn carry_marker(&mut self, text: &str) {
        self.set_marker(text);
    }

    /// It carries this variable from an earlier life.
    pub fn carry_variable(&mut self, name: &str, value: &str) {
        let (container, value) = ("main".to_owned(), Some(value.to_owned()));
        self.set_variable(&Variable { container, name: name.to_owned(), value });
    }

    pub fn template(&self) -> &Value {
        &self.object["spec"]["template"]
    }

    pub fn named(mut self, name: &str) -> Self {
        self.object["metadata"]["name"] = json!(name);
        self.object["metadata"]["uid"] = json!(format!("uid-{name}"));
        self
    }

    pub fn workload(&self) -> Workload {
        self.workload_with(&Options::default())
    }

    pub fn workload_with(&self, options: &Options) -> Workload {
        Workload::read::<Deployment>(&serde_json::from_value(self.object.clone()).unwrap(), options, KEY).unwrap()
    }

    pub fn version(&self) -> &str {
        self.object["metadata"]["resourceVersion"].as_str().unwrap()
    }

    /// Any write that changes nothing that matters here, such as that of a status.
    pub fn touch(&mut self, version: u64) {
        self.object["metadata"]["resourceVersion"] = json!(version.to_string());
    }

    pub fn annotate(&mut self, version: u64, key: &str, value: Option<&str>) {
        self.touch(version);
        set(&mut self.object["metadata"]["annotations"], key, value);
    }

    pub fn state(&self) -> Option<State> {
        self.workload().state
    }

    pub fn state_text(&self) -> Option<String> {
        self.object["metadata"]["annotations"][state::ANNOTATION].as_str().map(str::to_owned)
    }

    pub fn marker_text(&self) -> Option<String> {
        self.object["spec"]["template"]["metadata"]["annotations"][marker::ANNOTATION].as_str().map(str::to_owned)
    }

    /// What the API server does with a write; whether the version was the current one.
    pub fn apply(&mut self, write: &Write, version: u64) -> bool {
        if write.resource_version != self.version() {
            return false;
        }
        self.annotate(version, state::ANNOTATION, write.state.as_deref());
        match &write.restart {
            Some(Restart::Mark(Mark::Annotation(marker))) => self.set_marker(marker),
            Some(Restart::Mark(Mark::Variables(variables))) => {
                for variable in variables {
                    self.set_variable(variable);
                }
            }
            _ => {}
        }
        if let Some(pause) = write.pause {
            self.annotate(version, &Keys::default().paused_at, pause.paused_at().as_deref());
            self.pause(version, pause.paused());
        }
        true
    }

    /// Somebody pauses it or lets it go on.
    pub fn pause(&mut self, version: u64, paused: bool) {
        self.touch(version);
        self.object["spec"]["paused"] = json!(paused);
        self.next_generation();
    }

    /// Somebody deletes it, and it stays until something else is gone.
    pub fn delete(&mut self, version: u64) {
        self.touch(version);
        self.object["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
    }

    pub fn paused(&self) -> bool {
        self.object["spec"]["paused"] == json!(true)
    }

    /// What `kubectl rollout undo` does: the template and the annotations of an older revision return.
    pub fn roll_back(&mut self, version: u64, older: &Self) {
        self.annotate(version, state::ANNOTATION, older.state_text().as_deref());
        self.object["spec"]["template"] = older.template().clone();
        self.next_generation();
    }

    /// The Deployment controller reports that all pods are new and serve.
    pub fn finish(&mut self, version: u64) {
        self.touch(version);
        let generation = self.object["metadata"]["generation"].clone();
        self.object["status"] =
            json!({"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
    }

    /// The Deployment controller reports that the rollout does not get on.
    pub fn stick(&mut self, version: u64) {
        self.touch(version);
        let generation = self.object["metadata"]["generation"].clone();
        let condition = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"});
        self.object["status"] = json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 1,
                                       "availableReplicas": 1, "conditions": [condition]});
    }

    fn set_marker(&mut self, marker: &str) {
        set(&mut self.object["spec"]["template"]["metadata"]["annotations"], marker::ANNOTATION, Some(marker));
        self.next_generation();
    }

    fn set_variable(&mut self, variable: &Variable) {
        let container = &mut self.object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["name"], json!(variable.container));
        let mut variables = container["env"].as_array().cloned().unwrap_or_default();
        variables.retain(|other| other["name"] != json!(variable.name));
        variables.extend(variable.value.iter().map(|value| json!({"name": variable.name, "value": value})));
        container["env"] = json!(variables);
        self.next_generation();
    }

    fn next_generation(&mut self) {
        let generation = self.object["metadata"]["generation"].as_i64().unwrap() + 1;
        self.object["metadata"]["generation"] = json!(generation);
    }
}

fn set(annotations: &mut Value, key: &str, value: Option<&str>) {
    let annotations = annotations.as_object_mut().unwrap();
    match value {
        Some(value) => annotations.insert(key.to_owned(), json!(value)),
        None => annotations.remove(key),
    };
}
