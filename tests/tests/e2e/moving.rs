//! docs/migration.md, command by command, on a stack of its own: from External Secrets Operator 0.9 and Reloader to Rekey, and back.
//! Before that, on the same cluster as long as it is empty: the chart's upgrade and its end (`upgraded`).
//!
//! ESO's chart and its objects are stand-ins, written after its sources: `moving/eso`, and `migration/eso-0.9.yaml` with the finalizer of
//! later versions. Definitions serve v1alpha1 and v1beta1 and convert by a webhook that nobody answers.

mod upgraded;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use rekey_core::resource::crd::crds;
use rekey_tests::agent::{Agent, Way};
use rekey_tests::app::App;
use rekey_tests::aws::Request;
use rekey_tests::cache::write_private;
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use rekey_tests::process::Spec;
use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack};
use rekey_tests::{documentation, helm, keyboard, repository};
use serde_json::json;

use crate::companion::eso::kind;
use crate::fixture::queue::Queue;
use crate::migration;

const SOON: Duration = Duration::from_mins(1);
const REKEY: &str = "rekey-system";
const PAGE: &str = "docs/migration.md";
/// In versions of ESO that hold objects up until it has cleaned up after them.
const FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";

/// Who follows the page.
struct Desk {
    stack: Stack,
    chart: String,
    values: String,
}

impl Desk {
    fn shell(&self, commands: &str) -> Spec {
        keyboard::shell(&self.stack, commands, commands)
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1,localhost")
    }

    /// Runs a block of the page, and returns what it prints.
    async fn follow(&self, page: &str, name: &str) -> String {
        let words = [("ESO_CHART", self.chart.as_str()), ("VALUES_FILE", self.values.as_str())];
        self.follow_with(page, name, &words).await
    }

    async fn follow_with(&self, page: &str, name: &str, words: &[(&str, &str)]) -> String {
        let block = documentation::block(page, name).unwrap();
        self.shell(&documentation::filled(&block, words)).stdout().await.unwrap()
    }

    /// The agent as its Deployment now says.
    async fn agent(&self) -> Agent {
        let deployment = helm::deployment(&self.stack, "rekey", REKEY).await.unwrap();
        let agent = Agent::start(&self.stack, REKEY, &deployment, &Way::default()).await.unwrap();
        agent.ready(SOON).await.unwrap();
        agent
    }
}

/// ESO's chart with the definitions of its time.
fn eso_chart(directory: &Path) -> PathBuf {
    let (from, to) = (repository().join("tests/tests/e2e/moving/eso"), directory.join("eso"));
    for folder in ["templates", "files/crds"] {
        std::fs::create_dir_all(to.join(folder)).unwrap();
    }
    for file in
        ["Chart.yaml", "values.yaml", "templates/crds.yaml", "templates/deployments.yaml", "templates/webhooks.yaml"]
    {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    for mut crd in crds() {
        crd.spec.versions.retain(|version| version.name == "v1beta1");
        crd.spec.versions[0].storage = true;
        let mut oldest = crd.spec.versions[0].clone();
        (oldest.name, oldest.storage) = ("v1alpha1".to_owned(), false);
        crd.spec.versions.push(oldest);
        let file = to.join("files/crds").join(format!("{}.yaml", crd.name_any()));
        std::fs::write(file, serde_json::to_string(&crd).unwrap()).unwrap();
    }
    to
}

/// A queue that hears of secrets, and the chart's values for an agent that may read them.
async fn values(stack: &Stack) -> serde_json::Value {
    let queue = Queue::create(stack, "moving").await;
    let may = json!({"Action": ["sqs:*", "secretsmanager:*", "ssm:*"], "Resource": "*"});
    let user = stack.aws.create_user_with("moving", &may).await.unwrap();
    helm::values(&stack.aws, Some(&user), &queue.url)
}

const STORES: &str = "apiVersion: external-secrets.io/v1beta1
kind: SecretStore
metadata: {name: aws}
spec: {provider: {aws: {service: SecretsManager, region: us-east-1}}}";

fn fence(name: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {{name: {name}}}
spec: {{secretStoreRef: {{name: aws}}, data: [{{secretKey: value, remoteRef: {{key: migration/database, property: username}}}}]}}"
    )
}

/// All that would change if a target were written or a workload restarted.
async fn targets(app: &App) -> Vec<(String, String)> {
    migration::versions(app).await.into_iter().filter(|(name, _)| !name.starts_with("fence")).collect()
}

#[tokio::test]
async fn the_chart_s_upgrade_and_end_and_every_command_of_the_migration_page_there_and_back() {
    let options = Options { purpose: "tests".to_owned(), ..Options::default() };
    let stack = Box::pin(Stack::start(options, &Progress::stderr())).await.unwrap();
    let file = stack.directory().join("values.json");
    write_private(&file, &values(&stack).await.to_string()).unwrap();
    let chart = eso_chart(stack.directory()).display().to_string();
    let desk = Desk { chart, values: file.display().to_string(), stack };
    upgraded::from_the_previous_chart(&desk).await;
    upgraded::installed_by_hand(&desk).await;
    let app = eso_s_cluster(&desk).await;
    let before = targets(&app).await;
    assert!(!before.is_empty());

    let seen = desk.follow(PAGE, "look").await;
    assert!(seen.contains("v1beta1 v1alpha1 [\"v1beta1\"] Webhook") && seen.contains("old"), "{seen}");
    assert_eq!(desk.follow(PAGE, "keep").await.lines().last(), Some("4"), "of the four definitions");

    desk.follow(PAGE, "companion").await;
    let companion = desk.agent().await;
    companion.check().unwrap();
    drop(companion);
    webhooks_are_dead(&desk).await;

    let asked = desk.stack.aws.requests().mark();
    desk.follow(PAGE, "standalone").await;
    let agent = desk.agent().await;
    looked_at(&desk, &app, asked, "fence").await;
    assert_eq!(targets(&app).await, before, "a target was written");

    desk.follow(PAGE, "remove").await;
    assert_eq!(targets(&app).await, before);
    held_up_by_nobody(&app).await;

    let seen = desk.follow(PAGE, "adopt").await;
    assert!(seen.lines().last().unwrap().contains("v1 v1beta1"), "{seen}");
    assert_eq!(targets(&app).await, before);
    rotation_arrives(&desk, &app).await;
    let before = targets(&app).await;

    drop(agent);
    desk.follow(PAGE, "back").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(app.client.clone());
    assert_eq!(definitions.list(&ListParams::default()).await.unwrap().items.len(), 4);
    kind(&app.client, "ExternalSecret", Some(&app.namespace)).get("old").await.expect("the ExternalSecret stays");
    assert_eq!(targets(&app).await, before);
    stays(&app).await;
}

/// ESO's release with its objects, and Reloader's Deployment.
async fn eso_s_cluster(desk: &Desk) -> App {
    let install = format!(
        "helm install external-secrets {} --namespace external-secrets --create-namespace --set webhook.create=false
         kubectl create namespace reloader
         kubectl --namespace reloader create deployment reloader --image stand-in
         kubectl wait crd --all --for condition=Established --timeout 60s",
        desk.chart
    );
    desk.shell(&install).run().await.unwrap();
    let app = App { namespace: "migration".to_owned(), client: desk.stack.kubernetes.client().await.unwrap() };
    app.apply("{apiVersion: v1, kind: Namespace, metadata: {name: migration}}").await.unwrap();
    app.apply(STORES).await.unwrap();
    migration::sources(&desk.stack).await;
    for mut object in migration::left("eso-0.9.yaml") {
        object.external_secret["metadata"]["finalizers"] = json!([FINALIZER]);
        object.restore(&app).await;
    }
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "old").await.unwrap();
    app.settled("user", SOON).await.unwrap();
    app
}

/// From now on nobody answers ESO's webhooks, as when it is scaled to zero.
async fn webhooks_are_dead(desk: &Desk) {
    let on = "--namespace external-secrets --reuse-values --set webhook.create=true";
    desk.shell(&format!("helm upgrade external-secrets {} {on}", desk.chart)).run().await.unwrap();
}

/// Waits until the agent has compared the source, and has synced an object that was made after that.
async fn looked_at(desk: &Desk, app: &App, since: Mark, name: &str) {
    let compared = |one: &Request| {
        let about = one.resource.as_deref().unwrap_or_default();
        one.action == "ListSecrets" || (one.action == "DescribeSecret" && about.contains("migration/database"))
    };
    desk.stack.aws.requests().wait_for("migration/database", since, SOON, compared).await.unwrap();
    app.apply(&fence(name)).await.unwrap();
    app.holds(name, "value", "app", SOON).await.unwrap();
}

/// ESO's finalizer is taken off an object that is deleted.
async fn held_up_by_nobody(app: &App) {
    let name = "fence-held";
    app.apply(&fence(name).replace("metadata: {", &format!("metadata: {{finalizers: ['{FINALIZER}'], ")))
        .await
        .unwrap();
    app.holds(name, "value", "app", SOON).await.unwrap();
    let objects = kind(&app.client, "ExternalSecret", Some(&app.namespace));
    objects.delete(name, &DeleteParams::default()).await.unwrap();
    eventually("the deleted object to be gone", SOON, async || {
        ensure!(objects.get_opt(name).await?.is_none(), "it is held up");
        Ok(())
    })
    .await
    .unwrap();
}

/// A rotation arrives, and the workload is restarted once.
async fn rotation_arrives(desk: &Desk, app: &App) {
    app.has_baseline("user", SOON).await.unwrap();
    let generation = app.settled("user", SOON).await.unwrap();
    let rotated = json!({"username": "app", "password": "rotated-by-rekey"}).to_string();
    desk.stack.aws.put_secret("migration/database", &rotated).await.unwrap();
    app.holds("old", "DB_PASSWORD", "rotated-by-rekey", SOON).await.unwrap();
    crate::fixture::restarted(app, "user", generation).await;
}

/// What Rekey leaves behind, as the page says.
async fn stays(app: &App) {
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    namespaces.get(REKEY).await.expect("the namespace stays");
    let secrets: Api<Secret> = Api::namespaced(app.client.clone(), REKEY);
    let names: Vec<String> =
        secrets.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["rekey-hash-key"]);
}
