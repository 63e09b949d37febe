//! A cluster with an older External Secrets Operator, which serves v1beta1 only: Rekey as its companion first, and then in its
//! place.

pub(crate) mod eso;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Secret};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use rekey_core::resource::crd::crds;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::fault::queue::Queue;
use rekey_tests::installation::{Installation, Options};
use rekey_tests::progress::Progress;
use rekey_tests::stack::{self, Stack};
use serde_json::{Value, json};

use crate::fixture::{self, HEARTBEAT_MINUTES, HEARTBEAT_PERIOD, TIME_FACTOR, Values};
use eso::{Means, VERSION, kind};

const SOON: Duration = Duration::from_secs(30);
const FORCE_SYNC: &str = "external-secrets.io/force-sync";

const OBJECTS: &str = "apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata: {name: aws}
spec: {provider: {aws: {service: SecretsManager, region: us-east-1}}}
---
apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata: {name: parameters}
spec: {provider: {aws: {service: ParameterStore, region: us-east-1}}}
---
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: db}
spec: {secretStoreRef: {name: aws, kind: ClusterSecretStore}, data: [{secretKey: value, remoteRef: {key: older/db}}]}
---
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: never}
spec: {refreshInterval: '0', secretStoreRef: {name: aws, kind: ClusterSecretStore}, data: [{secretKey: value, remoteRef: {key: older/db}}]}
---
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: parameter}
spec: {secretStoreRef: {name: parameters, kind: ClusterSecretStore}, data: [{secretKey: value, remoteRef: {key: /older/parameter}}]}
---
apiVersion: external-secrets.io/v1beta1
kind: ClusterExternalSecret
metadata: {name: repeated}
spec:
  namespaces: [older-a, older-b]
  externalSecretSpec: {secretStoreRef: {name: aws, kind: ClusterSecretStore}, data: [{secretKey: value, remoteRef: {key: older/db}}]}";

/// The stack, with ESO's CRDs as they were.
async fn cluster() -> Result<Stack> {
    let aws = rekey_tests::aws::Options { time_factor: TIME_FACTOR, ..rekey_tests::aws::Options::default() };
    let options = stack::Options { purpose: "tests of a companion".to_owned(), aws, ..stack::Options::default() };
    let stack = Box::pin(Stack::start(options, &Progress::stderr())).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(stack.kubernetes.client().await?);
    for mut crd in crds() {
        crd.spec.versions.retain(|version| version.name == VERSION);
        crd.spec.versions[0].storage = true;
        definitions.create(&PostParams::default(), &crd).await?;
    }
    Ok(stack)
}

struct Cluster<'a> {
    stack: &'a Stack,
    app: App,
    elsewhere: [App; 2],
    rekey: &'a Installation,
}

impl Cluster<'_> {
    async fn marker(&self, kind_: &str, name: &str) -> Result<Option<String>> {
        let namespace = (kind_ == "ExternalSecret").then_some(self.app.namespace.as_str());
        let object = kind(&self.app.client, kind_, namespace).get(name).await?;
        Ok(object.metadata.annotations.unwrap_or_default().remove(FORCE_SYNC))
    }

    async fn is_marked(&self, kind: &str, name: &str, marker: &str) {
        eventually(&format!("{kind} {name} to be marked"), SOON, async || {
            let found = self.marker(kind, name).await?;
            ensure!(found.as_deref() == Some(marker), "{found:?}");
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Puts a value, and hands back the id of its version.
    async fn put(&self, value: &str) -> String {
        self.stack.aws.put_secret("older/db", value).await.unwrap()
    }

    async fn all_hold(&self, value: &str) {
        self.app.holds("db", "value", value, SOON).await.unwrap();
        for app in &self.elsewhere {
            app.holds("repeated", "value", value, SOON).await.unwrap();
        }
    }

    async fn warned(&self, name: &str, reason: &str) {
        let events: Api<Event> = Api::namespaced(self.app.client.clone(), &self.app.namespace);
        eventually(&format!("an Event {reason} about {name}"), SOON, async || {
            let all = events.list(&ListParams::default()).await?;
            let found = all.items.iter().find(|event| {
                event.involved_object.name.as_deref() == Some(name) && event.reason.as_deref() == Some(reason)
            });
            let about = found.context("there is none")?.involved_object.api_version.clone();
            ensure!(about.as_deref() == Some("external-secrets.io/v1beta1"), "it names {about:?}");
            Ok(())
        })
        .await
        .unwrap();
    }

    async fn count(&self, metric: &str, outcome: &str) -> u64 {
        let (_, text) = self.rekey.agent.get("/metrics").await.unwrap();
        let name = format!("rekey_{metric}_total{{outcome=\"{outcome}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).map(str::parse);
        value.transpose().unwrap().unwrap_or(0)
    }

    /// Waits until a message that says nothing has gone all the way, past those that were there before.
    async fn is_passed_by_another_message(&self, queue: &Queue) {
        let before = self.count("messages", "ignored").await;
        let nothing = json!({
            "version": "0", "id": rekey_tests::random_word(12), "detail-type": "Something Else", "source": "somebody",
            "account": rekey_tests::aws::ACCOUNT, "time": "2026-11-23T07:00:00Z", "region": rekey_tests::aws::REGION,
            "resources": [], "detail": {},
        });
        queue.send(&nothing.to_string()).await.unwrap();
        eventually("the message to be ignored", SOON, async || {
            ensure!(self.count("messages", "ignored").await > before, "it is not counted");
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn rekey_speeds_an_older_operator_up_and_then_takes_its_place() {
    let values = Values::default();
    let [first, second, third, fourth, fifth] = std::array::from_fn(|_| values.fresh());
    let stack = Box::pin(cluster()).await.unwrap();
    let client = stack.kubernetes.client().await.unwrap();
    stack.aws.create_secret("older/db", &first).await.unwrap();
    let put = ["ssm", "put-parameter", "--name", "/older/parameter", "--type", "SecureString", "--value", &first];
    stack.aws.cli(&put).await.unwrap();
    let app = |namespace: &str| App { namespace: namespace.to_owned(), client: client.clone() };
    let (main, elsewhere) = (app("older"), [app("older-a"), app("older-b")]);
    for app in [&main, &elsewhere[0], &elsewhere[1]] {
        let namespace = &app.namespace;
        app.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")).await.unwrap();
    }
    let means = Means {
        client: client.clone(),
        secrets_manager: aws_sdk_secretsmanager::Client::new(&stack.aws.sdk_config().await),
        parameters: std::sync::Arc::default(),
    };
    let parameter = |value: &str| {
        means.parameters.lock().unwrap().insert("/older/parameter".to_owned(), value.to_owned());
    };
    parameter(&first);
    main.apply(OBJECTS).await.unwrap();
    let eso = means.start();
    for name in ["db", "never", "parameter"] {
        main.holds(name, "value", &first, SOON).await.unwrap();
    }

    let options = Options {
        parameters: vec![("HeartbeatMinutes".to_owned(), HEARTBEAT_MINUTES.to_owned())],
        values: json!({
            "mode": "companion", "crds": {"install": false}, "logLevel": "trace", "heartbeatPeriod": HEARTBEAT_PERIOD,
            "minRestartInterval": "0s", "sweepInterval": "10m",
        }),
        ..Options::default()
    };
    let rekey = Box::pin(Installation::create(&stack, &options, &Progress::stderr())).await.unwrap();
    rekey.agent.ready(Duration::from_mins(1)).await.unwrap();
    let queue = Queue::of(&stack, &rekey.deployed).await.unwrap();
    main.deployment("user", "{reloader.stakater.com/auto: 'true'}", "db").await.unwrap();
    main.has_baseline("user", SOON).await.unwrap();
    let generation = main.settled("user", SOON).await.unwrap();
    let cluster = Cluster { stack: &stack, app: main, elsewhere, rekey: &rekey };

    // A change: ESO is told the version, once for the ClusterExternalSecret, and what uses the Secret is restarted.
    let version = cluster.put(&second).await;
    cluster.all_hold(&second).await;
    cluster.is_marked("ExternalSecret", "db", &version).await;
    cluster.is_marked("ClusterExternalSecret", "repeated", &version).await;
    fixture::restarted(&cluster.app, "user", generation).await;
    queue.drained(SOON).await.unwrap();
    // One that ESO never refreshes is left alone, and that is said.
    cluster.warned("never", "RefreshUnsupported").await;
    cluster.app.holds("never", "value", &first, SOON).await.unwrap();
    assert_eq!(cluster.marker("ExternalSecret", "never").await.unwrap(), None);

    // Of a parameter ESO is told the event.
    parameter(&second);
    let put = ["ssm", "put-parameter", "--name", "/older/parameter", "--overwrite", "--value", &second];
    stack.aws.cli(&put).await.unwrap();
    cluster.app.holds("parameter", "value", &second, SOON).await.unwrap();
    let event = cluster.marker("ExternalSecret", "parameter").await.unwrap().unwrap();
    assert!(event.len() == 36 && !event.contains('@'), "{event} is no id of an event");

    // While ESO is down the message is held; an agent that is killed does not forget it.
    queue.drained(SOON).await.unwrap();
    let followed = cluster.count("companion", "followed").await;
    drop(eso);
    let version = cluster.put(&third).await;
    cluster.is_marked("ExternalSecret", "db", &version).await;
    cluster.is_passed_by_another_message(&queue).await;
    let (_, held) = queue.counts().await.unwrap();
    assert!(held >= 1, "the message was acknowledged before ESO had followed");
    assert_eq!(cluster.count("companion", "followed").await, followed);
    rekey.agent.restart().await.unwrap();
    rekey.agent.ready(Duration::from_mins(1)).await.unwrap();
    let eso = means.start();
    cluster.all_hold(&third).await;
    queue.drained(Duration::from_secs(75)).await.unwrap();
    cluster.is_marked("ExternalSecret", "db", &version).await;

    // The companion wrote annotations, and nothing else of ESO's.
    for name in ["db", "never", "parameter"] {
        let object = kind(&client, "ExternalSecret", Some("older")).get(name).await.unwrap();
        assert_eq!(object.data["status"]["sourceVersions"], Value::Null);
        let managers = object.metadata.managed_fields.unwrap_or_default();
        let by_rekey = managers.iter().filter(|one| one.manager.as_deref() == Some("rekey"));
        let fields: Vec<_> = by_rekey.map(|one| json!(one.fields_v1).to_string()).collect();
        assert!(fields.iter().all(|fields| fields.matches("f:").count() == 3), "{fields:?}");
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "older");
    let managers = secrets.get("db").await.unwrap().metadata.managed_fields.unwrap_or_default();
    assert!(managers.iter().all(|one| one.manager.as_deref() == Some("external-secrets")), "{managers:?}");

    // Rekey in ESO's place, on the same objects in the same version. Only the flag changes, so the roles are the person's.
    drop(eso);
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let own = bindings.get(&rekey.deployment).await.unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": own.subjects,
    });
    bindings.patch("everything", &PatchParams::apply("tests"), &Patch::Apply(binding)).await.unwrap();
    rekey.agent.set_flags(&[("--mode".to_owned(), "standalone".to_owned())]);
    rekey.agent.restart().await.unwrap();
    rekey.agent.ready(Duration::from_mins(1)).await.unwrap();
    cluster.put(&fourth).await;
    cluster.all_hold(&fourth).await;
    cluster
        .app
        .apply("{apiVersion: external-secrets.io/v1beta1, kind: ExternalSecret, metadata: {name: new}, spec: {secretStoreRef: {name: aws, kind: ClusterSecretStore}, data: [{secretKey: value, remoteRef: {key: older/db}}]}}")
        .await
        .unwrap();
    let made = cluster.app.holds("new", "value", &fourth, SOON).await.unwrap();
    let owner = made.metadata.owner_references.unwrap_or_default().remove(0);
    assert_eq!((owner.api_version.as_str(), owner.kind.as_str()), ("external-secrets.io/v1beta1", "ExternalSecret"));
    cluster.app.apply("{apiVersion: v1, kind: Namespace, metadata: {name: older-c}}").await.unwrap();
    let wider = json!({"spec": {"namespaces": ["older-a", "older-b", "older-c"]}});
    kind(&client, "ClusterExternalSecret", None)
        .patch("repeated", &PatchParams::default(), &Patch::Merge(wider))
        .await
        .unwrap();
    app("older-c").holds("repeated", "value", &fourth, SOON).await.unwrap();
    let made = kind(&client, "ExternalSecret", Some("older-c")).get("repeated").await.unwrap();
    let owner = made.metadata.owner_references.unwrap_or_default().remove(0);
    assert_eq!(
        (owner.api_version.as_str(), owner.kind.as_str()),
        ("external-secrets.io/v1beta1", "ClusterExternalSecret")
    );
    cluster.put(&fifth).await;
    cluster.all_hold(&fifth).await;
    app("older-c").holds("repeated", "value", &fifth, SOON).await.unwrap();
    rekey.agent.check().unwrap();
    values.are_in_no_log(&stack, &rekey);
}
