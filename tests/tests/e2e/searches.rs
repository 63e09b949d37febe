//! `dataFrom.find`: what a search finds follows events, whether it was there before or not.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::stack::Stack;

use crate::absence::{keys, tell};
use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);
/// An event is carried in a fraction of a second; no sweep and no refreshInterval comes so soon.
const CARRIED: Duration = Duration::from_secs(5);

async fn put_parameter(stack: &Stack, name: &str, value: &str) {
    let put = ["ssm", "put-parameter", "--name", name, "--type", "SecureString", "--value", value, "--overwrite"];
    stack.aws.cli(&put).await.unwrap();
}

async fn find(app: &App, name: &str, store: &str, find: &str) {
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec:
  secretStoreRef: {{name: {store}}}
  target: {{deletionPolicy: Delete}}
  dataFrom: [{{find: {find}}}]"
    ))
    .await
    .unwrap();
}

async fn has_keys(app: &App, name: &str, expected: &[&str], within: Duration) {
    eventually(&format!("{name} to have {expected:?}"), within, async || {
        let keys = keys(app, name).await.unwrap_or_default();
        ensure!(keys == expected, "{keys:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn secrets_come_move_and_go_with_their_events() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (one, two, moved) = (values.fresh(), values.fresh(), values.fresh());
    let first = stack.aws.create_secret("searches/one", &one).await.unwrap();
    stack.aws.create_secret("searches-not/this", &values.fresh()).await.unwrap();
    let app = App::create(stack, "searches-secrets").await.unwrap();
    find(&app, "found", "aws", "{path: searches/, name: {regexp: '^searches/[a-z]+$'}}").await;
    app.holds("found", "searches_one", &one, SOON).await.unwrap();
    app.condition("found", "True", "secret synced", SOON).await.unwrap();

    // AWS itself sends no event for a creation or a deletion; the opt-in rule of CloudTrail does.
    let second = stack.aws.create_secret("searches/two", &two).await.unwrap();
    tell(stack, rekey, "CreateSecret", &second).await;
    app.holds("found", "searches_two", &two, CARRIED).await.unwrap();
    let no_match = stack.aws.create_secret("searches/2", &values.fresh()).await.unwrap();
    tell(stack, rekey, "CreateSecret", &no_match).await;
    stack.aws.put_secret("searches/one", &moved).await.unwrap();
    app.holds("found", "searches_one", &moved, CARRIED).await.unwrap();
    has_keys(&app, "found", &["searches_one", "searches_two"], SOON).await;

    stack.aws.cli(&["secretsmanager", "delete-secret", "--secret-id", &first]).await.unwrap();
    tell(stack, rekey, "DeleteSecret", &first).await;
    has_keys(&app, "found", &["searches_two"], CARRIED).await;
    app.condition("found", "True", "secret synced", SOON).await.unwrap();

    // The last one is looked for twice before the deletion policy acts.
    let begun = Instant::now();
    stack.aws.cli(&["secretsmanager", "delete-secret", "--secret-id", &second]).await.unwrap();
    tell(stack, rekey, "DeleteSecret", &second).await;
    app.condition("found", "True", "secret deleted due to DeletionPolicy=Delete", SOON).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(10), "a single look must delete nothing");
    assert_eq!(keys(&app, "found").await, None);
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn parameters_come_move_and_go_with_their_events() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let (one, two, moved) = (values.fresh(), values.fresh(), values.fresh());
    put_parameter(stack, "/searches/app/one", &one).await;
    let app = App::create(stack, "searches-parameters").await.unwrap();
    find(&app, "found", "parameters", "{path: /searches/app, name: {regexp: ''}}").await;
    find(&app, "tagged", "parameters", "{tags: {team: searches}}").await;
    app.holds("found", "_searches_app_one", &one, SOON).await.unwrap();

    put_parameter(stack, "/searches/app/deep/two", &two).await;
    app.holds("found", "_searches_app_deep_two", &two, CARRIED).await.unwrap();
    let tags = ["ssm", "add-tags-to-resource", "--resource-type", "Parameter", "--resource-id", "/searches/app/one"];
    stack.aws.cli(&[tags.as_slice(), &["--tags", "Key=team,Value=searches"]].concat()).await.unwrap();
    put_parameter(stack, "/searches/app/one", &moved).await;
    app.holds("found", "_searches_app_one", &moved, CARRIED).await.unwrap();
    app.holds("tagged", "_searches_app_one", &moved, CARRIED).await.unwrap();

    stack.aws.cli(&["ssm", "delete-parameter", "--name", "/searches/app/deep/two"]).await.unwrap();
    has_keys(&app, "found", &["_searches_app_one"], CARRIED).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn an_empty_search_is_ready_and_tags_are_read_instead_of_values() {
    let (stack, rekey, values) = fixture::rekey().await;
    let app = App::create(stack, "searches-empty").await.unwrap();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: retained}
spec:
  secretStoreRef: {name: aws}
  dataFrom: [{find: {name: {regexp: '^nothing-is-called-so$'}}}]",
    )
    .await
    .unwrap();
    app.condition("retained", "True", "secret retained due to DeletionPolicy=Retain", SOON).await.unwrap();

    let secret = values.fresh();
    stack.aws.create_secret("searches-tagged/one", &secret).await.unwrap();
    let tag = ["secretsmanager", "tag-resource", "--secret-id", "searches-tagged/one"];
    stack.aws.cli(&[tag.as_slice(), &["--tags", "Key=team,Value=<a>"]].concat()).await.unwrap();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: tags}
spec:
  secretStoreRef: {name: aws}
  data:
  - {secretKey: all, remoteRef: {key: searches-tagged/one, metadataPolicy: Fetch}}
  - {secretKey: team, remoteRef: {key: searches-tagged/one, metadataPolicy: Fetch, property: team}}",
    )
    .await
    .unwrap();
    app.holds("tags", "all", r#"{"team":"\u003ca\u003e"}"#, SOON).await.unwrap();
    app.holds("tags", "team", "<a>", SOON).await.unwrap();
    values.are_in_no_log(stack, rekey);
}
