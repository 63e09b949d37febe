//! A secret that a deployed function rotates, whatever it holds.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::aws::{Aws, Caller};
use crate::eventually::eventually;
use crate::log::Mark;

/// How often a rotation that is not complete is asked for.
const AGAIN: Duration = Duration::from_secs(1);

/// The secret and the function.
pub struct Rotated {
    aws: Caller,
    arn: String,
    lambda: String,
    /// The functions' log before anything was rotated.
    before: Mark,
}

impl Rotated {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Creates the secret with these tags, for rotation by `lambda`. Nothing is rotated yet.
    pub async fn create(aws: &Aws, name: &str, value: &str, tags: &[(&str, &str)], lambda: &str) -> Result<Self> {
        let (before, aws) = (aws.lambda_log().mark(), aws.caller());
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let create = json!({"Name": name, "SecretString": value, "Tags": tags});
        let answer = aws.call("secretsmanager.CreateSecret", &create).await?;
        let arn = answer["ARN"].as_str().context("CreateSecret names no ARN")?.to_owned();
        Ok(Self { aws, arn, lambda: lambda.to_owned(), before })
    }

    /// RotateSecret, and with `RotateImmediately=false` only its test. Returns the id of the new version.
    pub async fn begin(&self, immediately: bool) -> Result<String> {
        let rotate = json!({
            "SecretId": self.arn, "RotationLambdaARN": self.lambda, "RotateImmediately": immediately,
            "RotationRules": {"AutomaticallyAfterDays": 30},
        });
        let answer = self.aws.call("secretsmanager.RotateSecret", &rotate).await?;
        Ok(answer["VersionId"].as_str().context("RotateSecret names no version")?.to_owned())
    }

    /// Rotates, and waits until the new version is in force. Returns its text.
    pub async fn rotate(&self, patience: Duration) -> Result<String> {
        // Refused as long as the end of an earlier rotation, or test of one, has not been noted.
        let version = eventually("RotateSecret to begin", patience, async || self.begin(true).await).await?;
        eventually("AWSCURRENT to move", patience, async || {
            let current = self.current().await?;
            ensure!(current["VersionId"] == *version, "it has not");
            Ok(current["SecretString"].as_str().context("there is no SecretString")?.to_owned())
        })
        .await
    }

    /// The text in force.
    pub async fn value(&self) -> Result<String> {
        Ok(self.current().await?["SecretString"].as_str().context("there is no SecretString")?.to_owned())
    }

    /// Waits until a step of that version has failed with a sentence that has this part. Returns what the function's log says
    /// of it: `step`, `kind`, `error`.
    pub async fn failure(&self, aws: &Aws, version: &str, part: &str, patience: Duration) -> Result<Value> {
        eventually(&format!("a step to fail with {part:?}"), patience, async || {
            let lines = aws.lambda_log().since(self.before)?;
            let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(&line.line).ok());
            let mut failed: Vec<Value> =
                lines.filter(|line| line["message"] == "step failed" && line["version"] == version).collect();
            let found = failed.iter().position(|line| line["error"].as_str().is_some_and(|text| text.contains(part)));
            found.map(|found| failed.swap_remove(found)).with_context(|| format!("{failed:?}"))
        })
        .await
    }

    /// Waits until that version is in force, and lets its rotation be tried again if it failed.
    pub async fn resume(&self, version: &str, patience: Duration) -> Result<()> {
        let mut asked: Option<Instant> = None;
        eventually("the rotation to be finished", patience, async || {
            let described = self.aws.call("secretsmanager.DescribeSecret", &json!({"SecretId": self.arn})).await?;
            let labels = &described["VersionIdsToStages"][version];
            let has = |label: &str| labels.as_array().is_some_and(|all| all.iter().any(|one| one == label));
            if has("AWSCURRENT") {
                return Ok(());
            }
            if asked.is_none_or(|at| at.elapsed() >= AGAIN) {
                asked = Some(Instant::now());
                // RotateSecret has what is not complete tried again, and says so by an error. If it is complete by now, this
                // is a test, which changes nothing.
                let _ = self.begin(false).await;
            }
            bail!("it has the labels {labels}")
        })
        .await
    }

    async fn current(&self) -> Result<Value> {
        self.aws.call("secretsmanager.GetSecretValue", &json!({"SecretId": self.arn})).await
    }

    /// Waits for the audit line of that step of that version.
    pub async fn audit(&self, aws: &Aws, version: &str, step: &str, patience: Duration) -> Result<Value> {
        eventually(&format!("the end of {step}"), patience, async || {
            let lines = aws.lambda_log().since(self.before)?;
            let audits = lines.iter().filter_map(|line| serde_json::from_str::<Value>(&line.line).ok());
            let mut audits = audits.filter(|line| line["audit"] == "rotation" && line["versionId"] == version);
            audits.find(|line| line["step"] == step).context("there is no line yet")
        })
        .await
    }
}
