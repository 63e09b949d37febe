//! AWS and the API server answer with errors, or not at all.

use std::time::{Duration, Instant};

use rekey_tests::fault::answer::Answer;
use rekey_tests::fault::passed::fullest;
use rekey_tests::fault::rule::{Effect, Fault, When};

use super::stage::{Row, SOON};

#[tokio::test]
async fn half_of_the_calls_are_throttled_and_everything_arrives_within_the_budget() {
    const RATE: u32 = 10;
    let row = Row::begin("Secrets Manager throttles 50 % for 30 s", &[("--secrets-manager-rate", "10")]).await;
    let mut fleet = row.fleet(40, 2, "1h").await;
    let aws = &row.stage.aws;
    let mark = aws.mark();
    let throttled = aws.fault(When::action("secretsmanager").chance(0.5), Effect::Answer(Answer::throttled()));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        fleet.rotate_at_random(10, Duration::from_millis(100)).await.unwrap();
    }
    assert!(throttled.hits() > 20, "only {} calls were throttled", throttled.hits());
    drop(throttled);
    fleet.arrived(SOON).await.unwrap();
    row.queue.drained(SOON).await.unwrap();
    let calls: Vec<_> = aws.since(mark).into_iter().filter(|passed| passed.service == "secretsmanager").collect();
    let times: Vec<Instant> = calls.iter().map(|passed| passed.arrived).collect();
    for seconds in [1, 5, 20] {
        // A bucket that is full at first, and fills at its rate; one more for the ends of the span.
        let (most, allowed) = (fullest(Duration::from_secs(seconds.into()), &times).len(), RATE + RATE * seconds + 1);
        assert!(most <= allowed as usize, "{most} calls in {seconds} s at {RATE} a second");
    }
    for source in &fleet.sources {
        let of_this = calls.iter().filter(|passed| passed.is_about(source));
        let times: Vec<Instant> = of_this.map(|passed| passed.arrived).collect();
        // Six reads, each tried three times.
        let fullest = fullest(Duration::from_secs(5), &times);
        assert!(fullest.len() <= 18, "calls about {} in 5 s: {fullest:?} ms", source.id);
    }
    row.end(fleet, 0, SOON).await;
}

#[tokio::test]
async fn everything_arrives_though_the_api_server_fails_in_every_way() {
    let row = Row::begin("API server down 20 s, 410, conflicts", &[]).await;
    let mut fleet = row.fleet(30, 3, "1h").await;
    let kubernetes = &row.stage.kubernetes;
    let objects = format!("/namespaces/{}/", fleet.namespace);

    // Half of the writes meet another's, a few meet an etcd without a leader, and some answers are lost on the way.
    let writes = When::action("PUT").or_action("PATCH").path(&objects);
    let failing = [
        kubernetes.fault(writes.clone().chance(0.5), Effect::Answer(Answer::conflict())),
        kubernetes.fault(writes.clone().chance(0.2), Effect::Answer(Answer::server_error())),
        kubernetes.fault(writes.chance(0.1), Effect::CutAnswer),
    ];
    fleet.rotate_each().await.unwrap();
    fleet.arrived(SOON).await.unwrap();
    let met: u32 = failing.iter().map(Fault::hits).sum();
    assert!(met > 20, "only {met} writes failed");
    drop(failing);

    // The watches end, and cannot go on where they were.
    let gone = kubernetes.fault(When::action("GET").path("watch=").times(3), Effect::Answer(Answer::gone()));
    kubernetes.expire_watches();
    fleet.rotate_at_random(30, Duration::ZERO).await.unwrap();
    kubernetes.cut();
    fleet.rotate_at_random(30, Duration::ZERO).await.unwrap();
    fleet.arrived(SOON).await.unwrap();
    assert_eq!(gone.hits(), 3, "the watches were not begun anew");
    drop(gone);

    let down = kubernetes.down();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        fleet.rotate_at_random(10, Duration::from_millis(100)).await.unwrap();
    }
    drop(down);
    fleet.arrived(SOON).await.unwrap();
    row.queue.drained(SOON).await.unwrap();
    row.none_deleted_early(&fleet, 60);
    row.end(fleet, 0, SOON).await;
}
