//! Watches the pipes' states and says when one flips: in the log, and as an Event on the agent's Deployment. The rules
//! are `rekey_core::pipe`'s; the clock is here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::identity::{Account, Region, Service};
use rekey_core::pipe::{PipeId, PipeState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::event::Events;
use crate::cluster::own::OwnDeployment;
use crate::state::State;

/// States change by time passing, so they are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A pipe as `/readyz` and `/metrics` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Whose events; `None` for a pipe that no heartbeat has come through: which accounts it carries is not known then.
    pub account: Option<Account>,
    /// From where.
    pub region: Region,
    /// From which service.
    pub service: Service,
    /// Whether it can be relied on.
    pub state: PipeState,
    /// When the newest heartbeat was sent.
    pub heartbeat: Option<Timestamp>,
}

/// Every pipe that heartbeats came through, and those that objects depend on without one.
#[must_use]
pub fn overview(state: &State, now: Timestamp) -> Vec<Overview> {
    let used = state.used_pipes();
    state.with_pipes(|pipes| {
        let mut all: Vec<Overview> = pipes
            .all(now)
            .map(|(id, state, heartbeat)| Overview {
                account: Some(id.account.clone()),
                region: id.region.clone(),
                service: id.service,
                state,
                heartbeat: Some(heartbeat),
            })
            .collect();
        for (region, service) in used {
            if !all.iter().any(|pipe| pipe.region == region && pipe.service == service) {
                let state = pipes.state_for(None, &region, service, now);
                all.push(Overview { account: None, region, service, state, heartbeat: None });
            }
        }
        all
    })
}

/// See the module's head.
pub struct Flips {
    /// What is known of the pipes.
    pub state: State,
    /// Who publishes Events.
    pub events: Events,
    /// What they are about.
    pub own: OwnDeployment,
    /// Wakes the sweep.
    pub sweep: Arc<Notify>,
}

impl Flips {
    /// Runs until told to stop; each flip wakes the sweep.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut known: BTreeMap<PipeId, PipeState> = BTreeMap::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            let now = Timestamp::now();
            let states: Vec<(PipeId, PipeState)> =
                self.state.with_pipes(|pipes| pipes.all(now).map(|(id, state, _)| (id.clone(), state)).collect());
            known.retain(|id, _| states.iter().any(|(one, _)| one == id));
            for (id, state) in states {
                let before = known.insert(id.clone(), state);
                if before == Some(state) {
                    continue;
                }
                self.say(&id, state, before.is_none());
                self.sweep.notify_one();
            }
        }
    }

    fn say(&self, id: &PipeId, state: PipeState, first: bool) {
        let (account, region, service) = (&id.account, &id.region, &id.service);
        match state {
            PipeState::Proven => info!(%account, %region, %service, "pipe proven"),
            // Nothing was proven before.
            PipeState::Unproven(_) if first => return,
            PipeState::Unproven(reason) => {
                warn!(%account, %region, %service, %reason, "pipe unproven; refreshInterval takes over");
            }
        }
        let (events, own, flip) = (self.events.clone(), self.own.clone(), Flip::of(id, state));
        // On the side: nobody waits for an Event.
        tokio::spawn(async move {
            let Some(about) = own.get().await else { return };
            if flip.proven {
                events.normal(&about, "PipeProven", &flip.action, flip.note).await;
            } else {
                events.warning(&about, "PipeUnproven", &flip.action, flip.note).await;
            }
        });
    }
}

/// What an Event says of a flip.
#[derive(Debug, PartialEq, Eq)]
struct Flip {
    proven: bool,
    /// Names the pipe and its state: Events that differ in their note alone would be counted as one.
    action: String,
    note: String,
}

impl Flip {
    fn of(id: &PipeId, state: PipeState) -> Self {
        let PipeId { account, region, service } = id;
        let pipe = format!("the pipe of {service} in {region} of account {account}");
        let (proven, word, note) = match state {
            PipeState::Proven => (
                true,
                "proven",
                format!("heartbeats prove {pipe}; changes arrive as events, the sweep interval checks"),
            ),
            PipeState::Unproven(reason) => (
                false,
                reason.as_str(),
                format!("{pipe} is not proven: {reason}; each object's refreshInterval takes over until it is"),
            ),
        };
        Self { proven, action: format!("{service}/{region}/{account}/{word}"), note }
    }
}

#[cfg(test)]
mod tests {
    use rekey_core::pipe::Reason;

    use super::*;

    #[test]
    fn an_event_names_the_pipe_the_reason_and_what_takes_over() {
        let id = PipeId {
            account: Account::parse("111122223333").expect("an account"),
            region: Region::parse("eu-west-1").expect("a region"),
            service: Service::SecretsManager,
        };
        let late = Flip::of(&id, PipeState::Unproven(Reason::HeartbeatLate));
        assert!(!late.proven);
        for part in ["SecretsManager", "eu-west-1", "111122223333", "the last heartbeat is too old", "refreshInterval"]
        {
            assert!(late.note.contains(part), "{part}: {}", late.note);
        }
        let proven = Flip::of(&id, PipeState::Proven);
        assert!(proven.proven && proven.note.contains("SecretsManager in eu-west-1"));
        let unreachable = Flip::of(&id, PipeState::Unproven(Reason::QueueUnreachable));
        assert!(late.action != unreachable.action && late.action != proven.action, "they are Events of their own");
        let longest = format!("{}/{}/{}/{}", id.service, "r".repeat(63), id.account, Reason::QueueUnreachable.as_str());
        assert!(longest.len() <= 128, "Kubernetes takes no longer action");
    }
}
