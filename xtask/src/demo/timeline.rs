//! One change and everything that followed from it, with the time and the place where it was observed.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rekey_tests::agent::Line;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::installation::Installation;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::Value;

use super::paint;
use super::watch::{Onlooker, Seen};

const LIMIT: Duration = Duration::from_mins(1);
const AUDIT: &str = "function's audit line";
const REQUESTS: &str = "local AWS's request log";
const AGENT: &str = "agent's log";
const API: &str = "API watch";

/// The call to AWS that changes the value: time zero.
pub struct Change {
    pub service: &'static str,
    pub action: &'static str,
    pub words: &'static str,
}

/// A change that is about to be made.
pub struct Timeline<'a> {
    stack: &'a Stack,
    rekey: &'a Installation,
    name: String,
    namespace: String,
    source: String,
    onlooker: Onlooker,
    marks: [Mark; 3],
}

struct Observation {
    at: Timestamp,
    what: String,
    place: &'static str,
}

impl<'a> Timeline<'a> {
    /// Begins to look at the Secret and the Deployment `name`, and at the events of the AWS source `source`.
    pub async fn begin(stack: &'a Stack, rekey: &'a Installation, app: &App, name: &str, source: &str) -> Result<Self> {
        let (secret, deployment) = (app.secret(name).await?, app.workload(name).await?);
        Ok(Self {
            stack,
            rekey,
            name: name.to_owned(),
            namespace: app.namespace.clone(),
            source: source.trim_start_matches('/').to_owned(),
            onlooker: Onlooker::start(&app.client, &app.namespace, name, &secret, &deployment),
            marks: [stack.aws.requests().mark(), stack.aws.lambda_log().mark(), rekey.agent.log().mark()],
        })
    }

    /// Waits for every step and prints them. `rotation` is the version that a function creates, if one does.
    ///
    /// # Errors
    /// When a step was not seen: which one.
    pub async fn end(self, change: &Change, rotation: Option<&str>) -> Result<()> {
        let mut observations = eventually("every step of the change to be seen", LIMIT, async || {
            let mut all = self.agent_and_api()?;
            if let Some(version) = rotation {
                all.extend(self.steps(version)?);
            }
            all.push(self.change(change)?);
            Ok(all)
        })
        .await?;
        let zero = self.change(change)?.at;
        observations.sort_by_key(|one| one.at);
        println!("  {:>10}   {:<34} {}", "ms", "what", paint::dim("where it was observed"));
        for Observation { at, what, place } in &observations {
            let millis = at.duration_since(zero).as_secs_f64() * 1000.0;
            println!("  {millis:>10.1}   {what:<34} {}", paint::dim(place));
        }
        Ok(())
    }

    fn change(&self, change: &Change) -> Result<Observation> {
        let requests = self.stack.aws.requests().since(self.marks[0])?;
        // The agent's own reads and the canaries' changes are requests too.
        let heartbeat = |resource: &str| resource.contains("rekey/canary/");
        let request = requests
            .iter()
            .find(|one| {
                one.service == change.service
                    && one.action == change.action
                    && one.status == 200
                    && !one.resource.as_deref().is_some_and(heartbeat)
            })
            .with_context(|| format!("no {} was seen", change.action))?;
        Ok(Observation { at: millis(request.at)?, what: change.words.to_owned(), place: REQUESTS })
    }

    fn steps(&self, version: &str) -> Result<Vec<Observation>> {
        let lines = self.stack.aws.lambda_log().since(self.marks[1])?;
        let audits: Vec<Value> = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line.line).ok())
            .filter(|line| line["audit"] == "rotation" && line["versionId"] == version)
            .collect();
        ["createSecret", "setSecret", "testSecret", "finishSecret"]
            .into_iter()
            .map(|step| {
                let line = audits
                    .iter()
                    .find(|line| line["step"] == step && line["outcome"] == "ok")
                    .with_context(|| format!("no audit line of {step} was seen"))?;
                let at = line["at"].as_str().context("an audit line has no time")?.parse()?;
                Ok(Observation { at, what: format!("{step} done"), place: AUDIT })
            })
            .collect()
    }

    fn agent_and_api(&self) -> Result<Vec<Observation>> {
        let lines = self.rekey.agent.log().since(self.marks[2])?;
        let full = format!("{}/{}", self.namespace, self.name);
        let said = |message: &str, field: &str, value: &str| -> Result<Observation> {
            let is_it = |line: &&Line| line.message == message && line.field(field).contains(value);
            let line = lines.iter().find(is_it).with_context(|| format!("the agent did not say {message:?}"))?;
            Ok(Observation { at: line.timestamp, what: message.to_owned(), place: AGENT })
        };
        let Seen { secret_changed, template_changed, rolled_out } = self.onlooker.seen();
        let api = |at: Option<Timestamp>, what: &str| -> Result<Observation> {
            let at = at.with_context(|| format!("the API did not show {what:?}"))?;
            Ok(Observation { at, what: what.to_owned(), place: API })
        };
        Ok(vec![
            said("event received", "source", &self.source)?,
            said("secret written", "externalsecret", &full)?,
            api(secret_changed, "Secret holds the new value")?,
            said("rollout started", "workload", &full)?,
            api(template_changed, "pod template has the new marker")?,
            said("rollout done", "workload", &full)?,
            api(rolled_out, "new pods run, old pods are gone")?,
        ])
    }
}

fn millis(unix: f64) -> Result<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "microseconds since 1970 fit an i64 for 290,000 years")]
    Ok(Timestamp::from_microsecond((unix * 1000.0) as i64)?)
}
