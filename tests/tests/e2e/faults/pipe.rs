//! The pipe breaks, loudly and silently.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rekey_tests::eventually::eventually;
use rekey_tests::fault::fleet::Fleet;
use rekey_tests::fault::passed::Passed;
use rekey_tests::fault::rule::{Effect, When};
use serde_json::{Value, json};

use super::stage::{REDELIVERED, Row, SOON};

/// For a look at `/readyz`, and for the agent's own look at its pipes.
const A_LOOK: Duration = Duration::from_secs(1);

/// Rotates each secret, and waits until it has arrived within `interval` + 10 %.
async fn arrives_within(fleet: &mut Fleet, interval: Duration) {
    for index in 0..fleet.sources.len() {
        fleet.rotate(index).await.unwrap();
    }
    let first = fleet.sources[0].versions.last().unwrap().at;
    fleet.arrived(SOON).await.unwrap();
    // Counted from the first of them, so it is more than any of them took.
    let took = first.elapsed();
    assert!(took <= interval.mul_f64(1.1), "it took {took:?} with an interval of {interval:?}");
}

#[tokio::test]
async fn an_unreachable_queue_is_noticed_replaced_and_believed_again() {
    // With heartbeats this far apart it is the queue alone that tells.
    let row = Row::begin("queue unreachable", &[("--heartbeat-period", "10m")]).await;
    let mut fleet = row.fleet(5, 1, "10s").await;
    let aws = &row.stage.aws;
    let mark = aws.mark();
    let refused = aws.fault(When::action("AmazonSQS"), Effect::Cut);
    aws.cut();
    eventually("the agent to ask the queue in vain", SOON, async || {
        ensure!(refused.hits() > 0, "it has not");
        Ok(())
    })
    .await
    .unwrap();
    let failing = Instant::now();
    row.pipes(": unproven", SOON + A_LOOK).await;
    let took = failing.elapsed();
    assert!(took <= Duration::from_secs(30), "it was believed for {took:?}");
    arrives_within(&mut fleet, Duration::from_secs(10)).await;
    let receives: Vec<Instant> = aws
        .since(mark)
        .iter()
        .filter(|passed| passed.action == "ReceiveMessage")
        .map(|passed| passed.arrived)
        .collect();
    assert!(receives.len() < 60, "{} receives while the queue was unreachable: a hot loop", receives.len());

    let applied = aws.mark();
    drop(refused);
    row.pipes(": proven", SOON).await;
    row.queue.drained(SOON).await.unwrap();
    let reads = aws.count(applied, Passed::is_read);
    assert_eq!(reads, 0, "the events that had waited were news to nobody");
    row.end(fleet, 0, SOON).await;
}

#[tokio::test]
async fn an_agent_that_cannot_reach_aws_when_it_starts_runs_unproven_and_catches_up() {
    let row = Row::begin("AWS unreachable at the start", &[]).await;
    let mut fleet = row.fleet(3, 1, "1h").await;
    let down = row.stage.aws.fault(When::any(), Effect::Cut);
    row.stage.aws.cut();
    row.agent().restart().await.unwrap();
    row.agent().ready(SOON).await.unwrap();
    eventually("the agent to ask AWS in vain", SOON, async || {
        ensure!(down.hits() > 3, "{} times", down.hits());
        Ok(())
    })
    .await
    .unwrap();
    let (status, text) = row.agent().get("/readyz").await.unwrap();
    assert!(status == 200 && text.contains(": unproven") && !text.contains(": proven"), "{status}: {text}");
    for index in 0..fleet.sources.len() {
        fleet.rotate(index).await.unwrap();
    }
    drop(down);
    row.pipes(": proven", REDELIVERED).await;
    row.end(fleet, 0, REDELIVERED).await;
}

/// A rule of the deployed stack.
struct Rule {
    name: String,
    description: Value,
}

impl Rule {
    async fn find(row: &Row, wanted: impl Fn(&Value) -> bool) -> Self {
        let answer = row.stage.stack.aws.cli(&["events", "list-rules"]).await.unwrap();
        let rules = answer["Rules"].as_array().unwrap();
        let found: Vec<&Value> = rules.iter().filter(|rule| wanted(rule)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        Self { name: found[0]["Name"].as_str().unwrap().to_owned(), description: found[0].clone() }
    }

    async fn of_changes(row: &Row) -> Self {
        let pattern =
            |rule: &Value| rule["EventPattern"].as_str().is_some_and(|text| text.contains("Secret Label Updated"));
        Self::find(row, pattern).await
    }

    async fn of_heartbeats(row: &Row) -> Self {
        Self::find(row, |rule| rule["ScheduleExpression"].as_str().is_some_and(|text| !text.is_empty())).await
    }

    async fn switch(&self, row: &Row, command: &str) {
        row.stage.stack.aws.cli(&["events", command, "--name", &self.name]).await.unwrap();
    }

    async fn pattern(&self, row: &Row, pattern: &str) {
        let put = ["events", "put-rule", "--name", &self.name, "--event-pattern", pattern];
        row.stage.stack.aws.cli(&put).await.unwrap();
    }
}

#[tokio::test]
async fn without_heartbeats_refresh_interval_takes_over_after_two_and_a_half_periods() {
    let row = Row::begin("heartbeat function stopped", &[]).await;
    let mut fleet = row.fleet(5, 1, "5s").await;
    let (heartbeats, changes) = (Rule::of_heartbeats(&row).await, Rule::of_changes(&row).await);
    heartbeats.switch(&row, "disable-rule").await;
    let stopped = Instant::now();
    row.pipes(": unproven", SOON).await;
    // The last heartbeat was sent before it was stopped; dates of events are cut to the second.
    let took = stopped.elapsed();
    assert!(took <= Duration::from_millis(12_500) + A_LOOK, "it was believed for {took:?}");
    // What arrives without the rule has come by polling.
    changes.switch(&row, "disable-rule").await;
    arrives_within(&mut fleet, Duration::from_secs(5)).await;
    changes.switch(&row, "enable-rule").await;
    heartbeats.switch(&row, "enable-rule").await;
    row.pipes(": proven", SOON).await;
    row.end(fleet, 0, SOON).await;
}

#[tokio::test]
async fn a_change_that_was_lost_silently_is_found_by_the_sweep_and_reported() {
    let row = Row::begin("change rule lost silently, heartbeats alive", &[("--sweep-interval", "10s")]).await;
    let mut fleet = row.fleet(3, 1, "5s").await;
    let changes = Rule::of_changes(&row).await;
    let narrow = json!({
        "source": ["aws.secretsmanager", "aws.ssm"],
        "detail-type": ["Secret Label Updated", "Parameter Store Change"],
        "detail": {"name": [{"prefix": "rekey/canary/"}, {"prefix": "/rekey/canary/"}]},
    });
    changes.pattern(&row, &narrow.to_string()).await;
    let mark = row.agent().log().mark();
    arrives_within(&mut fleet, Duration::from_secs(10)).await;
    let found = Instant::now();
    let reported = async || {
        let lines = row.agent().log().since(mark)?;
        anyhow::Ok(lines.iter().filter(|line| line.message.starts_with("unannounced change")).count())
    };
    eventually("each change to be reported as unannounced", Duration::from_secs(90), async || {
        let reports = reported().await?;
        ensure!(reports >= 3, "{reports} are");
        Ok(())
    })
    .await
    .unwrap();
    let waited = found.elapsed();
    // An event may still come; the sweep itself was up to one interval earlier than we saw it.
    assert!(waited >= Duration::from_secs(45), "it was reported after {waited:?}, as if no event could be late");
    assert_eq!(reported().await.unwrap(), 3);
    let (_, metrics) = row.agent().get("/metrics").await.unwrap();
    let counted = metrics.lines().find(|line| line.starts_with("rekey_unannounced_changes_total"));
    assert!(counted.is_some_and(|line| line.ends_with(" 3")), "{counted:?}");
    row.pipes(": proven", A_LOOK).await;
    changes.pattern(&row, changes.description["EventPattern"].as_str().unwrap()).await;
    row.end(fleet, 0, SOON).await;
}
