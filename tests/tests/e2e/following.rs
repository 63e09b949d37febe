//! What people are told of a restart: that the value is live, or that the rollout is stuck and why, on the workload, on the
//! ExternalSecret, in the log and by an alert; and nothing of one whose place somebody else's change has taken.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::{Event, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::Value;

use crate::fixture::sink::sink;
use crate::fixture::{self, Pipe};

const NAMESPACE: &str = "following";
const SOON: Duration = Duration::from_secs(30);
/// Controllers that could not create a pod try again less and less often.
const RECOVERED: Duration = Duration::from_mins(2);

/// A Deployment that keeps its old pods until the new ones serve, and whose pods need a ServiceAccount.
fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: api, annotations: {{reloader.stakater.com/auto: 'true'}}}}
spec:
  replicas: 2
  strategy: {{rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      serviceAccountName: api
      containers:
      - {{name: app, image: '{image}', envFrom: [{{secretRef: {{name: db}}}}]}}"
    )
}

const ACCOUNT: &str = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: api}}";

/// Waits until the results of the alerts are these, and hands the alerts back.
async fn alerts(expected: &[&str], timeout: Duration) -> Vec<Value> {
    eventually(&format!("the alerts {expected:?}"), timeout, async || {
        let alerts = sink().about(NAMESPACE);
        let results: Vec<&str> = alerts.iter().filter_map(|alert| alert["result"].as_str()).collect();
        ensure!(results == expected, "{results:?}");
        Ok(alerts)
    })
    .await
    .unwrap()
}

/// The notes of the Events about an object with this reason, once there are so many.
async fn notes(app: &App, kind: &str, name: &str, reason: &str, count: usize) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("{count} Events {reason} about {kind} {name}"), SOON, async || {
        let all = events.list(&ListParams::default()).await?.items;
        let ours = all.into_iter().filter(|event| {
            let about = &event.involved_object;
            (about.kind.as_deref(), about.name.as_deref(), event.reason.as_deref())
                == (Some(kind), Some(name), Some(reason))
        });
        let notes: Vec<String> = ours.filter_map(|event| event.message).collect();
        ensure!(notes.len() == count, "{notes:?}");
        Ok(notes)
    })
    .await
    .unwrap()
}

async fn put(stack: &Stack, value: &str) -> String {
    let put = ["secretsmanager", "put-secret-value", "--secret-id", "following/db", "--secret-string", value];
    stack.aws.cli(&put).await.unwrap()["VersionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_are_told_what_became_of_a_restart() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    values.add(&sink().credential);
    let secrets: [String; 5] = std::array::from_fn(|_| rekey_tests::random_word(20));
    for value in &secrets {
        values.add(value);
    }
    let create = ["secretsmanager", "create-secret", "--name", "following/db", "--secret-string", &secrets[0]];
    stack.aws.cli(&create).await.unwrap();
    let app = App::create(stack, NAMESPACE).await.unwrap();
    app.external_secret("db", "aws", "following/db", None).await.unwrap();
    app.holds("db", "value", &secrets[0], SOON).await.unwrap();
    app.apply(ACCOUNT).await.unwrap();
    app.apply(&deployment("registry.example/app:1")).await.unwrap();
    app.has_baseline("api", SOON).await.unwrap();
    app.settled("api", SOON).await.unwrap();

    // It is live.
    let mark = rekey.agent.log().mark();
    let version = put(stack, &secrets[1]).await;
    let told = alerts(&["restarted", "live"], SOON).await;
    for alert in &told {
        assert_eq!((&alert["workload"]["kind"], &alert["workload"]["name"]), (&"Deployment".into(), &"api".into()));
        assert_eq!((&alert["changed"][0]["kind"], &alert["changed"][0]["name"]), (&"Secret".into(), &"db".into()));
        let source = &alert["changed"][0]["sources"][0];
        assert!(source["source"].as_str().is_some_and(|source| source.contains("following/db")), "{alert}");
        assert!(source["token"].as_str().is_some_and(|token| token.contains(&version)), "{alert}");
        assert!(alert["text"].as_str().is_some_and(|text| text.starts_with("Deployment following/api: ")), "{alert}");
    }
    assert!(told[1]["seconds"].as_f64().is_some_and(|seconds| seconds < SOON.as_secs_f64()), "{}", told[1]);
    let here = notes(&app, "Deployment", "api", "RolloutDone", 1).await;
    assert!(
        here[0].starts_with("every pod has the new data of Secret db, ") && here[0].ends_with(" s after the change")
    );
    let there = notes(&app, "ExternalSecret", "db", "ValueLive", 1).await;
    assert!(there[0].starts_with("the value is live in Deployment api, "), "{there:?}");
    // One search in the log follows the rotation from the message to the pods.
    for message in ["secret written", "rollout started", "rollout done"] {
        let found = rekey
            .agent
            .log()
            .wait_for(message, mark, SOON, |line| line.message == message && line.field("token").contains(&version));
        found.await.unwrap();
    }

    // Its pods cannot be created.
    let accounts: Api<ServiceAccount> = Api::namespaced(app.client.clone(), NAMESPACE);
    accounts.delete("api", &DeleteParams::default()).await.unwrap();
    put(stack, &secrets[2]).await;
    let told = alerts(&["restarted", "live", "restarted", "stuck"], SOON * 2).await;
    // In one word: what else a controller says stays in the cluster.
    assert!(told[3]["text"].as_str().is_some_and(|text| text.ends_with(" is stuck: FailedCreate")), "{}", told[3]);
    for (kind, name) in [("Deployment", "api"), ("ExternalSecret", "db")] {
        let notes = notes(&app, kind, name, "RolloutStuck", 1).await;
        assert!(notes[0].contains("FailedCreate") && notes[0].contains("serviceaccount"), "{notes:?}");
    }
    app.apply(ACCOUNT).await.unwrap();
    alerts(&["restarted", "live", "restarted", "stuck", "live"], RECOVERED).await;
    notes(&app, "ExternalSecret", "db", "ValueLive", 2).await;

    // Somebody deploys another version while it is under way.
    accounts.delete("api", &DeleteParams::default()).await.unwrap();
    put(stack, &secrets[3]).await;
    alerts(&["restarted", "live", "restarted", "stuck", "live", "restarted"], SOON).await;
    app.apply(&deployment("registry.example/app:2")).await.unwrap();
    let found = rekey.agent.log().wait_for("the end of the restart", Mark::default(), SOON, |line| {
        line.message == "rollout superseded by another one" && line.field("workload") == "following/api"
    });
    found.await.context("it was not superseded").unwrap();
    app.apply(ACCOUNT).await.unwrap();
    app.settled("api", RECOVERED).await.unwrap();
    // The next one is the fence behind which nothing more can come of it.
    put(stack, &secrets[4]).await;
    alerts(&["restarted", "live", "restarted", "stuck", "live", "restarted", "restarted", "live"], SOON).await;
    notes(&app, "Deployment", "api", "RolloutDone", 3).await;
    notes(&app, "Deployment", "api", "RolloutStuck", 1).await;

    let (_, metrics) = rekey.agent.get("/metrics").await.unwrap();
    for part in [
        "rekey_rollouts_total{outcome=\"superseded\"}",
        "rekey_rollouts_total{outcome=\"stuck\"}",
        "rekey_propagation_seconds_count{stage=\"live\"}",
        "rekey_posts_total{what=\"alert\",outcome=\"sent\"}",
        "reloader_reload_executed_total{success=\"true\"}",
    ] {
        assert!(metrics.contains(part) && !metrics.contains(&format!("{part} 0\n")), "{part}");
    }
    values.are_not_in("an alert", &sink().text());
    values.are_in_no_log(stack, rekey);
}
