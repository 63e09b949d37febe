//! `kubectl rollout undo`, as kubectl does it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use rekey_tests::eventually::eventually;
use serde_json::Value as Json;

use super::play::PATIENCE;
use crate::table::objects::Objects;

/// Puts a workload back to the revision before the present one.
pub(super) async fn undo(objects: &Objects, namespace: &str, reference: &str) -> Result<()> {
    let (api, name) = objects.find(namespace, reference)?;
    let history = |kind, version| objects.api(namespace, kind, version);
    if reference.starts_with("Deployment/") {
        let previous = previous(&api, name, &history("ReplicaSet", "apps/v1"), revision_of_replica_set).await?;
        // kubectl replaces both by JSON patch, which no newer status can refuse.
        replace(&api, name, &previous).await?;
    } else {
        let previous = previous(&api, name, &history("ControllerRevision", "apps/v1"), revision).await?;
        api.patch(name, &PatchParams::default(), &Patch::Strategic(&previous["data"])).await?;
    }
    Ok(())
}

/// The newest but one in the workload's history, once its controller has written that down.
async fn previous(
    api: &Api<DynamicObject>,
    name: &str,
    history: &Api<DynamicObject>,
    revision: fn(&Json) -> i64,
) -> Result<Json> {
    eventually("a revision before this one", PATIENCE, async || {
        let owner = api.get(name).await?;
        let observed = owner.data["status"]["observedGeneration"].as_i64();
        ensure!(observed >= owner.metadata.generation, "its controller has not seen the newest one");
        let ours = |one: &&DynamicObject| {
            let owners = one.metadata.owner_references.iter().flatten();
            owners.into_iter().any(|reference| Some(&reference.uid) == owner.metadata.uid.as_ref())
        };
        let all = history.list(&ListParams::default()).await?.items;
        let mut all: Vec<Json> = all.iter().filter(ours).map(serde_json::to_value).collect::<Result<_, _>>()?;
        all.sort_by_key(|one| std::cmp::Reverse(revision(one)));
        all.into_iter().nth(1).context("there is none")
    })
    .await
}

fn revision(history: &Json) -> i64 {
    history["revision"].as_i64().unwrap_or_default()
}

fn revision_of_replica_set(history: &Json) -> i64 {
    let revision = history["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
    revision.and_then(|revision| revision.parse().ok()).unwrap_or_default()
}

/// Gives a Deployment the template of a ReplicaSet.
async fn replace(api: &Api<DynamicObject>, name: &str, replica_set: &Json) -> Result<()> {
    loop {
        let mut object = api.get(name).await?;
        let mut template = replica_set["spec"]["template"].clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove("pod-template-hash");
        }
        object.data["spec"]["template"] = template;
        object.metadata.annotations = Some(annotations(&object, replica_set));
        match api.replace(name, &PostParams::default(), &object).await {
            Err(kube::Error::Api(refused)) if refused.code == 409 => {}
            outcome => return Ok(outcome.map(drop)?),
        }
    }
}

/// The annotations of the ReplicaSet, but those that belong to the Deployment of today.
fn annotations(deployment: &DynamicObject, replica_set: &Json) -> BTreeMap<String, String> {
    const TODAYS: [&str; 6] = [
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    ];
    let todays = |key: &str| TODAYS.contains(&key);
    let kept = deployment.metadata.annotations.clone().unwrap_or_default();
    let then = replica_set["metadata"]["annotations"].as_object().into_iter().flatten();
    let then = then.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    kept.into_iter().filter(|(key, _)| todays(key)).chain(then.filter(|(key, _)| !todays(key))).collect()
}
