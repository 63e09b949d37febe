//! Manifests of Jobs: one that a CronJob runs out of turn, and one that is made anew.
//!
//! They are edited as the API server wrote them and not as types, so that a field which is younger than Rekey goes with
//! them.

use serde_json::{Map, Value, json};

use super::state;

/// What the Job controller puts on a Job's pods, and its API on the Job, to tell them from those of a namesake.
const CONTROLLER_LABELS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// Finalizers that stand for the way in which an object is being deleted.
const DELETION: [&str; 2] = ["foregroundDeletion", "orphan"];

/// The Job of this name that `kubectl create job --from=cronjob/…` would create.
#[must_use]
pub fn run(cron_job: &Value, name: &str) -> Value {
    let (metadata, template) = (&cron_job["metadata"], &cron_job["spec"]["jobTemplate"]);
    let mut annotations = template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
            // Without blockOwnerDeletion, which takes a right to the CronJob's finalizers in some clusters.
            "ownerReferences": [{
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": true,
            }],
        },
        "spec": template["spec"],
    })
}

/// The same Job, to be created once more: without what the API server and the Job controller gave it. A Job with
/// `manualSelector` brought its own selector and labels, and keeps them.
#[must_use]
pub fn again(job: &Value) -> Value {
    let old = &job["metadata"];
    let mut metadata = Map::new();
    for field in ["name", "namespace", "labels", "annotations", "ownerReferences", "finalizers"] {
        if let Some(value) = old.get(field).filter(|value| !value.is_null()) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // It is of the old one, whose uid stands in it.
        annotations.remove(state::ANNOTATION);
        // The API server's own, until Kubernetes 1.26.
        annotations.remove("batch.kubernetes.io/job-tracking");
    }
    if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
        finalizers.retain(|finalizer| !DELETION.iter().any(|one| finalizer == one));
    }
    let mut spec = job["spec"].clone();
    if spec["manualSelector"] != true {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("selector");
        }
        without_controller_labels(metadata.get_mut("labels"));
        without_controller_labels(spec.pointer_mut("/template/metadata/labels"));
    }
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
}

fn without_controller_labels(labels: Option<&mut Value>) {
    let labels = labels.and_then(Value::as_object_mut);
    labels.into_iter().for_each(|labels| labels.retain(|label, _| !CONTROLLER_LABELS.contains(&label.as_str())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_job_runs_as_kubectl_would_run_it() {
        let cron_job = json!({
            "metadata": {"name": "report", "namespace": "ns", "uid": "u", "labels": {"of": "the CronJob"}},
            "spec": {"schedule": "@daily", "suspend": true, "jobTemplate": {
                "metadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
                "spec": {"backoffLimit": 1, "younger": "field", "template": {"spec": {"containers": []}}},
            }},
        });
        let job = run(&cron_job, "report-0123456789");
        assert_eq!(
            job,
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

    fn job(manual: bool) -> Value {
        let labels = json!({"app": "a", "controller-uid": "u", "job-name": "import",
                            "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "import"});
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": "import", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 1,
                "creationTimestamp": "2026-11-22T20:00:00Z", "managedFields": [{}], "labels": labels,
                "annotations": {"reloader.stakater.com/auto": "true", "rekey.dev/applied": "{}"},
                "ownerReferences": [{"kind": "CronJob"}], "finalizers": ["mine.example/f", "foregroundDeletion"],
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
            again(&job(false)),
            json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {
                    "name": "import", "namespace": "ns", "labels": {"app": "a"},
                    "annotations": {"reloader.stakater.com/auto": "true"},
                    "ownerReferences": [{"kind": "CronJob"}], "finalizers": ["mine.example/f"],
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
        let (old, new) = (job(true), again(&job(true)));
        assert_eq!(new["spec"], old["spec"]);
        assert_eq!(new["metadata"]["labels"], old["metadata"]["labels"]);
    }

    #[test]
    fn a_bare_job_is_no_problem() {
        let bare = json!({"metadata": {"name": "import", "namespace": "ns"}, "spec": {"template": {"spec": {}}}});
        let expected = json!({"apiVersion": "batch/v1", "kind": "Job",
                              "metadata": {"name": "import", "namespace": "ns"}, "spec": {"template": {"spec": {}}}});
        assert_eq!(again(&bare), expected);
    }
}
