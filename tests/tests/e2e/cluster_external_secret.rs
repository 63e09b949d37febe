//! A ClusterExternalSecret has one ExternalSecret in each namespace that it chooses, and leaves nothing behind.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use rekey_core::resource::{ClusterExternalSecret, ClusterExternalSecretStatus, ExternalSecret};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use serde_json::json;

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);
const FORCE_SYNC: &str = "external-secrets.io/force-sync";

/// A cluster with one ClusterExternalSecret.
struct Shared {
    app: App,
    name: &'static str,
}

impl Shared {
    async fn namespace(&self, name: &str, team: &str) {
        let manifest =
            format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{team: {team}}}}}}}");
        self.app.apply(&manifest).await.unwrap();
    }

    fn objects(&self) -> Api<ClusterExternalSecret> {
        Api::all(self.app.client.clone())
    }

    fn external_secrets(&self, namespace: &str) -> Api<ExternalSecret> {
        Api::namespaced(self.app.client.clone(), namespace)
    }

    async fn status(&self, what: &str, is: impl Fn(&ClusterExternalSecretStatus) -> bool) {
        let objects = self.objects();
        eventually(what, SOON, async || {
            let status = objects.get(self.name).await?.status.context("no status")?;
            ensure!(is(&status), "{status:?}");
            Ok(())
        })
        .await
        .unwrap();
    }

    async fn target(&self, namespace: &str, expected: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.app.client.clone(), namespace);
        eventually(&format!("the target in {namespace}"), SOON, async || {
            let secret = secrets.get("db").await?;
            ensure!(secret.data.unwrap_or_default().get("k").is_some_and(|held| held.0 == expected.as_bytes()));
            Ok(())
        })
        .await
        .unwrap();
    }

    async fn gone(&self, namespace: &str) {
        let (objects, secrets) = (self.external_secrets(namespace), self.app.client.clone());
        let secrets: Api<Secret> = Api::namespaced(secrets, namespace);
        eventually(&format!("nothing left in {namespace}"), SOON, async || -> Result<()> {
            ensure!(objects.get_opt("db").await?.is_none(), "the ExternalSecret is there");
            ensure!(secrets.get_opt("db").await?.is_none(), "the Secret is there");
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn it_is_repeated_where_it_is_asked_for_and_nowhere_else() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (first, second) = (values.fresh(), values.fresh());
    stack.aws.create_secret("repeated/db", &first).await.unwrap();
    let app = App::create(stack, "repeated").await.unwrap();
    let shared = Shared { app, name: "repeated" };
    for (name, team) in [("repeated-a", "x"), ("repeated-b", "x"), ("repeated-c", "y"), ("repeated-d", "x")] {
        shared.namespace(name, team).await;
    }
    let app = &shared.app;
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: repeated}
spec: {provider: {aws: {service: SecretsManager, region: us-east-1}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: repeated-d}
spec: {secretStoreRef: {name: none}, data: [{secretKey: k, remoteRef: {key: other}}]}
---
apiVersion: external-secrets.io/v1beta1
kind: ClusterExternalSecret
metadata: {name: repeated}
spec:
  externalSecretName: db
  externalSecretMetadata: {labels: {made-by: ces}}
  namespaceSelectors: [{matchLabels: {team: x, kubernetes.io/metadata.name: repeated-a}}, {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [repeated-b, repeated-d]}]}]
  externalSecretSpec:
    secretStoreRef: {name: repeated, kind: ClusterSecretStore}
    data: [{secretKey: k, remoteRef: {key: repeated/db}}]",
    )
    .await
    .unwrap();
    shared.target("repeated-a", &first).await;
    shared.target("repeated-b", &first).await;
    shared
        .status("two namespaces, and one that fails", |status| {
            status.provisioned_namespaces == ["repeated-a", "repeated-b"]
                && status.failed_namespaces.iter().any(|failed| {
                    failed.namespace == "repeated-d"
                        && failed.reason.as_deref() == Some("external secret already exists in namespace")
                })
                && status
                    .conditions
                    .iter()
                    .any(|one| one.status == "False" && one.message.as_deref() == Some("one or more namespaces failed"))
        })
        .await;
    let (_, metrics) = rekey.agent.get("/metrics").await.unwrap();
    let series = "clusterexternalsecret_status_condition{name=\"repeated\",namespace=\"\",condition=\"Ready\",status=\"False\"} 1";
    assert!(metrics.contains(series), "{metrics}");

    // The foreign one goes, a namespace is chosen, another is not any more, and an edit is put back.
    shared.external_secrets("repeated-d").delete("db", &DeleteParams::default()).await.unwrap();
    let edit = json!({"metadata": {"labels": {"made-by": "hand"}}});
    shared.external_secrets("repeated-a").patch("db", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    let choice = json!({"metadata": {"annotations": {FORCE_SYNC: "now"}}, "spec": {"namespaces": ["repeated-c"],
        "namespaceSelectors": [{"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["repeated-a", "repeated-d"]}]}]}});
    shared.objects().patch(shared.name, &PatchParams::default(), &Patch::Merge(choice)).await.unwrap();
    for namespace in ["repeated-a", "repeated-c", "repeated-d"] {
        shared.target(namespace, &first).await;
    }
    shared.gone("repeated-b").await;
    shared
        .status("three namespaces, and none that fails", |status| {
            status.provisioned_namespaces == ["repeated-a", "repeated-c", "repeated-d"]
                && status.failed_namespaces.is_empty()
                && status.conditions.iter().all(|one| one.status == "True" && one.message.is_none())
        })
        .await;
    for namespace in ["repeated-a", "repeated-c"] {
        let made = shared.external_secrets(namespace).get("db").await.unwrap();
        assert_eq!(made.metadata.labels.unwrap_or_default().get("made-by").map(String::as_str), Some("ces"));
        assert_eq!(made.metadata.annotations.unwrap_or_default().get(FORCE_SYNC).map(String::as_str), Some("now"));
    }

    // One rotation reaches all of them.
    stack.aws.put_secret("repeated/db", &second).await.unwrap();
    for namespace in ["repeated-a", "repeated-c", "repeated-d"] {
        shared.target(namespace, &second).await;
    }

    // What External Secrets Operator left on it and on its namespaces holds nothing up.
    let finalizers =
        json!({"metadata": {"finalizers": ["externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"]}});
    shared.objects().patch(shared.name, &PatchParams::default(), &Patch::Merge(finalizers)).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    let finalizers = json!({"metadata": {"finalizers": ["externalsecrets.external-secrets.io/ces-repeated"]}});
    for name in ["repeated-a", "repeated-c"] {
        namespaces.patch(name, &PatchParams::default(), &Patch::Merge(&finalizers)).await.unwrap();
    }
    namespaces.delete("repeated-c", &DeleteParams::default()).await.unwrap();
    eventually("a namespace to be gone", SOON, async || {
        ensure!(namespaces.get_opt("repeated-c").await?.is_none(), "it is there");
        Ok(())
    })
    .await
    .unwrap();
    shared.objects().delete(shared.name, &DeleteParams::default()).await.unwrap();
    eventually("it to be gone", SOON, async || {
        ensure!(shared.objects().get_opt(shared.name).await?.is_none(), "it is there");
        let held = namespaces.get("repeated-a").await?.metadata.finalizers.unwrap_or_default();
        ensure!(held.is_empty(), "{held:?}");
        Ok(())
    })
    .await
    .unwrap();
    shared.gone("repeated-a").await;
    shared.gone("repeated-d").await;
    values.are_in_no_log(stack, rekey);
}
