//! One line for each step, on stdout: what was done to which version of which secret, and how it ended.
//!
//! The line carries identifiers and outcomes only. A second line holds the same as CloudWatch metrics in the embedded
//! format, so that nothing has to be parsed or called to alarm on failures.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::machine::{Outcome, Report};
use crate::plan::Strategy;

/// The audit line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit<'a> {
    #[serde(rename = "audit")]
    topic: &'static str,
    at: String,
    step: &'a str,
    secret_arn: &'a str,
    version_id: &'a str,
    engine: &'a str,
    strategy: Option<&'static str>,
    outcome: &'static str,
    error_kind: Option<&'static str>,
    duration_ms: u64,
}

/// What the step was about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the step.
    pub step: &'a str,
    /// ARN of the secret.
    pub secret_arn: &'a str,
    /// The version that the rotation makes.
    pub version_id: &'a str,
    /// The engine's name.
    pub engine: &'a str,
}

impl<'a> Audit<'a> {
    /// The line for a step that ended at that time after that long.
    #[must_use]
    pub fn new(subject: Subject<'a>, report: &Report, at: Timestamp, took: Duration) -> Self {
        Self {
            topic: "rotation",
            at: format!("{at:.3}"),
            step: subject.step,
            secret_arn: subject.secret_arn,
            version_id: subject.version_id,
            engine: subject.engine,
            strategy: report.strategy.map(Strategy::as_str),
            outcome: match report.result {
                Ok(Outcome::Done) => "ok",
                Ok(Outcome::Skipped) => "skipped",
                Err(_) => "failed",
            },
            error_kind: report.result.as_ref().err().map(|error| error.kind().as_str()),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Writes the audit line and the metrics line.
    pub fn write(&self, at: Timestamp, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")?;
        serde_json::to_writer(&mut *out, &self.metrics(at))?;
        out.write_all(b"\n")?;
        out.flush()
    }

    fn metrics(&self, at: Timestamp) -> serde_json::Value {
        let mut line = json!({
            "_aws": {
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": "Rekey/Rotation",
                    "Dimensions": [["Engine", "Step"]],
                    "Metrics": [{"Name": "StepDuration", "Unit": "Milliseconds"}, {"Name": "StepFailures", "Unit": "Count"}],
                }],
            },
            "Engine": self.engine,
            "Step": self.step,
            "StepDuration": self.duration_ms,
            "StepFailures": u8::from(self.error_kind.is_some()),
        });
        if let Some(kind) = self.error_kind {
            line["ErrorKind"] = kind.into();
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = json!([["Engine", "Step"], ["Engine", "ErrorKind"]]);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::StepError;

    const SUBJECT: Subject<'_> =
        Subject { step: "setSecret", secret_arn: "arn:x", version_id: "v2", engine: "postgres" };

    fn lines(result: Result<Outcome, StepError>) -> Vec<serde_json::Value> {
        let report = Report { strategy: Some(Strategy::Single), result };
        let at: Timestamp = "2026-11-22T20:00:00.123Z".parse().unwrap();
        let mut out = Vec::new();
        Audit::new(SUBJECT, &report, at, Duration::from_micros(12_900)).write(at, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_step_leaves_one_audit_line_and_one_metrics_line() {
        let lines = lines(Ok(Outcome::Done));
        assert_eq!(
            lines[0],
            json!({"audit":"rotation","at":"2026-11-22T20:00:00.123Z","step":"setSecret","secretArn":"arn:x","versionId":"v2",
                   "engine":"postgres","strategy":"single","outcome":"ok","errorKind":null,"durationMs":12})
        );
        assert_eq!(lines[1]["_aws"]["Timestamp"], 1_795_377_600_123_i64);
        assert_eq!((&lines[1]["StepDuration"], &lines[1]["StepFailures"]), (&json!(12), &json!(0)));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_failure_is_counted_by_its_kind() {
        let lines = lines(Err(StepError::NotPending("v2".to_owned())));
        assert_eq!((&lines[0]["outcome"], &lines[0]["errorKind"]), (&json!("failed"), &json!("refused")));
        assert_eq!((&lines[1]["ErrorKind"], &lines[1]["StepFailures"]), (&json!("refused"), &json!(1)));
    }
}
