//! An object as its controller reports it, and a process that follows it.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde::de::DeserializeOwned;

use super::*;

/// An object of three pods whose generation 2 was made by a restart at time 0 of the tests, as its controller has not seen
/// it yet.
pub(super) fn object(kind: &str) -> Value {
    let template = json!({"spec": {"containers": [{"name": "c", "image": "one"}]}});
    json!({
        "metadata": {
            "name": "app", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-11-22T20:00:00Z",
            "annotations": {"rekey.dev/applied": State::default().render_with("key", "u", Some(&started(2)))},
        },
        "spec": {"replicas": 3, "selector": {}, "serviceName": "app", "schedule": "* * * * *", "template": template,
                 "jobTemplate": {"spec": {"template": template}}},
        "status": if kind == "Job" { json!({}) } else { status(kind, 1, 3, 3, 3) },
    })
}

/// What a controller of this kind reports: the generation it has seen, the pods that there are, the new ones, those that serve.
pub(super) fn status(kind: &str, observed: i64, existing: i32, updated: i32, available: i32) -> Value {
    match kind {
        "DaemonSet" => {
            json!({"observedGeneration": observed, "desiredNumberScheduled": 3, "currentNumberScheduled": existing,
                              "numberMisscheduled": 0, "numberReady": available, "updatedNumberScheduled": updated,
                              "numberAvailable": available})
        }
        "Rollout" => {
            json!({"observedGeneration": observed.to_string(), "replicas": existing, "updatedReplicas": updated,
                            "availableReplicas": available})
        }
        "CronJob" => json!({}),
        _ => json!({"observedGeneration": observed, "replicas": existing, "updatedReplicas": updated,
                    "availableReplicas": available}),
    }
}

pub(super) fn started(generation: i64) -> Started {
    Started { since: at(0), generation, resources: vec![ResourceName::secret("db")] }
}

/// The one after that, half a second later.
pub(super) fn next() -> Started {
    Started { since: at(500), generation: 3, ..started(3) }
}

pub(super) fn read(kind: &str, object: &Value) -> Workload {
    fn read<K: Restartable + DeserializeOwned>(object: &Value) -> Workload {
        Workload::read::<K>(&serde_json::from_value(object.clone()).unwrap(), &Options::default(), "key").unwrap()
    }
    match kind {
        "CronJob" => read::<CronJob>(object),
        "DaemonSet" => read::<DaemonSet>(object),
        "Deployment" => read::<Deployment>(object),
        "Job" => read::<Job>(object),
        "Rollout" => read::<Rollout>(object),
        _ => read::<StatefulSet>(object),
    }
}

/// A process that follows one object.
pub(super) struct Play {
    pub(super) kind: &'static str,
    pub(super) object: Value,
    pub(super) follow: Follow,
}

impl Play {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, object: object(kind), follow: Follow::default() }
    }

    /// The same object, followed by a process that begins now.
    pub(super) fn restarted(&self) -> Self {
        Self { kind: self.kind, object: self.object.clone(), follow: Follow::default() }
    }

    /// What a look gives at this time, but for the beginning.
    pub(super) fn look(&mut self, millis: u64) -> Look {
        let mut look = self.follow.look(&read(self.kind, &self.object), at(millis));
        look.news.retain(|news| news.told != Told::Restarted);
        look
    }

    /// What is told of it then.
    pub(super) fn told(&mut self, millis: u64) -> Vec<Told> {
        self.look(millis).news.into_iter().map(|news| news.told).collect()
    }

    pub(super) fn all_told(&mut self, millis: u64) -> Vec<Told> {
        let look = self.follow.look(&read(self.kind, &self.object), at(millis));
        look.news.into_iter().map(|news| news.told).collect()
    }

    pub(super) fn reports(&mut self, existing: i32, updated: i32, available: i32) {
        let generation = self.object["metadata"]["generation"].as_i64().unwrap();
        self.object["status"] = status(self.kind, generation, existing, updated, available);
    }

    pub(super) fn edit(&mut self, path: &str, value: Value) {
        *self.object.pointer_mut(path).unwrap() = value;
        self.object["metadata"]["generation"] = json!(self.object["metadata"]["generation"].as_i64().unwrap() + 1);
    }
}
