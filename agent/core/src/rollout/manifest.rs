//! Manifests of Jobs: one that a CronJob runs out of turn, and one that is made anew.
//!
//! They are edited as the API server wrote them and not as types, so that a field which is younger than Rekey goes with
//! them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use serde_json::{Value, json};

use super::state;

/// What the Job controller puts on a Job's pods, and its API on the Job, to tell them from those of a namesake.
const CONTROLLER_LABELS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// Finalizers that stand for the way in which an object is being deleted.
const DELETION: [&str; 2] = ["foregroundDeletion", "orphan"];

/// The Job of this name that `kubectl create job --from=cronjob/…` would create.
#[must_use]
pub fn run(cron_job: &DynamicObject, name: &str) -> DynamicObject {
    let (metadata, template) = (&cron_job.metadata, &cron_job.data["spec"]["jobTemplate"]);
    let mut annotations = texts(&template["metadata"]["annotations"]);
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), "manual".to_owned());
    let owner = OwnerReference {
        api_version: "batch/v1".to_owned(),
        kind: "CronJob".to_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        // That takes a right to the CronJob's finalizers in some clusters.
        block_owner_deletion: None,
    };
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: metadata.namespace.clone(),
        labels: Some(texts(&template["metadata"]["labels"])),
        annotations: Some(annotations),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    };
    job(metadata, &template["spec"])
}

/// The same Job, to be created once more: without what the API server and the Job controller gave it. A Job with
/// `manualSelector` brought its own selector and labels, and keeps them.
#[must_use]
pub fn again(old: &DynamicObject) -> DynamicObject {
    let mut spec = old.data["spec"].clone();
    let mut metadata = ObjectMeta {
        name: old.metadata.name.clone(),
        namespace: old.metadata.namespace.clone(),
        labels: old.metadata.labels.clone(),
        annotations: old.metadata.annotations.clone(),
        owner_references: old.metadata.owner_references.clone(),
        finalizers: old.metadata.finalizers.clone(),
        ..ObjectMeta::default()
    };
    if let Some(annotations) = &mut metadata.annotations {
        // It is of the old one, whose uid stands in it.
        annotations.remove(state::ANNOTATION);
        // The API server's own, until Kubernetes 1.26.
        annotations.remove("batch.kubernetes.io/job-tracking");
    }
    if let Some(finalizers) = &mut metadata.finalizers {
        finalizers.retain(|finalizer| !DELETION.contains(&finalizer.as_str()));
    }
    if spec["manualSelector"] != true {
        let of_controller = |label: &str| CONTROLLER_LABELS.contains(&label);
        if let Some(labels) = &mut metadata.labels {
            labels.retain(|label, _| !of_controller(label));
        }
        if let Some(labels) = spec.pointer_mut("/template/metadata/labels").and_then(Value::as_object_mut) {
            labels.retain(|label, _| !of_controller(label));
        }
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("selector");
        }
    }
    job(metadata, &spec)
}

fn job(metadata: ObjectMeta, spec: &Value) -> DynamicObject {
    let types = TypeMeta { api_version: "batch/v1".to_owned(), kind: "Job".to_owned() };
    DynamicObject { types: Some(types), metadata, data: json!({ "spec": spec }) }
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let texts = map.as_object().into_iter().flatten();
    texts.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: Value) -> DynamicObject {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_cron_job_runs_as_kubectl_would_run_it() {
        let cron_job = json!({
            "metadata": {"name": "report", "namespace": "ns", "uid": "u", "labels": {"of": "the CronJob"}},
            "spec": {"schedule": "@daily", "suspend": true, "jobTemplate": {
                "metadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
                "spec": {"backoffLimit": 1, "younger": "field", "template": {"spec": {"containers": []}}},
            }},
        });
        let job = run(&object(cron_job), "report-0123456789");
        assert_eq!(
            serde_json::to_value(job).unwrap(),
            json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {
                    "name": "report-0123456789", "namespace": "ns", "labels": {"l": "1"},
                    "annotations": {"a": "2", "cronjob.kubernetes.io/instantiate": "manual"},
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "u",
                                         "controller": true}],
                },
                "spec": {"backoffLimit": 1, "younger": "field", "template": {"spec": {"containers": []}}},
            })
        );
    }

    fn old(manual: bool) -> Value {
        let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c"});
        let labels = json!({"app": "a", "controller-uid": "u", "job-name": "import",
                            "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "import"});
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": "import", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 1,
                "creationTimestamp": "2026-11-22T20:00:00Z", "managedFields": [{}], "labels": labels,
                "annotations": {"reloader.stakater.com/auto": "true", "rekey.dev/applied": "{}"},
                "ownerReferences": [owner], "finalizers": ["mine.example/f", "foregroundDeletion"],
            },
            "spec": {
                "manualSelector": manual, "younger": "field",
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
                "template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never"}},
            },
            "status": {"succeeded": 1},
        })
    }

    #[test]
    fn a_job_made_anew_brings_nothing_that_is_of_the_old_one() {
        assert_eq!(
            serde_json::to_value(again(&object(old(false)))).unwrap(),
            json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {
                    "name": "import", "namespace": "ns", "labels": {"app": "a"},
                    "annotations": {"reloader.stakater.com/auto": "true"},
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c"}],
                    "finalizers": ["mine.example/f"],
                },
                "spec": {
                    "manualSelector": false, "younger": "field",
                    "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"restartPolicy": "Never"}},
                },
            })
        );
    }

    #[test]
    fn a_manual_selector_stays_with_the_labels_that_it_selects() {
        let (old, new) = (object(old(true)), again(&object(old(true))));
        assert_eq!(new.data["spec"], old.data["spec"]);
        assert_eq!(new.metadata.labels, old.metadata.labels);
    }

    #[test]
    fn a_bare_job_is_no_problem() {
        let bare = json!({"metadata": {"name": "import", "namespace": "ns"}, "spec": {"template": {"spec": {}}}});
        let expected = json!({"apiVersion": "batch/v1", "kind": "Job",
                              "metadata": {"name": "import", "namespace": "ns"}, "spec": {"template": {"spec": {}}}});
        assert_eq!(serde_json::to_value(again(&object(bare))).unwrap(), expected);
    }
}
