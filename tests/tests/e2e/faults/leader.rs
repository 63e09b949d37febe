//! Two agents, of which one may write.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rekey_tests::agent::Agent;
use rekey_tests::eventually::eventually;
use rekey_tests::fault::passed::{self, Passed};
use rekey_tests::fault::rule::{Effect, When};
use rekey_tests::log::Mark;

use super::stage::{REDELIVERED, Row, SOON};

/// A Lease of 10 s that nobody renews, and the standby's look at it every 2 s.
const TAKEN_OVER: Duration = Duration::from_secs(12);
const ELECTED: [(&str, &str); 1] = [("--leader-elect", "true")];

async fn says(agent: &Agent, part: &str, timeout: Duration) -> Duration {
    let begun = Instant::now();
    eventually(&format!("/readyz to say {part:?}"), timeout, async || {
        let (status, text) = agent.get("/readyz").await?;
        ensure!(status == 200 && text.contains(part), "{status} {text}");
        Ok(())
    })
    .await
    .unwrap();
    begun.elapsed()
}

#[tokio::test]
async fn the_standby_takes_over_and_the_old_leader_overwrites_nothing() {
    let row = Row::begin("leader killed; leader frozen, then resumed", &ELECTED).await;
    let first = row.agent();
    says(first, "leader: this instance", SOON).await;
    let (second, second_aws, second_kubernetes) = row.stage.second_agent(&ELECTED).await;
    second.ready(SOON).await.unwrap();
    says(&second, "leader: standby", SOON).await;
    let mut fleet = row.fleet(30, 3, "1h").await;
    let objects = format!("/namespaces/{}/", fleet.namespace);
    assert_eq!(second_aws.count(passed::Mark::default(), Passed::is_read), 0, "a standby reads nothing");

    // Killed in the middle of a burst.
    let write = row.stage.kubernetes.fault(When::action("PUT").path(&format!("{objects}secrets/")), Effect::Hold);
    let killed = async {
        write.arrived(1, SOON).await.unwrap();
        first.kill();
        drop(write);
        says(&second, "leader: this instance", SOON).await
    };
    let (rotated, took) = tokio::join!(fleet.rotate_at_random(150, Duration::from_millis(10)), killed);
    rotated.unwrap();
    assert!(took <= TAKEN_OVER, "the standby took over after {took:?}");
    fleet.arrived(SOON).await.unwrap();

    // Frozen in the middle of a write, until long after its lease has ended.
    first.restart().await.unwrap();
    first.ready(SOON).await.unwrap();
    says(first, "leader: standby", SOON).await;
    let target = format!("{objects}secrets/{}", fleet.sources[0].name);
    let write = second_kubernetes.fault(When::action("PUT").path(&target).times(1), Effect::Hold);
    fleet.rotate(0).await.unwrap();
    write.arrived(1, SOON).await.unwrap();
    second.freeze();
    fleet.rotate_each().await.unwrap();
    let took = says(first, "leader: this instance", SOON).await;
    assert!(took <= TAKEN_OVER, "the standby took over after {took:?}");
    fleet.arrived(SOON).await.unwrap();
    let resumed = second_kubernetes.mark();
    drop(write);
    second.thaw();
    eventually("the old leader to have noticed", SOON, async || {
        if second.check().is_err() {
            return Ok(());
        }
        let (_, text) = second.get("/readyz").await?;
        ensure!(text.contains("leader: standby"), "{text}");
        Ok(())
    })
    .await
    .unwrap();
    fleet.are_equal().await.unwrap();
    let written = |passed: &Passed| {
        let is_write = matches!(passed.action.as_str(), "PUT" | "POST" | "PATCH");
        let done = passed.status.is_some_and(|status| status.is_success());
        is_write && done && passed.resource.contains(&objects) && !passed.resource.contains("/events")
    };
    assert_eq!(second_kubernetes.count(resumed, written), 0, "the old leader wrote after its lease had ended");
    let log = second.log().text_since(Mark::default()).unwrap();
    row.stage.values.are_not_in("the second agent's log", &log);
    assert!(log.contains("\"DEBUG\""), "the log is not as detailed as it should be");
    row.include(&second_aws, &second_kubernetes);
    row.end(fleet, 0, REDELIVERED).await;
    second.stop(SOON);
}
