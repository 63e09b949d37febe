//! Messages that come more than once, in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rekey_tests::fault::passed::Passed;
use rekey_tests::fault::rule::{Effect, When};

use super::stage::{Row, SOON};

/// AWS dates events in whole seconds, and clocks are trusted to one: versions this far apart can be told apart.
const APART: Duration = Duration::from_millis(2100);

#[tokio::test]
async fn three_deliveries_in_any_order_cost_one_read() {
    let row = Row::begin("each message three times, shuffled", &[]).await;
    let mut fleet = row.fleet(20, 2, "1h").await;
    let aws = &row.stage.aws;
    // The long poll under way ends by itself, with a heartbeat at the latest; the next one waits here.
    let hold = aws.fault(When::action("ReceiveMessage"), Effect::Hold);
    hold.arrived(1, SOON).await.unwrap();
    fleet.rotate_each().await.unwrap();
    tokio::time::sleep(APART).await;
    fleet.rotate_each().await.unwrap();
    let announced = |body: &String| fleet.sources.iter().any(|source| body.contains(&source.arn));
    let mut bodies =
        row.queue.take(SOON, |bodies| bodies.iter().filter(|body| announced(body)).count() == 40).await.unwrap();
    bodies.retain(announced);
    let mut random = StdRng::seed_from_u64(4);
    let mut thrice = [bodies.as_slice(), &bodies, &bodies].concat();
    thrice.shuffle(&mut random);
    let mark = aws.mark();
    row.queue.send_all(&thrice).await.unwrap();
    row.sent(thrice.len());
    drop(hold);
    fleet.arrived(SOON).await.unwrap();
    row.queue.drained(SOON).await.unwrap();
    let mut reads: BTreeMap<String, usize> = BTreeMap::new();
    for read in aws.since(mark).into_iter().filter(Passed::is_read) {
        *reads.entry(read.resource).or_default() += 1;
    }
    let more: Vec<_> = reads.iter().filter(|(_, reads)| **reads != 1).collect();
    assert!(more.is_empty() && reads.len() == 20, "{} secrets were read, more than once: {more:?}", reads.len());

    // Once everything is applied, not even one.
    let mark = aws.mark();
    thrice.shuffle(&mut random);
    row.queue.send_all(&thrice).await.unwrap();
    row.sent(thrice.len());
    row.queue.drained(SOON).await.unwrap();
    assert_eq!(aws.count(mark, Passed::is_read), 0);
    row.end(fleet, 0, SOON).await;
}
