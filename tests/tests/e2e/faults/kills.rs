//! kill -9, in the middle of things.

use std::time::Duration;

use rekey_tests::fault::rule::{Effect, When};

use super::stage::{REDELIVERED, Row, SOON};

#[tokio::test]
async fn a_thousand_rotations_survive_five_kills() {
    let row = Row::begin("agent killed -9 five times", &[]).await;
    let mut fleet = row.fleet(200, 4, "1h").await;
    let (aws, kubernetes, agent) = (&row.stage.aws, &row.stage.kubernetes, row.agent());
    let objects = format!("/namespaces/{}/", fleet.namespace);
    // Before a read; with a target written, but not known to be; with the status, then the restart half done; and with
    // everything done but the message.
    for point in 0..5 {
        let hold = match point {
            0 => aws.fault(When::action("GetSecretValue"), Effect::Hold),
            1 => kubernetes.fault(When::action("PUT").path(&format!("{objects}secrets/")), Effect::HoldAnswer),
            2 => kubernetes.fault(When::action("PATCH").path("/status"), Effect::Hold),
            3 => kubernetes.fault(When::action("PATCH").path(&format!("{objects}deployments/")), Effect::HoldAnswer),
            _ => aws.fault(When::action("DeleteMessageBatch"), Effect::Hold),
        };
        let killed = async {
            hold.arrived(1, SOON).await.unwrap();
            agent.kill();
            drop(hold);
            agent.restart().await.unwrap();
        };
        let (rotated, ()) = tokio::join!(fleet.rotate_at_random(170, Duration::ZERO), killed);
        rotated.unwrap();
    }
    fleet.rotate_at_random(150, Duration::ZERO).await.unwrap();
    row.end(fleet, 0, REDELIVERED).await;
}
