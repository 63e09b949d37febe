//! Plays one case: in a namespace of its own, one step after the other, each until what it expects is seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;

use super::case::{Place, Step};
use super::world::World;
use crate::table::case::Case;
use crate::table::pattern::differences;
use crate::table::report::Outcome;

/// Until an expectation has failed. An absence takes the agent 10 s to believe.
const PATIENCE: Duration = Duration::from_secs(40);
/// The same for a case that nobody expects to hold.
const PENDING_PATIENCE: Duration = Duration::from_secs(8);

pub(super) async fn play(world: &World, case: &Case<Place>, number: usize) -> Outcome {
    let begun = Instant::now();
    let namespace = case.head.namespace.clone().unwrap_or_else(|| format!("case{number:03}"));
    let result = through(world, case, &namespace).await.map_err(|error| format!("{error:#}"));
    Outcome { result, took: begun.elapsed() }
}

async fn through(world: &World, case: &Case<Place>, namespace: &str) -> Result<()> {
    world.prepare(namespace).await?;
    let patience = if case.pending.is_some() { PENDING_PATIENCE } else { PATIENCE };
    let mut answers = BTreeMap::new();
    for (number, step) in case.steps::<Step>(&[("<ns>", namespace)])?.iter().enumerate() {
        let mut scene = Scene { world, namespace, step, answers: &mut answers };
        scene.play(patience).await.with_context(|| format!("  in namespace {namespace}, step {}", number + 1))?;
    }
    Ok(())
}

/// One step of a case.
struct Scene<'a> {
    world: &'a World,
    namespace: &'a str,
    step: &'a Step,
    /// What AWS has answered to the case's calls so far: each member by its name.
    answers: &'a mut BTreeMap<String, String>,
}

impl<'a> Scene<'a> {
    async fn play(&mut self, patience: Duration) -> Result<()> {
        let before = self.look().await?;
        if self.step.expects_a_change() {
            // The API server keeps whole seconds: what happens in this one would leave a time as it is.
            let over = 1_000_000_000 - u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs());
            tokio::time::sleep(Duration::from_nanos(over)).await;
        }
        let mark = self.world.mark();
        self.change_aws().await?;
        match &self.step.refused {
            None => self.change_cluster().await?,
            Some(words) => self.is_refused(words, patience).await?,
        }
        eventually("it", patience, async || {
            let differences = self.differences(&before, mark).await?;
            ensure!(differences.is_empty(), "\n    {}", differences.join("\n    "));
            Ok(())
        })
        .await
        .map_err(|error| {
            // What was awaited is below; only what was seen instead is news.
            let text = format!("{error:#}");
            anyhow!("{}", text.split_once("last seen: ").map_or(text.as_str(), |(_, seen)| seen).to_owned())
        })
    }

    /// Some rules of the API server need a moment until they are in force.
    async fn is_refused(&self, words: &str, patience: Duration) -> Result<()> {
        eventually(&format!("a refusal because of {words:?}"), patience, async || {
            let Err(error) = self.change_cluster().await else { bail!("it was not refused") };
            let text = format!("{error:#}");
            ensure!(text.contains(words), "it was refused because of something else: {text}");
            Ok(())
        })
        .await
    }

    async fn change_aws(&mut self) -> Result<()> {
        for (name, content) in &self.step.secrets {
            self.world.secret(name, content).await?;
        }
        for (name, content) in &self.step.parameters {
            self.world.parameter(name, content).await?;
        }
        for (operation, parameters) in self.step.aws.iter().flatten() {
            let answer = self.world.call(operation, &serde_json::to_value(parameters)?).await?;
            let members = members(&answer);
            for name in ["SecretAccessKey", "SessionToken"] {
                members.get(name).into_iter().for_each(|value| self.world.values.add(value));
            }
            self.answers.extend(members);
        }
        Ok(())
    }

    async fn change_cluster(&self) -> Result<()> {
        for object in &self.step.apply {
            self.world.objects.apply(self.namespace, &self.with_answers(object)?).await?;
        }
        if let Some(spec) = &self.step.spec {
            let (api, kind) = ("external-secrets.io/v1", "ExternalSecret");
            let object =
                json!({"apiVersion": api, "kind": kind, "metadata": {"name": "app"}, "spec": self.with_answers(spec)?});
            self.world.objects.apply(self.namespace, &object).await?;
        }
        for (reference, patch) in &self.step.patch {
            self.world.objects.patch(self.namespace, reference, &self.with_answers(patch)?).await?;
        }
        for reference in &self.step.delete {
            self.world.objects.delete(self.namespace, reference).await?;
        }
        Ok(())
    }

    /// The object, with `<Name>` in its texts replaced by the answers' members of that name.
    fn with_answers(&self, object: &Value) -> Result<Json> {
        let mut text = serde_json::to_string(object)?;
        for (name, value) in &*self.answers {
            let escaped = Json::String(value.clone()).to_string();
            text = text.replace(&format!("<{name}>"), escaped.trim_matches('"'));
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// The objects that the step expects something of.
    async fn look(&self) -> Result<BTreeMap<&'a str, Json>> {
        let (step, mut seen) = (self.step, BTreeMap::new());
        for reference in step.expect.keys() {
            seen.insert(reference.as_str(), self.world.look(self.namespace, reference).await?);
        }
        Ok(seen)
    }

    async fn differences(&self, before: &BTreeMap<&'a str, Json>, mark: Mark) -> Result<Vec<String>> {
        let now = self.look().await?;
        let mut found = Vec::new();
        for (reference, expected) in &self.step.expect {
            let (now, before) = (&now[reference.as_str()], &before[reference.as_str()]);
            let differences = differences(expected, now, before);
            if !differences.is_empty() {
                found.push(format!("{reference}, {}", now["ready"].as_str().unwrap_or("which has no condition")));
            }
            found.extend(differences.into_iter().map(|line| format!("  {line}")));
        }
        for (action, expected) in &self.step.calls {
            let seen = self.world.calls(mark, action, self.namespace)?;
            if seen != *expected {
                found.push(format!("{action}: expected {expected} calls, saw {seen}"));
            }
        }
        Ok(found)
    }
}

/// The members of an answer of AWS that are text: those of a JSON document, or all of an XML one.
fn members(answer: &Json) -> BTreeMap<String, String> {
    if let Some(document) = answer.as_object() {
        let text = |(name, value): (&String, &Json)| Some((name.clone(), value.as_str()?.to_owned()));
        return document.iter().filter_map(text).collect();
    }
    let element = |part: &str| {
        let (name, value) = part.split_once('>')?;
        (!value.is_empty() && !name.starts_with('/')).then(|| (name.to_owned(), value.to_owned()))
    };
    answer.as_str().unwrap_or_default().split('<').filter_map(element).collect()
}
