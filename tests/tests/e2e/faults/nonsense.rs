//! Messages that nobody should have sent.

use std::time::{Duration, Instant};

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use rekey_tests::eventually::eventually;
use rekey_tests::fault::fleet::Fleet;
use rekey_tests::fault::passed::fullest;
use serde_json::{Value, json};

use super::stage::{FIVE_SECONDS, Row, SOON};

/// SQS takes no more.
const LARGEST: usize = 1 << 20;
const TWO_SECONDS: Duration = Duration::from_secs(2);

fn unknown_event() -> Value {
    json!({
        "version": "0", "id": "unknown", "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
        "account": "000000000000", "region": "us-east-1", "time": "2026-01-01T00:00:00Z", "resources": [], "detail": {},
    })
}

/// The event of a secret with the same name elsewhere.
fn elsewhere(event: &Value, part: &str, other: &str) -> Value {
    let text = event.to_string().replace(part, other);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn nonsense_goes_to_the_dlq_or_nowhere_and_delays_nothing() {
    let row = Row::begin("poison, 1 MiB, unknown, foreign messages", &[]).await;
    let mut fleet = row.fleet(2, 1, "1h").await;
    let now = Timestamp::now();
    let foreign = fleet.sources[1].event(&rekey_tests::random_word(36), now);
    let mut large = fleet.sources[1].event(&fleet.sources[1].versions[0].id, now);
    large["padding"] = "p".repeat(LARGEST - large.to_string().len() - 16).into();
    let poison = ["not an event".to_owned(), "x".repeat(LARGEST)];
    let ignored = [
        large.to_string(),
        unknown_event().to_string(),
        elsewhere(&foreign, rekey_tests::aws::ACCOUNT, "999999999999").to_string(),
        elsewhere(&foreign, "us-east-1", "eu-west-1").to_string(),
    ];
    let mark = row.stage.aws.mark();
    for body in poison.iter().chain(&ignored) {
        row.queue.send(body).await.unwrap();
        row.sent(1);
    }
    fleet.rotate(0).await.unwrap();
    let took = fleet.one_arrived(0, SOON).await.unwrap();
    assert!(took < TWO_SECONDS, "the next message took {took:?}");
    row.queue.drained(SOON).await.unwrap();
    let mut dead = row.queue.dead_bodies().await.unwrap();
    dead.sort_unstable();
    assert!(dead == poison, "other messages than the poison are in the DLQ, or not all of it: {}", dead.len());
    let read = row.stage.aws.count(mark, |passed| passed.is_read() && passed.is_about(&fleet.sources[1]));
    assert_eq!(read, 0, "a secret was read that had nothing to do with it");
    // Looking at them has hidden them for a moment.
    eventually("the DLQ to show both again", SOON, async || {
        let dead = row.queue.dead().await?;
        ensure!(dead == 2, "{dead}");
        Ok(())
    })
    .await
    .unwrap();
    row.end(fleet, 2, SOON).await;
}

/// How many messages a minute brings.
const FORGED: u32 = 10_000;
/// More than a cache of what came in would take, were there one.
const FLAT: u64 = 32 << 20;

/// Half are about secrets that are there, half of each are stale, and half name versions that do not exist.
fn forged(fleet: &Fleet, number: u32) -> String {
    let now = Timestamp::now();
    let source = &fleet.sources[number as usize / 4 % fleet.sources.len()];
    let old = now.checked_sub(SignedDuration::from_hours(1)).unwrap();
    let event = match number % 2 {
        0 => source.event(&source.versions[0].id, old),
        _ => source.event(&rekey_tests::random_word(36), now),
    };
    match number % 4 {
        0 | 1 => event,
        _ => elsewhere(&event, &source.id, &format!("nobody/{}", rekey_tests::random_word(8))),
    }
    .to_string()
}

#[tokio::test]
async fn forged_and_stale_events_cost_a_bounded_number_of_reads_and_delay_nothing() {
    let row = Row::begin("10,000 forged or stale events in a minute", &[]).await;
    let mut fleet = row.fleet(10, 1, "1h").await;
    let (aws, agent) = (&row.stage.aws, row.agent());
    let (mark, before) = (aws.mark(), agent.resident().unwrap());
    let begun = Instant::now();
    let (mut sent, mut largest, mut slowest) = (0, before, Duration::ZERO);
    while sent < FORGED {
        let bodies: Vec<String> = (sent..sent + 50).map(|number| forged(&fleet, number)).collect();
        row.queue.send_all(&bodies).await.unwrap();
        sent += 50;
        if sent.is_multiple_of(2500) {
            let index = sent as usize / 2500;
            fleet.rotate(index).await.unwrap();
            slowest = slowest.max(fleet.one_arrived(index, SOON).await.unwrap());
        }
        largest = largest.max(agent.resident().unwrap());
        let due = begun + Duration::from_mins(1) * sent / FORGED;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
    }
    row.sent(sent as usize);
    assert!(slowest < TWO_SECONDS, "a real rotation took {slowest:?}");
    row.queue.drained(SOON).await.unwrap();
    let seen = aws.since(mark);
    for source in &fleet.sources {
        let reads = seen.iter().filter(|passed| passed.is_read() && passed.is_about(source));
        let times: Vec<Instant> = reads.map(|passed| passed.arrived).collect();
        let fullest = fullest(FIVE_SECONDS, &times);
        assert!(fullest.len() <= 6, "reads of {} in 5 s, of {} in all: {fullest:?} ms", source.id, times.len());
    }
    largest = largest.max(agent.resident().unwrap());
    assert!(largest - before < FLAT, "memory grew from {before} to {largest} bytes");
    row.end(fleet, 0, SOON).await;
}
