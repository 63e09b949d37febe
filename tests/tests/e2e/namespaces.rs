//! An agent that has rights in some namespaces only, by the chart's value `namespaces`: it works there, and is blind elsewhere.
//!
//! It runs beside the shared agent, with a controller class, a queue and annotations of workloads of its own.

mod rights;

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use rekey_tests::agent::{Agent, Way};
use rekey_tests::app::App;
use rekey_tests::aws::REGION;
use rekey_tests::eventually::eventually;
use rekey_tests::helm;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::fixture::queue::Queue;
use crate::fixture::{self, Values};
use rights::Account;

const SOON: Duration = Duration::from_mins(1);
/// The release, its namespace, its controller class, its queue and the ClusterSecretStore.
const NAME: &str = "within";
/// It works in the first two.
const A: &str = "within-a";
const B: &str = "within-b";
const C: &str = "within-c";
const AUTO: &str = "within.example/auto";

/// What the agent does in each of its namespaces.
const WORK: [&str; 15] = [
    "get secrets",
    "list secrets",
    "watch secrets",
    "create secrets",
    "update secrets",
    "delete secrets",
    "list externalsecrets.external-secrets.io",
    "patch externalsecrets.external-secrets.io",
    "patch externalsecrets/status.external-secrets.io",
    "patch secretstores/status.external-secrets.io",
    "list configmaps",
    "list serviceaccounts",
    "patch deployments.apps",
    "create jobs.batch",
    "create events.events.k8s.io",
];

/// What it does nowhere.
const NEVER: [&str; 7] = [
    "create externalsecrets.external-secrets.io",
    "delete externalsecrets.external-secrets.io",
    "patch namespaces",
    "delete deployments.apps",
    "create serviceaccounts/token",
    "patch clustersecretstores/status.external-secrets.io",
    "patch clusterexternalsecrets.external-secrets.io",
];

/// What it needs to serve ClusterSecretStores, and has nowhere but in the cluster as a whole.
const STORES: [&str; 5] = [
    "get clustersecretstores.external-secrets.io",
    "list clustersecretstores.external-secrets.io",
    "watch clustersecretstores.external-secrets.io",
    "list namespaces within-a",
    "watch namespaces within-b",
];

struct Place {
    stack: &'static Stack,
    values: &'static Values,
    chart: Value,
    deployment: String,
    account: Account,
}

impl Place {
    /// Makes the queue, the identity and the namespaces, and installs the chart.
    async fn create() -> (Self, [App; 3]) {
        let (stack, shared, values) = fixture::rekey().await;
        let queue = Queue::create(stack, NAME).await;
        let user = stack.aws.create_user(NAME, shared.deployed.output("AgentPolicyArn").unwrap()).await.unwrap();
        let mut statement = queue.statement.clone();
        statement["Effect"] = json!("Allow");
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let put = ["iam", "put-user-policy", "--user-name", NAME, "--policy-name", NAME, "--policy-document", &policy];
        stack.aws.cli(&put).await.unwrap();
        let mut apps = Vec::new();
        for namespace in [A, B, C] {
            apps.push(App::create(stack, namespace).await.unwrap());
        }
        let apps = apps.try_into().unwrap_or_else(|_| panic!("there are three"));

        let mut chart = helm::values(&stack.aws, Some(&user), &queue.url);
        chart["namespaces"] = json!([A, B]);
        chart["controllerClass"] = json!(NAME);
        chart["crds"] = json!({"install": false});
        chart["reloader"] = json!({"custom_annotations": {"auto": AUTO}});
        chart["minRestartInterval"] = json!("0s");
        chart["logLevel"] = json!("debug");
        helm::install(stack, NAME, NAME, &chart).await.unwrap();
        let client = stack.kubernetes.client().await.unwrap();
        let deployment = helm::deployment(stack, NAME, NAME).await.unwrap();
        let own = App { namespace: NAME.to_owned(), client: client.clone() };
        let pod = own.workload(&deployment).await.unwrap().spec.unwrap().template.spec.unwrap();
        let account = Account { client, namespace: NAME.to_owned(), name: pod.service_account_name.unwrap() };
        (Self { stack, values, chart, deployment, account }, apps)
    }

    async fn agent(&self) -> Agent {
        let agent = Agent::start(self.stack, NAME, &self.deployment, &Way::default()).await.unwrap();
        agent.ready(SOON).await.unwrap();
        agent
    }

    /// A new value in AWS.
    async fn changed(&self, key: &str) -> String {
        let value = self.values.fresh();
        self.stack.aws.put_secret(key, &value).await.unwrap();
        value
    }
}

/// A SecretStore of the class, an ExternalSecret that uses it, and a Deployment that is to be restarted. Returns the value.
async fn deploy(place: &Place, app: &App) -> String {
    let (namespace, value) = (&app.namespace, place.values.fresh());
    let key = format!("{namespace}/db");
    place.stack.aws.create_secret(&key, &value).await.unwrap();
    synced(app, &key).await;
    app.deployment("web", &format!("{{{AUTO}: 'true'}}"), "db").await.unwrap();
    value
}

/// A SecretStore of the class, and an ExternalSecret that uses it.
async fn synced(app: &App, key: &str) {
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: own}}
spec: {{controller: {NAME}, provider: {{aws: {{service: SecretsManager, region: {REGION}}}}}}}"
    ))
    .await
    .unwrap();
    external_secret(app, "db", "{name: own}", key).await;
}

async fn external_secret(app: &App, name: &str, store: &str, key: &str) {
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec:
  refreshInterval: 1h
  secretStoreRef: {store}
  data: [{{secretKey: value, remoteRef: {{key: {key}}}}}]"
    ))
    .await
    .unwrap();
}

/// A ClusterSecretStore of the class for namespaces with the label `team: within`.
async fn cluster_store(app: &App) {
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {{name: {NAME}}}
spec:
  controller: {NAME}
  conditions: [{{namespaceSelector: {{matchLabels: {{team: within}}}}}}]
  provider: {{aws: {{service: SecretsManager, region: {REGION}}}}}"
    ))
    .await
    .unwrap();
}

async fn label(app: &App) {
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    let patch = Patch::Merge(json!({"metadata": {"labels": {"team": "within"}}}));
    namespaces.patch(&app.namespace, &PatchParams::default(), &patch).await.unwrap();
}

/// A change of the application's source reaches its target and restarts its workload.
async fn follows(place: &Place, app: &App) {
    app.has_baseline("web", SOON).await.unwrap();
    let generation = app.settled("web", SOON).await.unwrap();
    let value = place.changed(&format!("{}/db", app.namespace)).await;
    app.holds("db", "value", &value, SOON).await.unwrap();
    fixture::restarted(app, "web", generation).await;
}

#[tokio::test]
async fn with_namespaces_the_agent_works_in_these_and_can_do_nothing_elsewhere() {
    let (mut place, [a, b, c]) = Place::create().await;
    let account = &place.account;
    let none = Vec::<String>::new();
    for namespace in [A, B] {
        assert_eq!(account.otherwise(&WORK, namespace, true).await, none);
        assert_eq!(account.otherwise(&NEVER, namespace, false).await, none);
    }
    for namespace in [C, ""] {
        assert_eq!(account.otherwise(&WORK, namespace, false).await, none);
        assert_eq!(account.otherwise(&NEVER, namespace, false).await, none);
    }
    assert_eq!(account.otherwise(&STORES, "", true).await, none);
    let beyond = ["list namespaces", "get namespaces within-c", "list clusterexternalsecrets.external-secrets.io"];
    assert_eq!(account.otherwise(&beyond, "", false).await, none);

    let mut values = Vec::new();
    for app in [&a, &b, &c] {
        values.push(deploy(&place, app).await);
    }
    cluster_store(&a).await;
    label(&a).await;
    let shared = place.values.fresh();
    place.stack.aws.create_secret("within/shared", &shared).await.unwrap();
    let store = format!("{{name: {NAME}, kind: ClusterSecretStore}}");
    for app in [&a, &b] {
        external_secret(app, "shared", &store, "within/shared").await;
    }
    let agent = place.agent().await;
    for (app, value) in [(&a, &values[0]), (&b, &values[1])] {
        app.holds("db", "value", value, SOON).await.unwrap();
        app.condition("db", "True", "", SOON).await.unwrap();
        follows(&place, app).await;
    }
    // Labels of its namespaces decide who may use a ClusterSecretStore, and are followed.
    a.holds("shared", "value", &shared, SOON).await.unwrap();
    b.condition("shared", "False", "", SOON).await.unwrap();
    label(&b).await;
    b.holds("shared", "value", &shared, SOON).await.unwrap();
    assert!(c.object("db").await.unwrap().status.is_none_or(|status| status.conditions.is_empty()));
    assert!(c.secret("db").await.is_err(), "a target where the agent has no right");
    let stores: Api<rekey_core::resource::ClusterSecretStore> = Api::all(a.client.clone());
    assert!(stores.get(NAME).await.unwrap().status.is_none(), "its status is nobody's who has some namespaces only");

    // Without the reader of ClusterSecretStores nothing outside of the namespaces is left.
    place.chart["clusterStores"] = json!(false);
    helm::upgrade(place.stack, NAME, NAME, &place.chart).await.unwrap();
    agent.stop(SOON);
    drop(agent);
    let account = &place.account;
    assert_eq!(account.otherwise(&STORES, "", false).await, none);
    assert_eq!(account.otherwise(&WORK, A, true).await, none);
    let agent = place.agent().await;
    let unseen = place.changed("within/shared").await;
    follows(&place, &a).await;
    let held = a.secret("shared").await.unwrap().data.unwrap()["value"].clone();
    assert!(held.0 == shared.as_bytes() && unseen != shared, "an object of a ClusterSecretStore was synced");
    agent.check().unwrap();
    place.values.are_not_in("the agent's log", &agent.log().text_since(Mark::default()).unwrap());
    a_namespace_that_goes_does_no_harm(&place, &agent, &a).await;
}

/// Whoever deletes a namespace deletes the agent's role in it, and must not stop it for the others.
async fn a_namespace_that_goes_does_no_harm(place: &Place, agent: &Agent, a: &App) {
    let namespaces: Api<Namespace> = Api::all(a.client.clone());
    namespaces.delete(B, &DeleteParams::default()).await.unwrap();
    eventually("the namespace to be gone", SOON, async || {
        ensure!(namespaces.get_opt(B).await?.is_none(), "it is still there");
        Ok(())
    })
    .await
    .unwrap();
    follows(place, a).await;
    agent.restart().await.unwrap();
    agent.ready(SOON).await.unwrap();
    follows(place, a).await;

    // When it is there again, with the role in it, the agent begins anew.
    let again = App::create(place.stack, B).await.unwrap();
    let value = place.changed(&format!("{B}/db")).await;
    helm::upgrade(place.stack, NAME, NAME, &place.chart).await.unwrap();
    eventually("the agent to end", SOON, async || {
        ensure!(agent.check().is_err(), "it still runs");
        Ok(())
    })
    .await
    .unwrap();
    agent.restart().await.unwrap();
    agent.ready(SOON).await.unwrap();
    synced(&again, &format!("{B}/db")).await;
    again.holds("db", "value", &value, SOON).await.unwrap();
}
