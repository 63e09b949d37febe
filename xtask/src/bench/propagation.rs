//! From `put-secret-value` to the target and to the pod template: one rotation at a time, and many at once.

use std::time::Duration;

use anyhow::Result;
use rekey_tests::crowd::Crowd;

use super::figures::Spread;

const SOON: Duration = Duration::from_secs(30);
const BURST: Duration = Duration::from_mins(5);
/// After a rotation, until the receiver polls again.
const PAUSE: Duration = Duration::from_millis(100);

/// Rotations one after the other, from the moment AWS was asked.
pub struct Singles {
    pub target: Spread,
    pub template: Spread,
}

/// Rotates a secret of each of so many workloads. `restarts`: somebody restarts them.
pub async fn singles(crowd: &Crowd, times: usize, restarts: bool) -> Result<Singles> {
    let (mut targets, mut templates) = (Vec::new(), Vec::new());
    let stride = crowd.members.len() / times;
    for member in crowd.members.iter().step_by(stride).take(times) {
        let put = crowd.put(member).await?;
        targets.push(crowd.arrivals.value(&put.value, SOON).await? - put.asked);
        if restarts {
            templates.push(crowd.arrivals.restart(&member.workload, put.asked, SOON).await? - put.asked);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Singles { target: Spread::of(targets), template: Spread::of(templates) })
}

/// Rotations at once.
pub struct Burst {
    /// From the moment AWS was asked for each of them to its target.
    pub each: Spread,
    /// From AWS's last answer to the last target.
    pub last: Duration,
}

/// Rotates so many secrets as fast as AWS takes them.
pub async fn burst(crowd: &Crowd, times: usize) -> Result<Burst> {
    let stride = crowd.members.len() / times;
    let puts = crowd.put_all(crowd.members.iter().step_by(stride).take(times)).await?;
    let (mut each, mut last) = (Vec::new(), None);
    for put in &puts {
        let at = crowd.arrivals.value(&put.value, BURST).await?;
        each.push(at - put.asked);
        last = last.max(Some(at));
    }
    let answered = puts.iter().map(|put| put.answered).max();
    let last = last.zip(answered).map_or(Duration::ZERO, |(last, answered)| last.saturating_duration_since(answered));
    Ok(Burst { each: Spread::of(each), last })
}
