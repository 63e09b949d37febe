//! From External Secrets Operator to Rekey and back: what ESO left in a namespace, in `migration/`, is taken over without a read,
//! a write or a restart, and what Rekey leaves is what ESO would have left.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use rekey_core::hash;
use rekey_core::resource::ExternalSecret;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use rekey_tests::repository;
use rekey_tests::stack::Stack;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);
const NAMESPACE: &str = "migration";
/// The sources are so old: longer than the five minutes by which the clocks may differ.
const RESTED: u64 = 3600;
/// ESO's last refresh was so many seconds ago.
const REFRESHED: i64 = 60;

/// One ExternalSecret as ESO left it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Left {
    pub(crate) external_secret: Value,
    /// What ESO had to say of it, without times and condition.
    status: Value,
    /// The target before ESO wrote it, if somebody else made it.
    before: Option<Value>,
    /// The field manager of the target.
    manager: String,
    target: Value,
}

pub(crate) fn left(file: &str) -> Vec<Left> {
    let path = repository().join("tests/tests/e2e/migration").join(file);
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

impl Left {
    fn name(&self) -> &str {
        self.external_secret["metadata"]["name"].as_str().unwrap()
    }

    /// Puts it into the cluster, in ESO's order and under its names.
    pub(crate) async fn restore(&self, app: &App) {
        let types = &self.external_secret;
        let (group, version) = types["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, types["kind"].as_str().unwrap()));
        let objects: Api<DynamicObject> = Api::namespaced_with(app.client.clone(), NAMESPACE, &kind);
        let object = serde_json::from_value(self.external_secret.clone()).unwrap();
        let applied =
            PostParams { field_manager: Some("kubectl-client-side-apply".to_owned()), ..PostParams::default() };
        let made = objects.create(&applied, &object).await.unwrap();

        let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(REFRESHED)).strftime("%Y-%m-%dT%H:%M:%SZ");
        let mut status = self.status.clone();
        status["refreshTime"] = json!(at.to_string());
        status["conditions"] = json!([{
            "type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced",
            "lastTransitionTime": at.to_string(),
        }]);
        let how = PatchParams { field_manager: Some("external-secrets".to_owned()), ..PatchParams::default() };
        objects.patch_status(self.name(), &how, &Patch::Merge(json!({"status": status}))).await.unwrap();

        let uid = made.uid().unwrap();
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), NAMESPACE);
        let by = |manager: &str| PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        let target = self.secret(&self.target, &uid);
        match &self.before {
            None => drop(secrets.create(&by(&self.manager), &target).await.unwrap()),
            Some(before) => {
                let theirs = secrets.create(&by("kubectl-create"), &self.secret(before, &uid)).await.unwrap();
                let mut target = target;
                target.metadata.resource_version = theirs.resource_version();
                secrets.replace(self.name(), &by(&self.manager), &target).await.unwrap();
            }
        }
    }

    fn secret(&self, written: &Value, uid: &str) -> Secret {
        let text = written.to_string().replace("<uid>", uid).replace("<name>", self.name());
        let mut secret: Value = serde_json::from_str(&text).unwrap();
        let data = secret["data"].take();
        secret["stringData"] = data;
        serde_json::from_value(secret).unwrap()
    }
}

/// The namespace's targets and what counts as a change of each.
pub(crate) async fn versions(app: &App) -> Vec<(String, String)> {
    let secrets: Api<Secret> = Api::namespaced(app.client.clone(), NAMESPACE);
    let list = secrets.list(&ListParams::default()).await.unwrap();
    list.items.iter().map(|secret| (secret.name_any(), secret.resource_version().unwrap())).collect()
}

/// Makes the sources, and lets them be old.
pub(crate) async fn sources(stack: &Stack) {
    let caller = stack.aws.caller();
    let database = json!({"username": "app", "password": "left-by-eso-2-9"}).to_string();
    for (operation, parameters) in [
        ("secretsmanager.CreateSecret", json!({"Name": "migration/database", "SecretString": database})),
        ("ssm.PutParameter", json!({"Name": "/migration/token", "Value": "left-long-by-eso", "Type": "SecureString"})),
        ("secretsmanager.Backdate", json!({"SecretId": "migration/database", "Seconds": RESTED})),
        ("ssm.Backdate", json!({"Name": "/migration/token", "Seconds": RESTED})),
    ] {
        caller.call(operation, &parameters).await.unwrap();
    }
}

/// Waits until the agent has compared every source, and has synced an object that was made after that.
async fn looked_at(stack: &Stack, app: &App, since: Mark) {
    for (actions, resource) in [
        (["DescribeSecret", "ListSecrets"], "migration/database"),
        (["GetParameters", "GetParameter"], "/migration/token"),
    ] {
        let compared = |request: &rekey_tests::aws::Request| {
            let about = request.resource.as_deref().unwrap_or_default();
            actions.contains(&request.action.as_str()) && (about.contains(resource) || request.action == "ListSecrets")
        };
        stack.aws.requests().wait_for(resource, since, SOON, compared).await.unwrap();
    }
    app.external_secret("fence", "aws", "migration/database", Some("username")).await.unwrap();
    app.holds("fence", "value", "app", SOON).await.unwrap();
}

#[tokio::test]
async fn there_and_back() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::alone().await;
    values.add("left-by-eso-2-9");
    values.add("left-long-by-eso");
    sources(stack).await;
    rekey.agent.stop(SOON);
    let app = App::create(stack, NAMESPACE).await.unwrap();
    let objects: Vec<Left> = [left("eso-2.9.yaml"), left("eso-0.9.yaml")].into_iter().flatten().collect();
    for object in &objects {
        object.restore(&app).await;
    }
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "database").await.unwrap();
    app.settled("user", SOON).await.unwrap();
    let pods = app.workload("user").await.unwrap().spec.unwrap().template;
    let before = versions(&app).await;
    assert_eq!(before.len(), objects.len());

    // There: every object is looked at, and nothing is read, written or restarted.
    let start = stack.aws.requests().mark();
    rekey.agent.restart().await.unwrap();
    rekey.agent.ready(SOON).await.unwrap();
    looked_at(stack, &app, start).await;
    let after: Vec<_> = versions(&app).await.into_iter().filter(|(name, _)| name != "fence").collect();
    assert_eq!(after, before, "a target was written");
    let requests = stack.aws.requests().since(start).unwrap();
    let reads = |resource: &str, decrypts: &str| {
        let read =
            |one: &&rekey_tests::aws::Request| one.action == decrypts && one.resource.as_deref() == Some(resource);
        requests.iter().filter(read).count()
    };
    assert_eq!(reads("migration/database", "GetSecretValue"), 1, "it was read for more than the object made last");
    app.has_baseline("user", SOON).await.unwrap();
    // The record of it is a change of the Deployment, though not of its pods.
    let generation = app.settled("user", SOON).await.unwrap();
    assert_eq!(app.workload("user").await.unwrap().spec.unwrap().template, pods, "a workload was restarted");

    // A rotation reaches every target.
    values.add("rotated-by-rekey");
    let rotated = json!({"username": "app", "password": "rotated-by-rekey"}).to_string();
    let put = json!({"SecretId": "migration/database", "SecretString": rotated});
    stack.aws.caller().call("secretsmanager.PutSecretValue", &put).await.unwrap();
    for (name, key, value) in [
        ("database", "DB_PASSWORD", "rotated-by-rekey"),
        ("templated", "url", "postgres://app:rotated-by-rekey@db"),
        ("orphan", "v", "rotated-by-rekey"),
        ("merged", "v", "rotated-by-rekey"),
        ("old", "DB_PASSWORD", "rotated-by-rekey"),
    ] {
        app.holds(name, key, value, SOON).await.unwrap();
    }
    app.holds("merged", "theirs", "of-somebody-else", SOON).await.unwrap();
    fixture::restarted(&app, "user", generation).await;

    // And back: everything is as ESO would have left it.
    for object in &objects {
        is_as_eso_leaves_it(&app, object).await;
    }
    values.are_in_no_log(stack, rekey);
}

async fn is_as_eso_leaves_it(app: &App, left: &Left) {
    let name = left.name();
    app.condition(name, "True", "secret synced", SOON).await.unwrap();
    let secret = app.secret(name).await.unwrap();
    let data = secret.data.clone().unwrap();
    let noted = &secret.annotations()["reconcile.external-secrets.io/data-hash"];
    let rotated = name != "an-object-with-a-long-name-of-50-characters-or-more";
    if rotated {
        let expected = hash::data(data.iter().map(|(key, value)| (key.as_str(), value.0.as_slice())));
        assert_eq!(*noted, expected, "{name}");
        assert_eq!(secret.labels()["reconcile.external-secrets.io/managed"], "true", "{name}");
    }
    let owned = left.target["metadata"]["ownerReferences"].is_array();
    assert_eq!(secret.owner_references().len(), usize::from(owned), "{name}");
    let created_by = secret.labels().get("reconcile.external-secrets.io/created-by");
    let expected = owned.then(|| hash::name(&format!("{NAMESPACE}/{name}")));
    assert_eq!(created_by, expected.as_ref(), "{name}");
    assert!(secret.finalizers().is_empty(), "{name}");
    let theirs = ["kubectl-create", left.manager.as_str()];
    let managers = secret.managed_fields().iter().map(|fields| fields.manager.clone().unwrap_or_default());
    for manager in managers {
        assert!(theirs.contains(&manager.as_str()), "{name} is managed by {manager} too");
    }

    let objects: Api<ExternalSecret> = Api::namespaced(app.client.clone(), NAMESPACE);
    eventually(&format!("{name} to have a status of ESO's kind"), SOON, async || {
        let object = objects.get(name).await?;
        let finalizers = json!(object.metadata.finalizers);
        ensure!(finalizers == left.external_secret["metadata"]["finalizers"], "finalizers {finalizers}");
        let status = object.status.unwrap_or_default();
        let version = status.synced_resource_version.unwrap_or_default();
        let labels = object.metadata.labels.unwrap_or_default();
        let hash = hash::metadata(&labels, &object.metadata.annotations.unwrap_or_default());
        ensure!(!rotated || version == format!("1-{hash}"), "syncedResourceVersion {version}");
        ensure!(
            status.refresh_time.is_some() && status.binding.is_some_and(|binding| binding.name == name),
            "no binding"
        );
        Ok(())
    })
    .await
    .unwrap();
}
