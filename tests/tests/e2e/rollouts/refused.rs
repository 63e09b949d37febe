//! What admission refuses: at once, which is tried less and less often, or after long, which holds up nobody elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use rekey_tests::eventually::eventually;
use serde_json::{Value as Json, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::SOON;
use super::agents::Plan;
use super::fence::fence;
use super::stage::stage;
use super::workload::Workload;
use super::world::World;

/// How long the tries are counted: a second after the first, two after that, four, eight, give or take.
const COUNTED: Duration = Duration::from_secs(15);
const MOST: i32 = 8;

/// More than the agent patches at a time.
const HANGING: usize = 80;
/// As long as the API server waits for a webhook at most, by default, and the agent for a patch.
const HANGS: Duration = Duration::from_secs(10);

const AUTO: &str = "{annotations: {reloader.stakater.com/auto: 'true'}, uses: [Secret/db]}";

#[tokio::test]
async fn what_is_refused_is_tried_less_and_less_often() {
    let name = "refused";
    let world = stage().await.world().await;
    let plan = Plan::with_flags(&[]);
    let agent = stage().await.agent(name, &plan).await.unwrap();
    world.prepare(name, name).await.unwrap();
    set(&world, name, "one").await;
    app(&world, name, "app").await;
    fence(&world, name, &plan.fence, 0).await.unwrap();

    let rules =
        json!([{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]);
    let within = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    let policy = json!({
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": "false", "message": "nobody touches this"}],
    });
    let binding = json!({"policyName": name, "validationActions": ["Deny"], "matchResources": within});
    admission(&world, "ValidatingAdmissionPolicy", name, json!({"spec": policy})).await;
    admission(&world, "ValidatingAdmissionPolicyBinding", name, json!({"spec": binding})).await;
    eventually("the policy to be in force", SOON, async || {
        ensure!(world.objects.try_patch(name, "Deployment/app").await.is_err(), "it is not");
        Ok(())
    })
    .await
    .unwrap();

    set(&world, name, "two").await;
    let events: Api<Event> = Api::namespaced(world.objects.client.clone(), name);
    // The same cause is one Event, which counts.
    let tries = async || {
        let all = events.list(&ListParams::default()).await?.items;
        let failed = all.iter().filter(|event| event.reason.as_deref() == Some("ReloadFail"));
        anyhow::Ok(failed.map(|event| event.series.as_ref().map_or(1, |series| series.count)).sum::<i32>())
    };
    let begun = Instant::now();
    eventually("it to be tried three times", SOON, async || {
        let tries = tries().await?;
        ensure!(tries >= 3, "{tries} tries");
        Ok(())
    })
    .await
    .unwrap();
    tokio::time::sleep(COUNTED.saturating_sub(begun.elapsed())).await;
    let tries = tries().await.unwrap();
    assert!(tries <= MOST, "{tries} tries in {:?}", begun.elapsed());
    world.objects.delete("", &format!("ValidatingAdmissionPolicyBinding/{name}")).await.unwrap();
    agent.check().unwrap();
}

#[tokio::test]
async fn refusals_that_hang_hold_up_no_other_namespace() {
    let (name, other) = ("hanging", "hanging-other");
    let world = stage().await.world().await;
    let plan = Plan::with_flags(&[]);
    let agent = stage().await.agent(name, &plan).await.unwrap();
    for namespace in [name, other] {
        world.prepare(namespace, name).await.unwrap();
        set(&world, namespace, "one").await;
    }
    let names: Vec<String> = (0..HANGING).map(|number| format!("app-{number:02}")).collect();
    futures::future::join_all(names.iter().map(|workload| app(&world, name, workload))).await;
    app(&world, other, "app").await;
    fence(&world, name, &plan.fence, 0).await.unwrap();

    let silent = Silent::listen().await;
    let webhook = json!({"webhooks": [{
        "name": "hanging.rekey.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
        "timeoutSeconds": HANGS.as_secs(), "clientConfig": {"url": format!("https://127.0.0.1:{}/", silent.port)},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}],
    }]});
    admission(&world, "ValidatingWebhookConfiguration", name, webhook).await;
    // Somebody else meets it first.
    let mut met = silent.met.clone();
    let probe = async {
        loop {
            let _ =
                tokio::time::timeout(Duration::from_secs(1), world.objects.try_patch(name, "Deployment/app-00")).await;
        }
    };
    tokio::select! {
        met = tokio::time::timeout(SOON, met.wait_for(|met| *met > 0)) => drop(met.expect("nobody asked the webhook")),
        () = probe => {}
    }

    let before = *silent.met.borrow();
    set(&world, name, "two").await;
    tokio::time::timeout(SOON, met.wait_for(|met| *met >= before + 10)).await.expect("nothing is patched").unwrap();
    set(&world, other, "two").await;
    let begun = Instant::now();
    let restarted = async || {
        let restarts = world.observer.restarts(other);
        ensure!(restarts.values().sum::<usize>() == 1, "{restarts:?}");
        Ok(())
    };
    world.observer.eventually(SOON, restarted).await.unwrap();
    assert!(begun.elapsed() < HANGS * 4 / 5, "it took {:?}", begun.elapsed());
    assert!(world.observer.restarts(name).is_empty());

    world.objects.delete("", &format!("ValidatingWebhookConfiguration/{name}")).await.unwrap();
    let all = async || {
        let restarts = world.observer.restarts(name);
        ensure!(restarts.values().sum::<usize>() == HANGING, "{restarts:?}");
        Ok(())
    };
    world.observer.eventually(SOON * 2, all).await.unwrap();
    agent.check().unwrap();
}

/// A webhook that takes every connection and says nothing.
struct Silent {
    port: u16,
    /// How many connections there were.
    met: watch::Receiver<usize>,
}

impl Silent {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, met) = watch::channel(0);
        tokio::spawn(async move {
            let mut held: Vec<TcpStream> = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                held.push(connection);
                sender.send_replace(held.len());
            }
        });
        Self { port, met }
    }
}

async fn admission(world: &World, kind: &str, name: &str, content: Json) {
    let mut object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
    object.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    world.objects.apply("", &object).await.unwrap();
}

async fn set(world: &World, namespace: &str, value: &str) {
    let data = [("a".to_owned(), value.to_owned())].into();
    world.secret(namespace, "db", &BTreeMap::new(), &data).await.unwrap();
}

async fn app(world: &World, namespace: &str, name: &str) {
    let workload: Workload = serde_yaml_ng::from_str(AUTO).unwrap();
    world.workload(namespace, name, &workload).await.unwrap();
}
