//! A release of the chart from its predecessor to its end, by the commands of docs/install.md: the definitions are upgraded with it,
//! and what stays afterwards is what the page says.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::discovery::{ApiGroup, Discovery, verbs};
use kube::{Api, Client, ResourceExt};
use rekey_tests::app::App;
use rekey_tests::cache::write_private;
use rekey_tests::chart::QUEUE_URL;
use rekey_tests::eventually::eventually;
use rekey_tests::{helm, repository};
use serde_json::{Value, json};

use super::{Desk, REKEY, SOON, STORES};
use crate::companion::eso::kind;

const PAGE: &str = "docs/install.md";
const NAMESPACE: &str = "upgraded";
/// A field of ExternalSecrets that the previous chart's definitions do not know.
const NEW_FIELD: &str = "refreshPolicy";

/// Leaves the cluster as it was, without definitions.
pub(super) async fn from_the_previous_chart(desk: &Desk) {
    let app = App { namespace: NAMESPACE.to_owned(), client: desk.stack.kubernetes.client().await.unwrap() };
    app.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}")).await.unwrap();
    let before = everything(&app.client).await.unwrap();

    let install = format!(
        "helm install rekey {} --namespace rekey-system --create-namespace --values {} --set replicas=2
         kubectl wait crd --all --for condition=Established --timeout 60s",
        previous_chart(desk).await,
        desk.values
    );
    desk.shell(&install).run().await.unwrap();
    desk.stack.aws.create_secret("upgraded/db", "as-it-was").await.unwrap();
    app.apply(STORES).await.unwrap();
    app.external_secret("db", "aws", "upgraded/db", None).await.unwrap();
    let agent = desk.agent().await;
    app.holds("db", "value", "as-it-was", SOON).await.unwrap();
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "db").await.unwrap();
    app.has_baseline("user", SOON).await.unwrap();
    app.settled("user", SOON).await.unwrap();
    keeps_the_new_field(&app).await.expect_err("the previous definitions keep it, too");

    agent.stop(SOON);
    desk.follow(PAGE, "upgrade").await;
    eventually("the API server to know the new field", SOON, async || keeps_the_new_field(&app).await).await.unwrap();
    let agent = desk.agent().await;
    let generation = app.settled("user", SOON).await.unwrap();
    desk.stack.aws.put_secret("upgraded/db", "as-it-is").await.unwrap();
    app.holds("db", "value", "as-it-is", SOON).await.unwrap();
    crate::fixture::restarted(&app, "user", generation).await;

    agent.stop(SOON);
    // From here on: the alerts would go to Slack.
    desk.follow("docs/alerts.md", "alerts").await;
    let deployment = App { namespace: REKEY.to_owned(), client: app.client.clone() }.workload("rekey").await.unwrap();
    let pod = serde_json::to_value(deployment.spec.unwrap().template.spec).unwrap();
    assert!(
        pod["containers"][0]["env"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "REKEY_ALERT_SINK", "value": "slack"}))
    );
    desk.shell("kubectl --namespace rekey-system delete secret rekey-alerts").run().await.unwrap();
    let objects = versions(&app).await;
    desk.follow(PAGE, "uninstall").await;
    remains(&app.client, &before, &documented()).await;
    assert_eq!(versions(&app).await, objects, "an object of the application's was changed");

    desk.follow(PAGE, "remove").await;
    remains(&app.client, &before, &BTreeSet::new()).await;
}

/// The ways to an identity as the page has them, each until the API server has taken all that the chart makes.
pub(super) async fn installed_by_hand(desk: &Desk) {
    let aws = &desk.stack.aws;
    let trust =
        json!({"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]});
    let role = aws.create_role("by-hand", &trust, &json!({"Action": "sqs:*", "Resource": "*"})).await.unwrap();
    let cluster = ["eks", "create-cluster", "--name", "by-hand", "--role-arn", &role];
    aws.cli(&[&cluster[..], &["--resources-vpc-config", "subnetIds=s"]].concat()).await.unwrap();
    let key = desk.stack.directory().join("by-hand.key");
    write_private(&key, "example").unwrap();
    let key = key.display().to_string();
    let words = [
        ("QUEUE_URL", QUEUE_URL),
        ("ROLE_ARN", role.as_str()),
        ("EKS_CLUSTER", "by-hand"),
        ("ACCESS_KEY", "AKIAEXAMPLE"),
        ("KEY_FILE", key.as_str()),
    ];
    for name in ["static", "irsa", "pod-identity"] {
        desk.follow_with(PAGE, name, &words).await;
        helm::deployment(&desk.stack, "rekey", REKEY).await.unwrap();
        desk.follow(PAGE, "uninstall").await;
    }
    desk.follow(PAGE, "remove").await;
}

/// A package of the chart with an older version and older definitions.
async fn previous_chart(desk: &Desk) -> String {
    let folder = desk.stack.directory().join("previous");
    desk.shell(&format!("cp -r infra/chart {}", folder.display())).run().await.unwrap();
    edit(&folder.join("Chart.yaml"), |chart| chart["version"] = json!("0.0.1"));
    edit(&folder.join("files/crds/externalsecrets.yaml"), |crd| {
        for version in crd["spec"]["versions"].as_array_mut().unwrap() {
            let spec = version.pointer_mut("/schema/openAPIV3Schema/properties/spec/properties").unwrap();
            spec.as_object_mut().unwrap().remove(NEW_FIELD).expect("the field");
        }
    });
    let to = desk.stack.directory().display();
    desk.shell(&format!("helm package {} --destination {to}", folder.display())).run().await.unwrap();
    format!("{to}/rekey-0.0.1.tgz")
}

/// JSON is YAML, too.
fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(file, value.to_string()).unwrap();
}

/// The API server drops fields that a definition does not know.
async fn keeps_the_new_field(app: &App) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": {NEW_FIELD: "Periodic"}}));
    let objects = kind(&app.client, "ExternalSecret", Some(NAMESPACE));
    let object = objects.patch("db", &PatchParams::default(), &patch).await?;
    ensure!(object.data["spec"][NEW_FIELD] == "Periodic", "it was dropped");
    Ok(())
}

/// The application's objects, each with what a change of it would change.
async fn versions(app: &App) -> Vec<(String, Option<String>)> {
    let mut versions = Vec::new();
    for name in ["ExternalSecret", "SecretStore"] {
        let found = kind(&app.client, name, Some(NAMESPACE)).list(&ListParams::default()).await.unwrap();
        assert!(!found.items.is_empty(), "there is no {name}");
        versions.extend(found.items.iter().map(|one| (format!("{name} {}", one.name_any()), one.resource_version())));
    }
    versions.push(("Secret".to_owned(), app.secret("db").await.unwrap().resource_version()));
    versions.push(("Deployment".to_owned(), app.workload("user").await.unwrap().resource_version()));
    versions
}

/// Waits until this is what the cluster has beside what it had, and what the application has.
async fn remains(client: &Client, before: &BTreeSet<String>, expected: &BTreeSet<String>) {
    eventually(&format!("to be left: {expected:?}"), SOON, async || {
        let now = everything(client).await?;
        let left: BTreeSet<String> = now.difference(before).cloned().collect();
        ensure!(left == *expected, "{left:?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Kind and name of every object but the application's, Events, and what Kubernetes makes by itself: in its own namespaces, under
/// its own names, in each namespace, and for each definition.
async fn everything(client: &Client) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let discovery = Discovery::new(client.clone()).run().await?;
    for (resource, capabilities) in discovery.groups().flat_map(ApiGroup::recommended_resources) {
        if !capabilities.supports_operation(verbs::LIST) || ["Event", "APIService"].contains(&resource.kind.as_str()) {
            continue;
        }
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let list = objects.list(&ListParams::default()).await.with_context(|| format!("list {}", resource.plural))?;
        for object in list {
            let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
            let is_kubernetes = ["kube", "system:"].iter().any(|prefix| name.starts_with(prefix))
                || namespace.starts_with("kube-")
                || (resource.kind.as_str(), name.as_str()) == ("ServiceAccount", "default");
            if !is_kubernetes && namespace != NAMESPACE {
                names.insert(format!("{} {name}", resource.kind));
            }
        }
    }
    Ok(names)
}

/// What stays, as the page's table has it.
fn documented() -> BTreeSet<String> {
    let page = std::fs::read_to_string(repository().join(PAGE)).unwrap();
    let (_, table) = page.split_once("| what stays |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| ")).map(|row| &row[2..]);
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let named = |cell: &str| {
        let mut parts = cell.split('`');
        let kind = parts.next().unwrap_or_default().trim().to_owned();
        parts.step_by(2).map(move |name| format!("{kind} {name}")).collect::<Vec<_>>()
    };
    cells.flat_map(named).collect()
}
