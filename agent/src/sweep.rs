//! The sweep: compares which versions AWS has with what was applied, without reading values.
//!
//! It covers what events may miss: at start, at each flip of a pipe, at the sweep interval while a pipe is proven, and
//! at each object's own refreshInterval while it is not. It only moves what is desired; the worker does the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use rekey_core::ledger::{Decision, Look, Policy};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, check_interval};
use rekey_core::store::AwsStore;
use rekey_core::wanted::Wanted;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use crate::provider::{Checked, Provider};
use crate::state::{Object, State};
use crate::worker::{Urgency, Work};

/// With nothing due, the sweep looks again after this long: objects and stores may have come meanwhile.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// Stores compared at a time.
const CONCURRENT_STORES: usize = 8;

/// See the module's head.
#[derive(Clone)]
pub struct Sweep {
    /// What is there.
    pub state: State,
    /// Who tells versions.
    pub provider: Provider,
    /// Who syncs what differs.
    pub work: Work,
    /// Counters.
    pub metrics: Metrics,
    /// How often, in a proven pipe.
    pub interval: Duration,
    /// Wakes the sweep for all objects.
    pub flipped: Arc<Notify>,
}

impl Sweep {
    /// Runs until told to stop. The first round covers everything.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut everything = true;
        loop {
            let nap = tokio::select! {
                () = shutdown.cancelled() => return,
                nap = self.round(everything) => nap,
            };
            everything = tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.flipped.notified() => true,
                () = tokio::time::sleep(nap) => false,
            };
        }
    }

    /// Checks what is due (or all that can be due at all) and returns how long nothing will be.
    async fn round(&self, everything: bool) -> Duration {
        let now = Timestamp::now();
        let mut nap = LONGEST_NAP;
        let mut due: BTreeMap<ObjectKey, PipeState> = BTreeMap::new();
        let mut wanted: BTreeMap<AwsStore, BTreeSet<Wanted>> = BTreeMap::new();
        self.state.visit(now, |key, object, pipe| {
            let Some(interval) = check_interval(pipe, refresh_of(object), self.interval) else { return };
            let wait = until(object.checked, interval, now);
            if !everything && !wait.is_zero() {
                nap = nap.min(wait);
                return;
            }
            for request in object.requests.iter().flat_map(|requests| requests.iter()) {
                if !request.wanted.selector.is_fixed() {
                    wanted.entry(request.store.clone()).or_default().insert(request.wanted.clone());
                }
            }
            due.insert(key.clone(), pipe);
        });
        // What was stale before the comparison is not the sweep's find.
        let fresh: BTreeSet<ObjectKey> =
            due.keys().filter(|key| self.state.decide(key, now) == Some(Decision::Skip)).cloned().collect();
        // One store that does not answer holds up none of the others.
        stream::iter(wanted)
            .for_each_concurrent(CONCURRENT_STORES, async |(store, wanted)| {
                self.check(&store, wanted.into_iter().collect()).await;
            })
            .await;
        let objects = due.len();
        let found = |key: &ObjectKey| fresh.contains(key) && !everything;
        let stale = due.into_iter().filter(|(key, pipe)| self.settle(key, *pipe, found(key))).count();
        if objects > 0 {
            debug!(objects, stale, "sweep done");
        }
        nap
    }

    async fn check(&self, store: &AwsStore, wanted: Vec<Wanted>) {
        let looks: Vec<Look> = wanted.iter().map(|one| self.state.begin_check(one)).collect();
        let mut checked = self.provider.check(store, &wanted).await;
        for (one, look) in wanted.iter().zip(looks) {
            match checked.remove(one) {
                // What does not stand is looked for by reads.
                Some(Checked::Version { known, account }) => drop(self.state.settle(one, look, known, account)),
                Some(Checked::Unclear(reason)) => {
                    debug!(source = %one, reason, "version not told; the value will be read");
                    self.state.mark_unknown(one);
                }
                Some(Checked::Later(reason)) => debug!(source = %one, reason, "version not told this time"),
                None => {}
            }
        }
    }

    /// Asks for a sync where the versions differ.
    fn settle(&self, key: &ObjectKey, pipe: PipeState, found: bool) -> bool {
        let now = Timestamp::now();
        self.state.with_object(key, |object| object.checked = Some(now));
        if self.state.decide(key, now) != Some(Decision::Read) {
            return false;
        }
        if pipe == PipeState::Proven && found {
            self.metrics.unannounced();
            warn!(externalsecret = %key, "unannounced change: the sweep found a version that no event told of; do the rules cover its store?");
        } else {
            info!(externalsecret = %key, "sweep found another version");
        }
        self.work.push(key.clone(), Urgency::Routine);
        true
    }
}

fn refresh_of(object: &Object) -> Option<Duration> {
    match object.policy() {
        Policy::Periodic(interval) => Some(interval),
        Policy::Once | Policy::OnChange | Policy::CreatedOnce => None,
    }
}

fn until(checked: Option<Timestamp>, interval: Duration, now: Timestamp) -> Duration {
    let Some(checked) = checked else { return Duration::ZERO };
    let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
    // Ten thousand years from now is never.
    let Ok(due) = checked.checked_add(interval) else { return Duration::MAX };
    Duration::try_from(due.duration_since(now)).unwrap_or_default()
}
