use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use serde_json::{Value, json};

use super::*;

fn read(deployment: Value) -> Result<Workload, Incomplete> {
    Workload::read::<Deployment>(&serde_json::from_value(deployment).unwrap(), &Options::default(), "key")
}

fn deployment() -> Value {
    json!({
        "metadata": {
            "name": "app", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 4,
            "creationTimestamp": "2026-11-22T20:00:00Z",
            "annotations": {
                "secret.reloader.stakater.com/reload": "named,pattern-.*,excluded",
                "secrets.exclude.reloader.stakater.com/reload": "excluded",
                "reloader.stakater.com/auto": "true",
                "rekey.dev/applied": State { serial: 5, ..State::default() }.render("key", "u"),
            },
        },
        "spec": {
            "replicas": 2, "selector": {},
            "template": {
                "metadata": {"annotations": {"reloader.stakater.com/last-reloaded-from":
                    r#"{"type":"SECRET","name":"s","namespace":"ns","hash":"h","containerRefs":["c"],"observedAt":9}"#}},
                "spec": {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "used"}}]}]},
            },
        },
        "status": {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2},
    })
}

#[test]
fn reads_what_rollouts_need() {
    let workload = read(deployment()).unwrap();
    assert_eq!(workload.key.to_string(), "Deployment ns/app");
    assert_eq!((workload.uid.as_str(), workload.resource_version.as_str()), ("u", "7"));
    assert_eq!(workload.resources(), [ResourceName::secret("named"), ResourceName::secret("used")]);
    assert!(
        workload.concerns(&ResourceName::secret("pattern-x"))
            && !workload.concerns(&ResourceName::secret("excluded"))
            && !workload.concerns(&ResourceName::secret("stranger"))
    );
    assert_eq!(workload.serial(), 5);
    assert_eq!(workload.markers.annotation.as_ref().map(|marker| marker.observed_at), Some(9));
    assert_eq!(workload.restarted, Timestamp::from_second(9).ok());
    let progress = Progress { generation: 4, observed: 4, wanted: 2, existing: 3, updated: 2, available: 2 };
    assert_eq!(workload.progress, progress);
}

#[test]
fn a_stateful_set_is_read_in_the_same_way() {
    let mut object = deployment();
    object["spec"]["serviceName"] = json!("app");
    let set =
        Workload::read::<StatefulSet>(&serde_json::from_value(object).unwrap(), &Options::default(), "key").unwrap();
    assert_eq!(set.key.to_string(), "StatefulSet ns/app");
    assert_eq!(
        (set.resources(), set.progress),
        (vec![ResourceName::secret("named"), ResourceName::secret("used")], read(deployment()).unwrap().progress)
    );
}

#[test]
fn a_job_with_a_variable_was_made_by_a_restart_and_a_rollout_says_when_it_restarts() {
    let mut object = deployment();
    object["spec"]["template"]["metadata"] = json!({});
    let mut job = |env: Value| {
        object["spec"]["template"]["spec"]["containers"][0]["env"] = env;
        let job = serde_json::from_value(object.clone()).unwrap();
        Workload::read::<k8s_openapi::api::batch::v1::Job>(&job, &Options::default(), "key").unwrap().restarted
    };
    assert_eq!(job(json!([])), None);
    let created = "2026-11-22T20:00:00Z".parse().ok();
    assert_eq!(job(json!([{"name": "STAKATER_USED_SECRET", "value": "x"}])), created);

    object["status"] = json!({});
    object["spec"]["restartAt"] = json!("2026-11-22T21:00:00Z");
    let rollout = Workload::read::<Rollout>(&serde_json::from_value(object).unwrap(), &Options::default(), "key");
    assert_eq!(rollout.unwrap().restarted, "2026-11-22T21:00:00Z".parse().ok());
}

#[test]
fn a_workload_that_nothing_restarts_keeps_nothing() {
    let mut object = deployment();
    object["metadata"]["annotations"] = json!({});
    let workload = read(object).unwrap();
    assert_eq!(workload.references, References::default());
    assert!(
        workload.markers == Markers::default() && workload.resources().is_empty() && workload.recorded().is_empty()
    );
}

#[test]
fn an_object_without_identity_is_refused_and_the_field_named() {
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        let mut object = deployment();
        object["metadata"].as_object_mut().unwrap().remove(field);
        assert!(read(object).unwrap_err().to_string().ends_with(field), "{field}");
    }
}

#[test]
fn a_rollout_is_done_when_only_new_pods_are_left_and_serve() {
    let done = Progress { generation: 4, observed: 4, wanted: 2, existing: 2, updated: 2, available: 2 };
    assert!(done.is_done(4) && done.is_done(3));
    for (why, progress) in [
        ("not seen by its controller", Progress { observed: 3, ..done }),
        ("changed again since", Progress { generation: 5, ..done }),
        ("not all updated", Progress { updated: 1, available: 1, ..done }),
        ("old pods left", Progress { existing: 3, ..done }),
        ("not all serve", Progress { available: 1, ..done }),
    ] {
        assert!(!progress.is_done(4), "{why}");
    }
    assert!(Progress { generation: 4, observed: 4, ..Progress::default() }.is_done(4), "scaled to zero");
}
