//! What the real API server says of the rendered objects: their schemas, and the Pod Security Standard `restricted`.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use rekey_tests::chart::{Chart, find};
use rekey_tests::eventually::eventually;
use rekey_tests::manifests::apply;
use serde_json::{Value, json};

use super::{everything, rendered};

/// In which pods that are not `restricted` are refused.
const NAMESPACE: &str = "here";

async fn client() -> Client {
    let client = crate::stack().await.kubernetes.client().await.unwrap();
    let labels = "{pod-security.kubernetes.io/enforce: restricted}";
    let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}, labels: {labels}}}}}");
    apply(&client, NAMESPACE, &namespace).await.unwrap();
    apply(&client, NAMESPACE, "{apiVersion: v1, kind: Namespace, metadata: {name: chart-shop}}").await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let there = async || Ok(accounts.get("default").await.map(drop)?);
    eventually("the namespace's ServiceAccount, without which no pod is admitted", Duration::from_secs(30), there)
        .await
        .unwrap();
    client
}

fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

#[tokio::test]
async fn the_api_server_knows_every_field() {
    let (client, chart) = (client().await, Chart::open().await.unwrap());
    let strict = PatchParams {
        dry_run: true,
        force: true,
        field_manager: Some("chart".to_owned()),
        field_validation: Some(ValidationDirective::Strict),
    };
    let values = [
        Value::Null,
        everything(),
        json!({"mode": "companion", "namespaces": ["chart-shop"], "identity": {"kind": "static", "secretName": "aws"}}),
    ];
    for values in values {
        let objects = rendered(&chart, &values).await;
        // The CRDs of the Prometheus Operator are not there.
        for object in objects.iter().filter(|one| one["apiVersion"] != "monitoring.coreos.com/v1") {
            let name = object["metadata"]["name"].as_str().unwrap();
            let applied = api(&client, object).patch(name, &strict, &Patch::Apply(object)).await;
            applied.unwrap_or_else(|error| panic!("{} {name}: {error}", object["kind"]));
        }
    }
}

#[tokio::test]
async fn its_pods_are_restricted() {
    let (client, chart) = (client().await, Chart::open().await.unwrap());
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let objects = rendered(&chart, &Value::Null).await;
    let template = &find(&objects, "Deployment", "").unwrap()["spec"]["template"];
    let mut agent = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent"}, "spec": template["spec"]});
    agent["metadata"]["namespace"] = json!(NAMESPACE);
    // Whom it runs as is not what this is about.
    agent["spec"]["serviceAccountName"] = json!("default");
    let test = find(&objects, "Pod", "-test").unwrap().clone();
    let mut privileged = agent.clone();
    privileged["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let create = async |pod: &Value| {
        let pod: DynamicObject = serde_json::from_value(pod.clone()).unwrap();
        api(&client, &agent).create(&dry, &pod).await.map(drop).map_err(|error| error.to_string())
    };
    let refused = create(&privileged).await.expect_err("this namespace refuses nothing");
    assert!(refused.contains("restricted"), "{refused}");
    for pod in [&agent, &test] {
        assert_eq!(create(pod).await, Ok(()), "{}", pod["metadata"]["name"]);
    }
}
