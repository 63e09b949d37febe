//! What Argo CD sees of an application whose manifests it keeps in step by server-side apply: sweeps change nothing, a rotation
//! changes nothing that is Argo CD's, and its next sync finds nothing to do.
//!
//! The agent runs beside the shared one, in a namespace and with annotations of workloads of its own, and sweeps each second.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PatchParams;
use kube::{Api, Resource};
use rekey_core::resource::{ExternalSecret, SecretStore};
use rekey_tests::agent::{Agent, Way};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::helm;
use rekey_tests::manifests::apply_as;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::fixture::queue::Queue;
use crate::fixture::{self, restarted};

const SOON: Duration = Duration::from_mins(1);
/// The release, its namespace, its controller class and its queue.
const NAME: &str = "argo-cd";
const SHOP: &str = "argo-cd-shop";
const MANAGER: &str = "argocd-controller";
const SWEEPS: usize = 20;

/// As Argo CD applies them: with its annotation on each object.
const MANIFESTS: &str = "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata:
  name: aws
  annotations: {argocd.argoproj.io/tracking-id: 'shop:external-secrets.io/SecretStore:argo-cd-shop/aws'}
spec: {controller: argo-cd, provider: {aws: {service: SecretsManager, region: us-east-1}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: db
  annotations: {argocd.argoproj.io/tracking-id: 'shop:external-secrets.io/ExternalSecret:argo-cd-shop/db'}
spec:
  refreshInterval: 1s
  secretStoreRef: {name: aws}
  data: [{secretKey: value, remoteRef: {key: argo-cd/db}}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:argo-cd-shop/web'
    argo-cd.example/auto: 'true'
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: 'registry.example/app:1', envFrom: [{secretRef: {name: db}}]}]";

/// Argo CD's sync, which forces nothing here: a conflict is an error.
async fn sync(app: &App) {
    apply_as(&app.client, SHOP, MANIFESTS, &PatchParams::apply(MANAGER)).await.unwrap();
}

/// The agent, alone in its namespace; returns the access key that it asks AWS with, too.
async fn agent(stack: &Stack) -> (Agent, String) {
    let queue = Queue::create(stack, NAME).await;
    let may = json!({"Action": ["sqs:*", "secretsmanager:*"], "Resource": "*"});
    let user = stack.aws.create_user_with(NAME, &may).await.unwrap();
    let mut values = helm::values(&stack.aws, Some(&user), &queue.url);
    for (name, value) in [
        ("namespaces", json!([SHOP])),
        ("controllerClass", json!(NAME)),
        ("crds", json!({"install": false})),
        ("reloader", json!({"custom_annotations": {"auto": "argo-cd.example/auto"}})),
        ("minRestartInterval", json!("0s")),
        ("sweepInterval", json!("1s")),
    ] {
        values[name] = value;
    }
    helm::install(stack, NAME, NAME, &values).await.unwrap();
    let deployment = helm::deployment(stack, NAME, NAME).await.unwrap();
    let agent = Agent::start(stack, NAME, &deployment, &Way::default()).await.unwrap();
    agent.ready(SOON).await.unwrap();
    (agent, user.access_key)
}

/// The application's objects as the API server shows them.
#[derive(Debug, PartialEq)]
struct Objects {
    store: Value,
    external_secret: Value,
    target: Value,
    deployment: Value,
}

impl Objects {
    async fn read(app: &App) -> Self {
        async fn one<K>(app: &App, name: &str) -> Value
        where
            K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
                + Clone
                + std::fmt::Debug
                + serde::de::DeserializeOwned
                + serde::Serialize,
        {
            let objects: Api<K> = Api::namespaced(app.client.clone(), SHOP);
            serde_json::to_value(objects.get(name).await.unwrap()).unwrap()
        }
        Self {
            store: one::<SecretStore>(app, "aws").await,
            external_secret: one::<ExternalSecret>(app, "db").await,
            target: one::<Secret>(app, "db").await,
            deployment: one::<Deployment>(app, "web").await,
        }
    }

    /// Of the store, the ExternalSecret, its target and the Deployment.
    fn versions(&self) -> [&Value; 4] {
        [&self.store, &self.external_secret, &self.target, &self.deployment]
            .map(|object| &object["metadata"]["resourceVersion"])
    }
}

/// An object without what every write of anybody changes, and without `fields`.
fn without(object: &Value, fields: &[&str]) -> Value {
    let mut object = object.clone();
    for field in ["/metadata/resourceVersion", "/metadata/managedFields"].iter().chain(fields) {
        let (parent, name) = field.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.and_then(|parent| parent.remove(&name.replace("~1", "/")));
    }
    object
}

/// What Argo CD owns of an object, and since when.
fn owned(object: &Value) -> &Value {
    let mut entries = object["metadata"]["managedFields"].as_array().unwrap().iter();
    entries.find(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply").expect("Argo CD's fields")
}

/// Waits until the agent has compared the source with AWS so often.
async fn swept(stack: &Stack, key: &str) {
    let log = stack.aws.requests();
    let since = log.mark();
    eventually(&format!("{SWEEPS} sweeps"), SOON * 2, async || {
        let asked = log.since(since)?;
        let sweeps = asked.iter().filter(|one| {
            let about = one.resource.as_deref().unwrap_or_default();
            let compares =
                one.action == "ListSecrets" || one.action == "DescribeSecret" && about.contains("argo-cd/db");
            compares && one.principal.as_deref() == Some(key)
        });
        let count = sweeps.count();
        ensure!(count >= SWEEPS, "{count} so far");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn sweeps_and_rotations_leave_argo_cd_nothing_to_do() {
    let (stack, _, values) = fixture::rekey().await;
    let (first, second) = (values.fresh(), values.fresh());
    stack.aws.create_secret("argo-cd/db", &first).await.unwrap();
    let app = App { namespace: SHOP.to_owned(), client: stack.kubernetes.client().await.unwrap() };
    app.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {SHOP}}}}}")).await.unwrap();
    let (agent, key) = agent(stack).await;
    sync(&app).await;
    app.holds("db", "value", &first, SOON).await.unwrap();
    app.condition("db", "True", "secret synced", SOON).await.unwrap();
    app.has_baseline("web", SOON).await.unwrap();
    let generation = app.settled("web", SOON).await.unwrap();

    let before = Objects::read(&app).await;
    swept(stack, &key).await;
    assert_eq!(Objects::read(&app).await.versions(), before.versions(), "a sweep has written");

    stack.aws.put_secret("argo-cd/db", &second).await.unwrap();
    app.holds("db", "value", &second, SOON).await.unwrap();
    restarted(&app, "web", generation).await;
    // The status is written after the target, and what became of the restart is noted after the pods.
    swept(stack, &key).await;
    let after = Objects::read(&app).await;
    only_what_must_has_changed(&before, &after);

    sync(&app).await;
    swept(stack, &key).await;
    assert_eq!(Objects::read(&app).await.versions(), after.versions(), "Argo CD's next sync has changed something");
    agent.check().unwrap();
}

fn only_what_must_has_changed(before: &Objects, after: &Objects) {
    assert_eq!(after.store, before.store);
    for (after, before) in [(&after.external_secret, &before.external_secret), (&after.deployment, &before.deployment)]
    {
        assert_eq!(owned(after), owned(before), "Argo CD lost a field");
    }
    let object = |objects: &Objects| without(&objects.external_secret, &["/status"]);
    assert_eq!(object(after), object(before), "of an ExternalSecret only the status is Rekey's");
    let theirs = after.external_secret["metadata"]["managedFields"].as_array().unwrap();
    let beside = theirs.iter().filter(|entry| entry["manager"] != MANAGER);
    assert!(beside.clone().count() > 0 && beside.clone().all(|entry| entry["subresource"] == "status"), "{theirs:?}");

    let hash = "/metadata/annotations/reconcile.external-secrets.io~1data-hash";
    let target = |objects: &Objects| without(&objects.target, &["/data", hash]);
    assert!(target(after) == target(before), "of the target more than the data was changed");
    assert!(after.target["data"] != before.target["data"], "the data was not changed");

    let marker = "/spec/template/metadata/annotations/reloader.stakater.com~1last-reloaded-from";
    assert!(after.deployment.pointer(marker).is_some() && before.deployment.pointer(marker).is_none());
    let deployment = |objects: &Objects| {
        // The generation and the revision are the API server's and the Deployment controller's.
        let fields = ["/status", "/metadata/generation", "/metadata/annotations/deployment.kubernetes.io~1revision"];
        let mut rest = without(&objects.deployment, &fields);
        rest = without(&rest, &[marker, "/metadata/annotations/rekey.dev~1applied"]);
        let template = &mut rest["spec"]["template"]["metadata"];
        if template["annotations"].as_object().is_none_or(serde_json::Map::is_empty) {
            template.as_object_mut().unwrap().remove("annotations");
        }
        rest
    };
    assert_eq!(
        deployment(after),
        deployment(before),
        "a restart is one annotation of the template and the record of it"
    );
}
