//! Changes by hand, in each way that people make them, reach the target and restart exactly what uses it.

use std::time::Duration;

use rekey_tests::app::App;
use rekey_tests::stack::Stack;

use crate::fixture::{self, Pipe, Values};

const SOON: Duration = Duration::from_secs(30);

/// A new value, which must never be seen in a log.
fn value(values: &Values) -> String {
    // Characters that look different in JSON, URLs and base64.
    let value = format!("{}/\"+ é&{}", rekey_tests::random_word(12), rekey_tests::random_word(12));
    values.add(&value);
    value
}

/// An application with one ExternalSecret, one Deployment that uses it and one that does not.
async fn deploy(stack: &Stack, namespace: &str, store: &str, key: &str, first: &str) -> (App, [i64; 2]) {
    let app = App::create(stack, namespace).await.unwrap();
    app.external_secret("settings", store, key, None).await.unwrap();
    app.holds("settings", "value", first, SOON).await.unwrap();
    app.deployment("user", "{reloader.stakater.com/auto: 'true'}", "settings").await.unwrap();
    app.deployment("bystander", "{reloader.stakater.com/auto: 'true'}", "other").await.unwrap();
    app.has_baseline("user", SOON).await.unwrap();
    let generations = [app.settled("user", SOON).await.unwrap(), app.settled("bystander", SOON).await.unwrap()];
    (app, generations)
}

async fn arrived(app: &App, [user, bystander]: [i64; 2], expected: &str) {
    app.holds("settings", "value", expected, SOON).await.unwrap();
    fixture::restarted(app, "user", user).await;
    assert_eq!(app.settled("bystander", SOON).await.unwrap(), bystander);
}

#[tokio::test]
async fn put_secret_value_and_update_secret() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (first, second, third) = (value(values), value(values), value(values));
    stack.aws.create_secret("changes/by-hand", &first).await.unwrap();
    let (app, [user, bystander]) = deploy(stack, "changes-by-hand", "aws", "changes/by-hand", &first).await;

    stack.aws.put_secret("changes/by-hand", &second).await.unwrap();
    arrived(&app, [user, bystander], &second).await;

    let update = ["secretsmanager", "update-secret", "--secret-id", "changes/by-hand", "--secret-string", &third];
    stack.aws.cli(&update).await.unwrap();
    arrived(&app, [user + 1, bystander], &third).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn put_parameter() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (first, second) = (value(values), value(values));
    let name = "/changes/parameter";
    let put = ["ssm", "put-parameter", "--name", name, "--type", "SecureString", "--value", &first];
    stack.aws.cli(&put).await.unwrap();
    let (app, generations) = deploy(stack, "changes-parameter", "parameters", name, &first).await;

    let put = ["ssm", "put-parameter", "--name", name, "--value", &second, "--overwrite"];
    stack.aws.cli(&put).await.unwrap();
    arrived(&app, generations, &second).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn search_and_match_go_through_the_template() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (first, second) = (value(values), value(values));
    stack.aws.create_secret("changes/matched", &first).await.unwrap();
    let app = App::create(stack, "changes-matched").await.unwrap();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: source}
spec:
  secretStoreRef: {name: aws, kind: SecretStore}
  target:
    name: settings
    template:
      metadata: {annotations: {reloader.stakater.com/match: 'true'}}
      data: {text: 'it is {{ .value }}'}
  data: [{secretKey: value, remoteRef: {key: changes/matched}}]",
    )
    .await
    .unwrap();
    app.holds("settings", "text", &format!("it is {first}"), SOON).await.unwrap();
    app.deployment("searches", "{reloader.stakater.com/search: 'true'}", "settings").await.unwrap();
    app.has_baseline("searches", SOON).await.unwrap();
    let generation = app.settled("searches", SOON).await.unwrap();

    stack.aws.put_secret("changes/matched", &second).await.unwrap();
    app.holds("settings", "text", &format!("it is {second}"), SOON).await.unwrap();
    fixture::restarted(&app, "searches", generation).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn force_sync_reads_again_at_once() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let first = value(values);
    stack.aws.create_secret("changes/forced", &first).await.unwrap();
    let app = App::create(stack, "changes-forced").await.unwrap();
    app.external_secret("settings", "aws", "changes/forced", None).await.unwrap();
    app.holds("settings", "value", &first, SOON).await.unwrap();
    app.condition("settings", "True", "secret synced", SOON).await.unwrap();
    let written = app.secret("settings").await.unwrap();

    let mark = stack.aws.requests().mark();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: settings, annotations: {force-sync: '1'}}
spec:
  secretStoreRef: {name: aws}
  data: [{secretKey: value, remoteRef: {key: changes/forced}}]",
    )
    .await
    .unwrap();
    let asked = "GetSecretValue of the forced secret";
    stack
        .aws
        .requests()
        .wait_for(asked, mark, SOON, |request| {
            request.action == "GetSecretValue"
                && request.principal.as_deref() == Some(rekey.user.access_key.as_str())
                && request.resource.as_deref() == Some("changes/forced")
        })
        .await
        .unwrap();
    let after = app.secret("settings").await.unwrap();
    assert_eq!(after.data, written.data);
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_secret_that_somebody_edits_or_deletes_is_restored() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let first = value(values);
    stack.aws.create_secret("changes/edited", &first).await.unwrap();
    let app = App::create(stack, "changes-edited").await.unwrap();
    app.external_secret("settings", "aws", "changes/edited", None).await.unwrap();
    let written = app.holds("settings", "value", &first, SOON).await.unwrap();
    let owners = written.metadata.owner_references.unwrap();
    assert_eq!((owners[0].kind.as_str(), owners[0].controller), ("ExternalSecret", Some(true)));

    let edit = "{apiVersion: v1, kind: Secret, metadata: {name: settings}, stringData: {value: tampered}}";
    app.apply(edit).await.unwrap();
    app.holds("settings", "value", &first, SOON).await.unwrap();

    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(app.client.clone(), &app.namespace);
    secrets.delete("settings", &kube::api::DeleteParams::default()).await.unwrap();
    app.holds("settings", "value", &first, SOON).await.unwrap();
    values.are_in_no_log(stack, rekey);
}
