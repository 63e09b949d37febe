//! Targets through the life of their objects: policies, other writers, renames, windows, deletion.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use rekey_core::plan::{CREATED_BY_LABEL, MANAGED_LABEL};
use rekey_core::release::FINALIZER;
use rekey_core::resource::ExternalSecret;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use serde_json::{Value, json};

use crate::fixture::{self, Pipe, Values};

const SOON: Duration = Duration::from_secs(30);

/// An application and a source with one value.
async fn stage(name: &str) -> (App, String, &'static Values) {
    let (stack, _, values) = fixture::rekey().await;
    let value = values.fresh();
    let key = format!("targets/{name}");
    stack.aws.create_secret(&key, &value).await.unwrap();
    (App::create(stack, &format!("targets-{name}")).await.unwrap(), value, values)
}

async fn put(key: &str, values: &Values) -> String {
    let (stack, ..) = fixture::rekey().await;
    let value = values.fresh();
    stack.aws.put_secret(key, &value).await.unwrap();
    value
}

async fn object(app: &App, name: &str, key: &str, spec: &str) {
    app.apply(&format!(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec: {{secretStoreRef: {{name: aws}}, data: [{{secretKey: ours, remoteRef: {{key: targets/{key}}}}}], {spec}}}"
    ))
    .await
    .unwrap();
}

fn secrets(app: &App) -> Api<Secret> {
    Api::namespaced(app.client.clone(), &app.namespace)
}

/// Somebody's change of a Secret.
async fn edit(app: &App, name: &str, patch: Value) {
    let parameters = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
    secrets(app).patch(name, &parameters, &Patch::Merge(patch)).await.unwrap();
}

async fn create(app: &App, name: &str) {
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": name}, "stringData": {"theirs": "x"},
    }))
    .unwrap();
    secrets(app).create(&PostParams::default(), &secret).await.unwrap();
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    Some(String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).unwrap())
}

fn has_label(secret: &Secret, label: &str) -> bool {
    secret.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(label))
}

async fn has_event(app: &App, reason: &str) {
    let events: Api<Event> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("an Event {reason}"), SOON, async || {
        let all = events.list(&ListParams::default()).await?;
        ensure!(all.items.iter().any(|event| event.reason.as_deref() == Some(reason)), "there is none");
        Ok(())
    })
    .await
    .unwrap();
}

/// Waits until the agent has done whatever it does about the Secrets as they are. It sees their edits in order, and the one
/// that it must undo here comes after; when it undoes the second, what began with the first is over.
async fn edits_are_seen(app: &App, key: &str, value: &str) {
    object(app, "restored", key, "target: {}").await;
    app.holds("restored", "ours", value, SOON).await.unwrap();
    for _ in 0..2 {
        edit(app, "restored", json!({"stringData": {"ours": "edited"}})).await;
        app.holds("restored", "ours", value, SOON).await.unwrap();
    }
}

async fn holds_both(app: &App, name: &str, ours: &str) -> Result<()> {
    let secret = app.secret(name).await?;
    ensure!(text(&secret, "ours").as_deref() == Some(ours), "our key is not there");
    ensure!(text(&secret, "theirs").as_deref() == Some("x"), "their key is not there");
    ensure!(!has_label(&secret, CREATED_BY_LABEL) && secret.metadata.owner_references.is_none(), "it is owned");
    Ok(())
}

#[tokio::test]
async fn a_merge_waits_for_its_secret_and_keeps_what_others_put_there() {
    let (app, value, values) = stage("merge").await;
    let _pipe = Pipe::shared().await;
    object(&app, "merge", "merge", "target: {creationPolicy: Merge}").await;
    app.condition("merge", "True", "secret will not be created due to CreationPolicy=Merge", SOON).await.unwrap();
    assert!(app.secret("merge").await.is_err(), "nothing is created");

    create(&app, "merge").await;
    eventually("our key beside theirs", SOON, async || holds_both(&app, "merge", &value).await).await.unwrap();
    app.condition("merge", "True", "secret synced", SOON).await.unwrap();

    edit(&app, "merge", json!({"stringData": {"ours": "edited", "also": "theirs"}})).await;
    eventually("our key to be restored", SOON, async || holds_both(&app, "merge", &value).await).await.unwrap();
    assert_eq!(text(&app.secret("merge").await.unwrap(), "also").as_deref(), Some("theirs"));

    // A key that is not asked for any more goes; the policy may change at any time.
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: merge}
spec: {secretStoreRef: {name: aws}, data: [{secretKey: renamed, remoteRef: {key: targets/merge}}], target: {creationPolicy: CreateOrMerge}}",
    )
    .await
    .unwrap();
    eventually("the dropped key to go", SOON, async || {
        let secret = app.secret("merge").await?;
        ensure!(text(&secret, "ours").is_none() && text(&secret, "renamed").is_some(), "not yet");
        ensure!(text(&secret, "theirs").is_some(), "their key went with it");
        Ok(())
    })
    .await
    .unwrap();
    let second = put("targets/merge", values).await;
    app.holds("merge", "renamed", &second, SOON).await.unwrap();
}

#[tokio::test]
async fn an_orphan_keeps_edits_until_its_next_refresh_and_none_writes_nothing() {
    let (app, value, values) = stage("orphan").await;
    let _pipe = Pipe::shared().await;
    object(&app, "orphan", "orphan", "target: {creationPolicy: Orphan}").await;
    create(&app, "none").await;
    object(&app, "none", "orphan", "target: {creationPolicy: None}").await;
    let secret = app.holds("orphan", "ours", &value, SOON).await.unwrap();
    assert!(!has_label(&secret, CREATED_BY_LABEL) && secret.metadata.owner_references.is_none());
    app.condition("none", "True", "secret synced", SOON).await.unwrap();

    edit(&app, "orphan", json!({"stringData": {"ours": "edited"}})).await;
    edits_are_seen(&app, "orphan", &value).await;
    assert_eq!(text(&app.secret("orphan").await.unwrap(), "ours").as_deref(), Some("edited"));
    let second = put("targets/orphan", values).await;
    app.holds("orphan", "ours", &second, SOON).await.unwrap();
    let none = app.secret("none").await.unwrap();
    assert_eq!(none.data.as_ref().map(|data| data.keys().collect::<Vec<_>>()), Some(vec![&"theirs".to_owned()]));
    assert!(has_label(&none, MANAGED_LABEL), "as ESO marks it");
}

#[tokio::test]
async fn a_renamed_target_takes_the_old_one_with_it() {
    let (app, value, _) = stage("rename").await;
    let _pipe = Pipe::shared().await;
    object(&app, "one", "rename", "target: {name: before}").await;
    let before = app.holds("before", "ours", &value, SOON).await.unwrap();
    // A copy that carries the label and belongs to nobody.
    let mut copy = Secret { data: before.data.clone(), ..Secret::default() };
    copy.metadata.name = Some("copy".to_owned());
    copy.metadata.labels.clone_from(&before.metadata.labels);
    secrets(&app).create(&PostParams::default(), &copy).await.unwrap();

    object(&app, "one", "rename", "target: {name: after}").await;
    app.holds("after", "ours", &value, SOON).await.unwrap();
    eventually("the old target to go", SOON, async || {
        ensure!(secrets(&app).get_opt("before").await?.is_none(), "it is still there");
        Ok(())
    })
    .await
    .unwrap();
    has_event(&app, "Deleted").await;
    assert!(app.secret("copy").await.is_ok(), "the copy was deleted, too");
    app.condition("one", "True", "secret synced", SOON).await.unwrap();

    // To merge into it gives it up.
    object(&app, "one", "rename", "target: {name: after, creationPolicy: Orphan}").await;
    eventually("the target to be nobody's", SOON, async || {
        let secret = app.secret("after").await?;
        ensure!(!has_label(&secret, CREATED_BY_LABEL) && secret.metadata.owner_references.is_none(), "still owned");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_object_that_eso_holds_is_let_go_of() {
    let (app, value, _) = stage("release").await;
    let objects: Api<ExternalSecret> = Api::namespaced(app.client.clone(), &app.namespace);
    for policy in ["Delete", "Retain"] {
        let name = policy.to_lowercase();
        object(&app, &name, "release", &format!("target: {{deletionPolicy: {policy}}}")).await;
        app.holds(&name, "ours", &value, SOON).await.unwrap();
        let finalizers = Patch::Merge(json!({"metadata": {"finalizers": [FINALIZER]}}));
        objects.patch(&name, &PatchParams::default(), &finalizers).await.unwrap();
        objects.delete(&name, &DeleteParams::default()).await.unwrap();
        eventually(&format!("{name} to be deleted"), SOON, async || {
            ensure!(objects.get_opt(&name).await?.is_none(), "it still waits");
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_closed_window_holds_changes_back_but_not_edits() {
    let (app, value, values) = stage("window").await;
    let _pipe = Pipe::shared().await;
    let closed = "syncWindows: {kind: deny, windows: [{schedule: '* * * * *', duration: 2m}, {schedule: '61 * * * *', duration: 1h}]}";
    object(&app, "window", "window", closed).await;
    app.holds("window", "ours", &value, SOON).await.unwrap();
    has_event(&app, "InvalidSyncWindow").await;

    // One change reaches both. When the open one follows the second, what began with the first is over.
    object(&app, "open", "window", "target: {}").await;
    app.holds("open", "ours", &value, SOON).await.unwrap();
    let mut second = String::new();
    for _ in 0..2 {
        second = put("targets/window", values).await;
        app.holds("open", "ours", &second, SOON).await.unwrap();
    }
    assert_eq!(text(&app.secret("window").await.unwrap(), "ours"), Some(value));
    let annotate = Patch::Merge(json!({"metadata": {"annotations": {"external-secrets.io/force-sync": "1"}}}));
    let objects: Api<ExternalSecret> = Api::namespaced(app.client.clone(), &app.namespace);
    objects.patch("window", &PatchParams::default(), &annotate).await.unwrap();
    app.holds("window", "ours", &second, SOON).await.unwrap();
}

#[tokio::test]
async fn an_immutable_target_says_that_it_cannot_follow() {
    let (app, value, values) = stage("immutable").await;
    let _pipe = Pipe::shared().await;
    object(&app, "frozen", "immutable", "target: {immutable: true}").await;
    let secret = app.holds("frozen", "ours", &value, SOON).await.unwrap();
    assert_eq!(secret.immutable, Some(true));
    let second = put("targets/immutable", values).await;
    app.condition("frozen", "False", "could not update secret, target is immutable", SOON).await.unwrap();
    app.holds("frozen", "ours", &value, SOON).await.unwrap();
    // Whoever deletes it gets it made anew, at once.
    secrets(&app).delete("frozen", &DeleteParams::default()).await.unwrap();
    app.holds("frozen", "ours", &second, SOON).await.unwrap();
    app.condition("frozen", "True", "secret synced", SOON).await.unwrap();
}

#[tokio::test]
async fn what_somebody_keeps_changing_is_contested_and_still_follows_its_source() {
    let (app, value, values) = stage("contest").await;
    let (_, rekey, _) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    object(&app, "contest", "contest", "refreshInterval: 1h").await;
    app.holds("contest", "ours", &value, SOON).await.unwrap();
    for round in 0..3 {
        edit(&app, "contest", json!({"stringData": {"ours": format!("edited-{round}")}})).await;
        app.holds("contest", "ours", &value, SOON).await.unwrap();
    }
    edit(&app, "contest", json!({"stringData": {"ours": "edited-again"}})).await;
    app.condition("contest", "False", "\"somebody\" keeps changing it", SOON).await.unwrap();
    has_event(&app, "UpdateFailed").await;
    let (_, metrics) = rekey.agent.get("/metrics").await.unwrap();
    let contested = metrics.lines().find_map(|line| line.strip_prefix("rekey_contested_targets "));
    assert!(contested.is_some_and(|count| count != "0"), "{contested:?}");

    let second = put("targets/contest", values).await;
    app.holds("contest", "ours", &second, SOON).await.unwrap();
    app.condition("contest", "True", "secret synced", SOON).await.unwrap();
}

#[tokio::test]
async fn two_that_merge_different_values_under_one_key_do_not_take_turns() {
    let (app, value, values) = stage("rivals").await;
    let (stack, ..) = fixture::rekey().await;
    let other = values.fresh();
    stack.aws.create_secret("targets/rival", &other).await.unwrap();
    object(&app, "first", "rivals", "target: {name: shared, creationPolicy: CreateOrMerge}").await;
    app.holds("shared", "ours", &value, SOON).await.unwrap();
    object(&app, "second", "rival", "target: {name: shared, creationPolicy: CreateOrMerge}").await;
    app.condition("second", "False", "its key \"ours\" is written by ExternalSecret first", SOON).await.unwrap();
    app.holds("shared", "ours", &value, SOON).await.unwrap();
    let objects: Api<ExternalSecret> = Api::namespaced(app.client.clone(), &app.namespace);
    objects.delete("first", &DeleteParams::default()).await.unwrap();
    app.holds("shared", "ours", &other, Duration::from_mins(1)).await.context("once it is alone").unwrap();
}
