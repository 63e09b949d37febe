//! A secret that a deployed function rotates, whatever it holds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::aws::{Aws, Caller};
use crate::eventually::eventually;
use crate::log::Mark;

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
