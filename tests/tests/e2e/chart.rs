//! infra/chart by its values: what each renders, and what is refused with which sentence. But for `admitted` nothing here needs
//! a stack.

mod admitted;
mod application_set;
mod dashboard;
mod refused;

use std::collections::BTreeSet;

use anyhow::Context;
use rekey_tests::chart::{Chart, QUEUE_URL, find};
use serde_json::{Value, json};

/// Every optional object, and every value that stands in one.
pub(crate) fn everything() -> Value {
    json!({
        "replicas": 2,
        "podDisruptionBudget": {"minAvailable": "50%"},
        "networkPolicy": {
            "enabled": true,
            "ingressFrom": [{"namespaceSelector": {}}],
            "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
        },
        "serviceMonitor": {
            "enabled": true, "interval": "30s", "scrapeTimeout": "10s", "additionalLabels": {"release": "prometheus"},
            "relabelings": [{"action": "drop", "regex": "a", "sourceLabels": ["b"]}],
        },
        "prometheusRule": {"enabled": true, "alertLabels": {"team": "platform"}, "disabled": ["RekeyPipeUnproven"]},
        "grafanaDashboard": {"enabled": true, "annotations": {"grafana_folder": "Secrets"}},
        "identity": {"kind": "irsa", "roleArn": "arn:aws:iam::111122223333:role/rekey"},
        "aws": {"region": "eu-west-1", "endpointUrl": "https://aws.example"},
        "serviceAccount": {"name": "agent", "annotations": {"a": "b"}, "extraLabels": {"c": "d"}, "automount": true},
        "stores": {"serviceAccounts": [{"namespace": "chart-shop", "name": "reader"}], "allServiceAccounts": true},
        "commonLabels": {"team": "platform", "app.kubernetes.io/name": "not-this"},
        "deploymentAnnotations": {"e": "f"},
        "podAnnotations": {"g": "h"},
        "podLabels": {"i": "j"},
        "revisionHistoryLimit": 0,
        "extraArgs": {"alert-info": "prod"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": true}],
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "imagePullSecrets": [{"name": "registry"}],
        "image": {"repository": "registry.example/rekey-agent", "tag": "1", "digest": format!("sha256:{}", "a".repeat(64))},
        "service": {"port": 9090, "annotations": {"k": "l"}},
        "reloader": {"isArgoRollouts": true},
    })
}

async fn rendered(chart: &Chart, values: &Value) -> Vec<Value> {
    chart.render("rekey", "here", values).await.with_context(|| values.to_string()).unwrap()
}

fn arguments(objects: &[Value]) -> Vec<&str> {
    let pod = &find(objects, "Deployment", "").unwrap()["spec"]["template"]["spec"];
    pod["containers"][0]["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect()
}

fn environment(objects: &[Value]) -> &Value {
    &find(objects, "Deployment", "").unwrap()["spec"]["template"]["spec"]["containers"][0]["env"]
}

/// Kind and name of every object.
fn names(objects: &[Value]) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    objects.iter().map(|one| format!("{} {}", text(&one["kind"]), text(&one["metadata"]["name"]))).collect()
}

#[tokio::test]
async fn it_renders_with_the_queue_url_alone() {
    let chart = Chart::open().await.unwrap();
    let objects = rendered(&chart, &json!({"crds": {"install": true}})).await;
    let crds = objects.iter().filter(|one| one["kind"] == "CustomResourceDefinition");
    let keeps = |one: &Value| one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
    assert_eq!(crds.filter(|one| keeps(one)).count(), 4, "the CRDs are upgraded and survive the release's removal");
    assert!(arguments(&objects).contains(&format!("--queue-url={QUEUE_URL}").as_str()));
    let objects = rendered(&chart, &Value::Null).await;
    let kinds = "ClusterRole rekey, ClusterRole rekey-edit, ClusterRole rekey-view, ClusterRoleBinding rekey, Deployment rekey, \
                 Pod rekey-test, Role rekey, RoleBinding rekey, Service rekey, ServiceAccount rekey";
    assert_eq!(names(&objects).into_iter().collect::<Vec<_>>().join(", "), kinds);
}

#[tokio::test]
async fn every_optional_object_is_there_when_it_is_asked_for() {
    let chart = Chart::open().await.unwrap();
    let objects = rendered(&chart, &everything()).await;
    let names = names(&objects);
    for name in [
        "ConfigMap rekey-dashboard",
        "NetworkPolicy rekey",
        "PodDisruptionBudget rekey",
        "PrometheusRule rekey",
        "ServiceMonitor rekey",
        "Role rekey-tokens",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    for object in &objects {
        let labels = &object["metadata"]["labels"];
        let is_test = object["metadata"]["annotations"]["helm.sh/hook"] == "test";
        assert!(is_test || labels["team"] == "platform" && labels["app.kubernetes.io/name"] == "rekey", "{object}");
    }
    let deployment = find(&objects, "Deployment", "rekey").unwrap();
    let (spec, pod) = (&deployment["spec"], &deployment["spec"]["template"]);
    assert_eq!((&spec["replicas"], &spec["revisionHistoryLimit"]), (&json!(2), &json!(0)));
    assert_eq!(deployment["metadata"]["annotations"], json!({"e": "f"}));
    assert_eq!(pod["metadata"]["annotations"], json!({"g": "h"}));
    assert_eq!(
        (&pod["metadata"]["labels"]["i"], &pod["metadata"]["labels"]["team"]),
        (&json!("j"), &json!("platform"))
    );
    let (pod, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    let image = format!("registry.example/rekey-agent@sha256:{}", "a".repeat(64));
    assert_eq!((&container["image"], &pod["serviceAccountName"]), (&json!(image), &json!("agent")));
    assert_eq!(container["volumeMounts"][0]["name"], pod["volumes"][0]["name"]);
    assert!(arguments(&objects).contains(&"--alert-info=prod") && arguments(&objects).contains(&"--leader-elect=true"));
    for (name, value) in [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "https://aws.example"),
        ("HTTPS_PROXY", "http://proxy.example:3128"),
    ] {
        let env = environment(&objects).as_array().unwrap();
        assert!(env.contains(&json!({"name": name, "value": value})), "{name}");
    }
    let account = &find(&objects, "ServiceAccount", "agent").unwrap();
    let role = "arn:aws:iam::111122223333:role/rekey";
    assert_eq!(account["metadata"]["annotations"], json!({"a": "b", "eks.amazonaws.com/role-arn": role}));
    assert_eq!(
        (&account["metadata"]["labels"]["c"], &account["automountServiceAccountToken"]),
        (&json!("d"), &json!(true))
    );
    let rules = find(&objects, "PrometheusRule", "").unwrap()["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["labels"]["team"] == "platform" && rule["alert"] != "RekeyPipeUnproven"));
    assert!(rules.iter().any(|rule| rule["expr"] == "absent(rekey_leader{namespace=\"here\"} == 1)"), "{rules:?}");
    let config_map = find(&objects, "ConfigMap", "dashboard").unwrap();
    assert_eq!(config_map["metadata"]["labels"]["grafana_dashboard"], "1");
    let budget = &find(&objects, "PodDisruptionBudget", "").unwrap()["spec"];
    assert!(budget["minAvailable"] == "50%" && budget["maxUnavailable"].is_null());
}

#[tokio::test]
async fn the_test_pod_asks_the_service_and_is_none_of_its_pods() {
    let chart = Chart::open().await.unwrap();
    let objects = rendered(&chart, &json!({"service": {"port": 9090}})).await;
    let (pod, service) = (find(&objects, "Pod", "-test").unwrap(), find(&objects, "Service", "").unwrap());
    let args = &pod["spec"]["containers"][0]["args"];
    assert_eq!(*args, json!(["check", "--url=http://rekey.here.svc:9090/readyz", "--wait=1m"]));
    let selector = service["spec"]["selector"].as_object().unwrap();
    assert!(selector.iter().any(|(label, value)| pod["metadata"]["labels"][label] != *value), "{selector:?}");
    let objects = rendered(&chart, &json!({"service": {"enabled": false}})).await;
    assert!(find(&objects, "Pod", "").is_none() && find(&objects, "Service", "").is_none());
}

#[tokio::test]
async fn an_identity_is_what_the_agent_asks_aws_as() {
    let chart = Chart::open().await.unwrap();
    let keys = json!({"kind": "static", "secretName": "aws", "sessionTokenKey": "token"});
    let objects = rendered(&chart, &json!({"identity": keys})).await;
    let variables = environment(&objects).as_array().unwrap();
    for (name, key) in [
        ("AWS_ACCESS_KEY_ID", "access-key-id"),
        ("AWS_SECRET_ACCESS_KEY", "secret-access-key"),
        ("AWS_SESSION_TOKEN", "token"),
    ] {
        let from = json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "aws", "key": key}}});
        assert!(variables.contains(&from), "{name}");
    }
    for kind in ["default", "podIdentity"] {
        let objects = rendered(&chart, &json!({"identity": {"kind": kind}})).await;
        let variables = environment(&objects).as_array().unwrap();
        assert!(!variables.iter().any(|one| one["name"].as_str().unwrap().starts_with("AWS_")), "{kind}");
        assert!(find(&objects, "ServiceAccount", "").unwrap()["metadata"]["annotations"].is_null(), "{kind}");
    }
}

#[tokio::test]
async fn values_of_external_secrets_operators_chart_mean_what_they_mean_there() {
    let chart = Chart::open().await.unwrap();
    for (theirs, ours) in [
        (json!({"replicaCount": 2}), json!({"replicas": 2})),
        (json!({"installCRDs": true}), json!({"crds": {"install": true}})),
        (json!({"processClusterStore": false}), json!({"clusterStores": false})),
        (json!({"processClusterExternalSecret": false}), json!({"clusterExternalSecrets": false})),
        (json!({"scopedNamespace": "shop"}), json!({"namespaces": ["shop"]})),
        (
            json!({"scopedNamespace": "shop", "scopedRBAC": true}),
            json!({"namespaces": "shop", "clusterStores": false, "clusterExternalSecrets": false}),
        ),
    ] {
        let text = async |values: &Value| chart.text("rekey", "here", values).await.unwrap();
        let rendered = text(&theirs).await;
        assert!(rendered == text(&ours).await, "{theirs} is not {ours}");
        assert!(rendered != text(&Value::Null).await, "{theirs} changes nothing");
    }
}

#[tokio::test]
async fn values_of_reloaders_chart_mean_what_they_mean_there_and_give_no_right_that_they_leave_unused() {
    let chart = Chart::open().await.unwrap();
    let jobs = "resources: [jobs]";
    for (values, there, absent) in [
        (json!({"autoReloadAll": true}), &["--auto-reload-all=true", jobs][..], &["argoproj.io", "--namespaces"][..]),
        (json!({"reloadStrategy": "env-vars"}), &["--reload-strategy=env-vars"], &[]),
        (json!({"isArgoRollouts": true}), &["--is-Argo-Rollouts=true", "apiGroups: [argoproj.io]"], &[]),
        (json!({"watchGlobally": false}), &["--namespaces=here"], &[]),
        (json!({"namespaces": ["a", "b"]}), &["--namespaces=a,b"], &[]),
        (json!({"ignoreConfigMaps": true}), &["--resources-to-ignore=configmaps"], &[]),
        (json!({"custom_annotations": {"pauseTime": "a/b"}}), &["--pause-deployment-time-annotation=a/b"], &[]),
        (json!({"ignoreJobs": true}), &["--ignored-workload-types=jobs", "[cronjobs]"], &["create, patch, delete]"]),
        // As they stand in Reloader's own values.
        (
            json!({
                "enableHA": false, "logLevel": "info", "logFormat": "", "webhookUrl": "", "enablePProf": false,
                "pprofAddr": ":6060", "enableCSIIntegration": false, "enableMetricsByNamespace": true,
            }),
            &["METRICS_COUNT_BY_NAMESPACE"],
            &[],
        ),
    ] {
        let rendered = chart.text("rekey", "here", &json!({"reloader": values})).await.unwrap();
        assert!(there.iter().all(|part| rendered.contains(part)), "{values}");
        assert!(!absent.iter().any(|part| rendered.contains(part)), "{values}");
    }
    let rendered = chart.text("rekey", "here", &json!({"createJobs": false})).await.unwrap();
    assert!(rendered.contains("--ignored-workload-types=jobs,cronjobs"));
    assert!(!rendered.contains(jobs) && !rendered.contains("[cronjobs]"));
}

#[tokio::test]
async fn with_namespaces_there_are_roles_and_one_reader_that_can_be_switched_off() {
    let chart = Chart::open().await.unwrap();
    let objects = rendered(&chart, &json!({"namespaces": ["b", "a"], "stores": {"allServiceAccounts": true}})).await;
    let roles = |objects: &[Value]| {
        let places =
            objects.iter().filter(|one| one["kind"] == "Role").map(|one| one["metadata"]["namespace"].to_string());
        places.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(roles(&objects), "\"a\" \"b\" \"here\"");
    let reader = find(&objects, "ClusterRole", "").unwrap();
    // Two agents of one release's name, in different namespaces, have one each.
    assert_eq!(reader["metadata"]["name"], "here-rekey-stores");
    let verbs = json!(["get", "list", "watch"]);
    let expected = json!([
        {"apiGroups": ["external-secrets.io"], "resources": ["clustersecretstores"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["a", "b"], "verbs": verbs},
    ]);
    assert_eq!(reader["rules"], expected);
    assert_eq!(
        objects.iter().filter(|one| one["kind"] == "ClusterRole").count(),
        1,
        "nothing else for the whole cluster"
    );
    let given = arguments(&objects);
    for flag in ["--watch-namespaces=a,b", "--cluster-stores=true", "--cluster-external-secrets=false"] {
        assert!(given.contains(&flag), "{given:?}");
    }
    let objects = rendered(&chart, &json!({"namespaces": "a, b", "clusterStores": false})).await;
    assert!(objects.iter().all(|one| !one["kind"].as_str().unwrap().starts_with("Cluster")), "{:?}", names(&objects));
    assert!(arguments(&objects).contains(&"--cluster-stores=false") && roles(&objects).contains("\"b\""));
    for mode in ["standalone", "companion"] {
        let objects = rendered(&chart, &json!({"namespaces": ["a"], "mode": mode, "replicas": 2})).await;
        let own = objects.iter().find(|one| one["kind"] == "Role" && one["metadata"]["namespace"] == "here").unwrap();
        for resource in ["rekey-hash-key", "leases", "events"] {
            assert!(own.to_string().contains(resource), "{mode}: {resource} of the agent's own namespace");
        }
    }
}
