//! Events that are ahead of AWS, and events that overtake a sync.

use std::time::{Duration, Instant};

use rekey_tests::fault::passed::{Passed, fullest};
use rekey_tests::fault::rule::{Effect, When};

use super::stage::{FIVE_SECONDS, Row, SOON};

#[tokio::test]
async fn a_value_that_aws_does_not_return_yet_arrives_by_itself() {
    let row = Row::begin("AWS answers with the old version for 2 s", &[]).await;
    let mut fleet = row.fleet(5, 1, "1h").await;
    let lag = row.stage.aws.fault(When::action("secretsmanager"), Effect::Replay);
    let mark = row.stage.aws.mark();
    let begun = Instant::now();
    fleet.rotate_each().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2).saturating_sub(begun.elapsed())).await;
    assert!(lag.hits() >= 5, "each secret was asked for while AWS lagged: {}", lag.hits());
    drop(lag);
    fleet.arrived(Duration::from_secs(5).saturating_sub(begun.elapsed())).await.unwrap();
    for source in &fleet.sources {
        let seen = row.stage.aws.since(mark);
        let of_this = seen.iter().filter(|passed| passed.is_read() && passed.is_about(source));
        let times: Vec<Instant> = of_this.map(|read| read.arrived).collect();
        let fullest = fullest(FIVE_SECONDS, &times);
        assert!(fullest.len() <= 6, "reads of {}: {fullest:?} ms", source.id);
    }
    row.none_deleted_early(&fleet, 0);
    row.end(fleet, 0, SOON).await;
}

#[tokio::test]
async fn an_event_that_overtakes_a_sync_is_read_and_written_before_its_message_is_deleted() {
    let row = Row::begin("V2's event arrives during the sync of V1", &[]).await;
    let mut fleet = row.fleet(2, 1, "1h").await;
    let (aws, kubernetes) = (&row.stage.aws, &row.stage.kubernetes);
    let read = When::action("GetSecretValue").body(&fleet.sources[0].id).times(1);
    let write = format!("/namespaces/{}/secrets/{}", fleet.namespace, fleet.sources[1].name);
    let write = When::action("PUT").path(&write).times(1);
    let holds = [
        ("the answer of the read", aws.fault(read, Effect::HoldAnswer)),
        ("the write", kubernetes.fault(write, Effect::Hold)),
    ];
    for (index, (point, hold)) in holds.into_iter().enumerate() {
        fleet.rotate(index).await.unwrap();
        hold.arrived(1, SOON).await.unwrap();
        let (logged, asked) = (row.agent().log().mark(), aws.mark());
        let second = fleet.rotate(index).await.unwrap();
        let received = row.agent().log().wait_for("V2's event", logged, SOON, |line| {
            line.message == "event received" && line.field("version") == second
        });
        received.await.unwrap();
        drop(hold);
        fleet.one_arrived(index, SOON).await.unwrap();
        assert!(aws.count(asked, Passed::is_read) >= 1, "V2 was not read while {point} of V1 was held");
    }
    row.queue.drained(SOON).await.unwrap();
    row.none_deleted_early(&fleet, 4);
    row.end(fleet, 0, SOON).await;
}
