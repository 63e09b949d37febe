//! What the cases act on and look at: the API server, as its administrator.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rekey_tests::eventually::eventually;
use serde_json::{Value as Json, json};

use super::case::Step;
use super::observer::Observer;
use super::workload::{KINDS, Workload, template};
use super::{SOON, undo};
use crate::table::objects::Objects;

/// Namespaces carry it with the name of the agent that serves them.
pub(super) const LABEL: &str = "suite.rekey.dev/agent";
/// In data, so many bytes that the API server takes no more than one beside them.
const LARGEST: &str = "<largest>";

pub(super) struct World {
    pub(super) objects: Objects,
    pub(super) observer: Observer,
}

impl World {
    pub(super) fn open(objects: Objects) -> Result<Self> {
        let observer = Observer::start(&objects)?;
        Ok(Self { objects, observer })
    }

    /// A namespace that this agent serves.
    pub(super) async fn prepare(&self, namespace: &str, agent: &str) -> Result<()> {
        let metadata = json!({"name": namespace, "labels": {LABEL: agent}});
        self.objects.apply(namespace, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await
    }

    /// Does what a step says, in the order of its fields.
    pub(super) async fn change(&self, namespace: &str, step: &Step) -> Result<()> {
        for reference in &step.delete {
            self.objects.delete(namespace, reference).await?;
        }
        for (name, data) in &step.secrets {
            self.secret(namespace, name, &BTreeMap::new(), data).await?;
        }
        for (name, data) in &step.config_maps {
            self.config_map(namespace, name, &BTreeMap::new(), data).await?;
        }
        for (name, workload) in &step.workloads {
            self.workload(namespace, name, workload).await?;
        }
        for object in &step.apply {
            self.objects.apply(namespace, &serde_json::to_value(object)?).await?;
        }
        for (reference, patch) in &step.patch {
            self.objects.patch(namespace, reference, &serde_json::to_value(patch)?).await?;
        }
        for (reference, words) in &step.refused {
            // Rules of admission need a moment until they are in force.
            eventually(&format!("a refusal because of {words:?}"), SOON, async || {
                let Err(error) = self.objects.try_patch(namespace, reference).await else {
                    bail!("it was not refused")
                };
                ensure!(format!("{error:#}").contains(words), "it was refused because of something else: {error:#}");
                Ok(())
            })
            .await?;
        }
        for reference in &step.undo {
            undo::undo(&self.objects, namespace, reference).await.with_context(|| format!("undo {reference}"))?;
        }
        Ok(())
    }

    pub(super) async fn secret(
        &self,
        namespace: &str,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &BTreeMap<String, String>,
    ) -> Result<()> {
        let encoded = |text: &String| STANDARD.encode(text.replace(LARGEST, &"x".repeat((1 << 20) - 1)));
        let data: BTreeMap<&String, String> = data.iter().map(|(key, text)| (key, encoded(text))).collect();
        let metadata = json!({"name": name, "labels": labels});
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
        self.objects.apply(namespace, &object).await
    }

    pub(super) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &BTreeMap<String, String>,
    ) -> Result<()> {
        let metadata = json!({"name": name, "labels": labels});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        self.objects.apply(namespace, &object).await
    }

    pub(super) async fn workload(&self, namespace: &str, name: &str, workload: &Workload) -> Result<()> {
        self.objects.apply(namespace, &workload.manifest(name)).await
    }

    /// The object as a case sees it: see cases/README.md. Null if it does not exist.
    pub(super) async fn look(&self, namespace: &str, reference: &str) -> Result<Json> {
        let (kind, name) = reference.split_once('/').with_context(|| format!("{reference} is no Kind/name"))?;
        if !KINDS.contains(&kind) {
            return self.objects.look(namespace, reference).await;
        }
        let mut seen = self.observer.look(&format!("{kind}/{namespace}/{name}"));
        if seen.is_null() {
            return Ok(seen);
        }
        add_marks(kind, &mut seen);
        for job in seen["jobs"].as_array_mut().into_iter().flatten() {
            add_marks("Job", job);
        }
        Ok(seen)
    }
}

/// Adds what the agent leaves on a workload: `marker` of its pod template, `variables` of its containers, `state`.
fn add_marks(kind: &str, seen: &mut Json) {
    let parsed = |text: &Json| text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Json::Null);
    let template = template(kind, seen);
    let marker = parsed(&template["metadata"]["annotations"]["reloader.stakater.com/last-reloaded-from"]);
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let variables: serde_json::Map<String, Json> = containers
        .map(|container| (container["name"].as_str().unwrap_or_default().to_owned(), stakaters(container)))
        .filter(|(_, variables)| variables.as_object().is_some_and(|variables| !variables.is_empty()))
        .collect();
    let state = parsed(&seen["metadata"]["annotations"]["rekey.dev/applied"]);
    let variables = if variables.is_empty() { Json::Null } else { Json::Object(variables) };
    for (field, value) in [("marker", marker), ("variables", variables), ("state", state)] {
        seen[field] = value;
    }
}

/// The variables of Stakater's in a container, by name.
fn stakaters(container: &Json) -> Json {
    let variables = container["env"].as_array().into_iter().flatten();
    let ours =
        variables.filter_map(|variable| Some((variable["name"].as_str()?.to_owned(), variable["value"].clone())));
    Json::Object(ours.filter(|(name, _)| name.starts_with("STAKATER_")).collect())
}
