//! Is this instance the one that writes? Carries what `rekey_core::lease` decides to the Lease, and tells the rest of the
//! agent. Losing the Lease ends the process: it starts again as a standby, with nothing left over.

use std::future::Future;
use std::time::Instant;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use rekey_core::lease::{Candidate, Loss, Step};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::cluster::ClusterError;
use crate::cluster::lease::{Held, Leases};
use crate::gate::Gate;

/// The part of this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// Before the election.
    Starting,
    /// There is no election.
    Alone,
    /// Warm, and waiting for the Lease.
    Standby { leader: Option<String> },
    /// The one that writes, until the gate closes.
    Leader { identity: String },
}

impl Role {
    fn leads(&self) -> bool {
        matches!(self, Self::Alone | Self::Leader { .. })
    }
}

/// The part of this instance, for all who want to know. Clones share it.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Sender<Role>);

impl Default for Leadership {
    fn default() -> Self {
        Self(watch::Sender::new(Role::Starting))
    }
}

impl Leadership {
    /// Returns when this instance is the one that writes. It never ceases to be that while the process lives.
    pub fn leading(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut role = self.0.subscribe();
        async move {
            // An error says that nobody is left who could become leader, and so nobody who waits.
            let _ = role.wait_for(Role::leads).await;
        }
    }

    /// Is this instance the one that writes? It may have lost the Lease a moment ago: what it writes asks the gate.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.0.borrow().leads()
    }

    /// The line of `/readyz`.
    #[must_use]
    pub fn line(&self) -> String {
        match &*self.0.borrow() {
            Role::Starting => "leader: not known yet".to_owned(),
            Role::Alone => "leader: this instance, without election".to_owned(),
            Role::Standby { leader: Some(leader) } => format!("leader: standby, {leader} has the lease"),
            Role::Standby { leader: None } => "leader: standby, nobody has the lease".to_owned(),
            Role::Leader { identity } => format!("leader: this instance, {identity}"),
        }
    }

    /// Returns whether that is news.
    fn set(&self, role: Role) -> bool {
        self.0.send_if_modified(|old| {
            let changed = *old != role;
            *old = role;
            changed
        })
    }
}

/// Why this process has to end.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// Another instance writes, or may by now.
    #[error("the lease is lost: {0}; this instance starts again as a standby")]
    Lost(Loss),
    /// A defect of ours.
    #[error("the election ended by itself; see the log above")]
    Stopped,
}

/// An election under way, or none.
pub struct Election {
    /// Ends with the loss of the Lease, or with nothing after its release.
    task: Option<JoinHandle<Option<Loss>>>,
    stop: CancellationToken,
}

impl Election {
    /// For an agent that is the only one.
    #[must_use]
    pub fn unopposed(leadership: &Leadership) -> Self {
        leadership.set(Role::Alone);
        Self { task: None, stop: CancellationToken::new() }
    }

    /// Stands for election until the Lease is lost or released. To be started when the index is complete, so that
    /// whoever has the Lease can work at once.
    #[must_use]
    pub fn start(leases: Leases, identity: String, gate: Gate, leadership: Leadership) -> Self {
        let stop = CancellationToken::new();
        let candidate = Candidate::new(identity);
        let elector = Elector { leases, gate, leadership, candidate, held: None, epoch: Instant::now() };
        let task = tokio::spawn(elector.run(stop.clone()));
        Self { task: Some(task), stop }
    }

    /// Returns when the Lease was lost: what this process would still write is refused. Without an election, never.
    pub async fn lost(&mut self) -> LeaseLost {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let ended = task.await;
        self.task = None;
        ended.ok().flatten().map_or(LeaseLost::Stopped, LeaseLost::Lost)
    }

    /// Gives the Lease back if this instance has it. The last thing that an agent does.
    pub async fn release(self) {
        self.stop.cancel();
        if let Some(task) = self.task {
            // It ends by itself: every call in it has a time limit.
            let _ = task.await;
        }
    }
}

struct Elector {
    leases: Leases,
    gate: Gate,
    leadership: Leadership,
    candidate: Candidate,
    /// The Lease behind the candidate's record.
    held: Option<Held>,
    epoch: Instant,
}

impl Elector {
    async fn run(mut self, stop: CancellationToken) -> Option<Loss> {
        let mut changes = Some(Box::pin(self.leases.changes()));
        loop {
            if !self.candidate.is_leading() {
                self.look().await;
            }
            let wait = match self.candidate.decide(self.epoch.elapsed()) {
                Step::Acquire | Step::Renew => {
                    self.claim().await;
                    continue;
                }
                Step::Wait(wait) => wait,
                Step::Lost(loss) => {
                    self.gate.close();
                    error!(lease = %self.leases, %loss, "lease lost; what is still to be written is the next leader's");
                    return Some(loss);
                }
            };
            if self.candidate.is_leading() {
                // Its own renewals are no news.
                changes = None;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.release().await;
                    return None;
                }
                () = tokio::time::sleep(wait) => {}
                () = next(&mut changes) => {}
            }
        }
    }

    /// Reads the Lease. Returns whether there was an answer.
    async fn look(&mut self) -> bool {
        match self.leases.get().await {
            Ok(held) => {
                let record = held.as_ref().map(Held::record);
                if !self.candidate.is_leading() {
                    let leader = record.as_ref().and_then(|record| record.holder.clone()).filter(|one| !one.is_empty());
                    self.leadership.set(Role::Standby { leader });
                }
                self.candidate.seen(record, self.epoch.elapsed());
                self.held = held;
                true
            }
            Err(error) => {
                warn!(%error, "lease not read; trying again");
                false
            }
        }
    }

    /// Takes or keeps the Lease.
    async fn claim(&mut self) {
        let (began, transitions) = (self.epoch.elapsed(), self.candidate.transitions());
        let identity = self.candidate.identity().to_owned();
        match self.leases.claim(self.held.as_ref(), &identity, transitions, Timestamp::now()).await {
            Ok(held) => {
                self.candidate.written(held.record(), began);
                self.held = Some(held);
                if let Some(deadline) = self.candidate.deadline() {
                    self.gate.open_until(self.epoch + deadline);
                }
                if self.leadership.set(Role::Leader { identity: identity.clone() }) {
                    info!(lease = %self.leases, identity, transitions, "this instance is the leader");
                }
            }
            Err(error) if error.is_conflict() => {
                debug!(%error, "lease changed since it was read");
                if !self.look().await {
                    self.candidate.failed(began);
                }
            }
            Err(error) => {
                warn!(%error, leading = self.candidate.is_leading(), "lease not written; trying again");
                self.candidate.failed(began);
            }
        }
    }

    async fn release(&mut self) {
        self.gate.close();
        if !self.candidate.is_leading() {
            return;
        }
        let mut outcome = self.give_back().await;
        if outcome.as_ref().is_err_and(ClusterError::is_conflict) && self.look().await && self.is_ours() {
            // A renewal whose answer was lost had arrived after all.
            outcome = self.give_back().await;
        }
        match outcome {
            Ok(()) => info!(lease = %self.leases, "lease released"),
            Err(error) => warn!(%error, "lease not released; it expires by itself"),
        }
    }

    async fn give_back(&self) -> Result<(), ClusterError> {
        let Some(held) = &self.held else { return Ok(()) };
        self.leases.release(held, Timestamp::now()).await
    }

    fn is_ours(&self) -> bool {
        let holder = self.candidate.record().and_then(|record| record.holder.as_deref());
        holder == Some(self.candidate.identity())
    }
}

/// Pending if there is nothing to listen to; a watch that ended leaves the looks every 2 s.
async fn next(changes: &mut Option<impl Stream<Item = ()> + Unpin>) {
    if let Some(stream) = changes {
        if stream.next().await.is_some() {
            return;
        }
        *changes = None;
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests;
