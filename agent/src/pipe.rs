//! Watches the pipes' states and says when one flips. The rules are `rekey_core::pipe`'s; the clock is here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::pipe::{PipeId, PipeState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::state::State;

/// States change by time passing, so they are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs until told to stop; each flip wakes the sweep.
pub async fn run(state: State, metrics: Metrics, sweep: Arc<Notify>, shutdown: CancellationToken) {
    let mut known: BTreeMap<PipeId, PipeState> = BTreeMap::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = look.tick() => {}
        }
        let now = Timestamp::now();
        let states: Vec<(PipeId, PipeState)> =
            state.with_pipes(|pipes| pipes.all(now).map(|(id, state, _)| (id.clone(), state)).collect());
        for (id, state) in states {
            metrics.pipe(&id, state);
            let before = known.insert(id.clone(), state);
            if before == Some(state) {
                continue;
            }
            say(&id, state, before.is_none());
            sweep.notify_one();
        }
    }
}

fn say(id: &PipeId, state: PipeState, first: bool) {
    let (account, region, service) = (&id.account, &id.region, &id.service);
    match state {
        PipeState::Proven => info!(%account, %region, %service, "pipe proven"),
        PipeState::Unproven(_) if first => {}
        PipeState::Unproven(reason) => {
            warn!(%account, %region, %service, %reason, "pipe unproven; refreshInterval takes over");
        }
    }
}
