//! The four steps as one machine over a vault, an engine and a bus.
//!
//! A step reads, asks [`protocol`](crate::protocol) what that means, and then acts on the secret's value and labels and on
//! the service, often in several calls: createSecret of an engine that makes credentials itself writes the try down, makes
//! room, asks for the credential and stores it. After a crash between any two of these the step can be run again from the
//! start: each call is one whose effect the next try finds, or that it may repeat.

mod create;
mod finish;
mod read;
mod set;

use tokio::time::timeout_at;
use tracing::warn;

use self::finish::Promoted;
use self::read::InForce;
use crate::deadline::Deadline;
use crate::diagnostic::StepError;
use crate::emission::Bus;
use crate::engine::{Engine, EngineError};
use crate::event::RotationEvent;
use crate::password::PasswordPolicy;
use crate::plan::Strategy;
use crate::protocol::{self, Standing};
use crate::step::Step;
use crate::vault::Vault;

/// How a step ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The step did its work.
    Done,
    /// An earlier try had done it.
    Skipped,
}

/// What came of an invocation.
#[derive(Debug)]
pub struct Report {
    /// How the secret is rotated, as soon as that was known.
    pub strategy: Option<Strategy>,
    /// How the step ended.
    pub result: Result<Outcome, StepError>,
}

/// The parts that a step works with.
#[derive(Debug)]
pub struct Machine<V, E, B> {
    /// Where versions and labels are.
    pub vault: V,
    /// The service whose credential changes.
    pub engine: E,
    /// Where the news goes.
    pub bus: B,
    /// How new passwords are made.
    pub passwords: PasswordPolicy,
}

impl<V: Vault, E: Engine, B: Bus> Machine<V, E, B> {
    /// Runs the step that the event asks for.
    ///
    /// Running out of time leaves nothing half done that a retry would not find: whatever effect was under way either
    /// happened or did not.
    pub async fn run(&self, event: &RotationEvent, deadline: Deadline) -> Report {
        let mut strategy = None;
        let result = self.attempt(event, deadline, &mut strategy).await;
        Report { strategy, result }
    }

    async fn attempt(
        &self,
        event: &RotationEvent,
        deadline: Deadline,
        strategy: &mut Option<Strategy>,
    ) -> Result<Outcome, StepError> {
        let step = event.step().ok_or_else(|| StepError::UnknownStep(event.step_name()))?;
        let work = timeout_at(deadline.instant(), self.step(step, event, strategy));
        let (outcome, promoted) = work.await.unwrap_or(Err(StepError::Timeout))?;
        let Some(promoted) = promoted else { return Ok(outcome) };
        let previous = promoted.previous();
        // The rotation has succeeded: neither the news nor our own labels fail the step, running out of time included.
        let conclusion = timeout_at(deadline.instant(), self.conclude(event, promoted));
        if conclusion.await.is_err() {
            warn!(version = event.version_id, "no time was left to announce the rotation and to remove our own labels");
        }
        // An old credential that stays valid does: the failure brings the replay that ends it.
        timeout_at(deadline.instant(), self.retire(event, previous)).await.unwrap_or(Err(StepError::Timeout))?;
        Ok(outcome)
    }

    async fn step(
        &self,
        step: Step,
        event: &RotationEvent,
        strategy: &mut Option<Strategy>,
    ) -> Result<(Outcome, Option<Promoted>), StepError> {
        if !self.engine.admits(&event.secret_id) {
            return Err(StepError::NotAdmitted);
        }
        let secret = self.vault.describe(&event.secret_id).await.map_err(StepError::Vault)?;
        let standing = protocol::standing(&secret, &event.version_id)?;
        if standing == Standing::Current && step != Step::Finish {
            return Ok((Outcome::Skipped, None));
        }
        let current = self.current(event, &secret).await?;
        *strategy = Some(current.plan.strategy);
        let outcome = match step {
            Step::Create => self.create(event, &secret, &current).await?,
            Step::Set => self.set(event, &current).await?,
            Step::Test => self.test(event, &current).await?,
            Step::Finish => {
                return self.finish(event, &current.plan, secret).await.map(|(done, moved)| (done, Some(moved)));
            }
        };
        Ok((outcome, None))
    }

    async fn test(&self, event: &RotationEvent, in_force: &InForce) -> Result<Outcome, StepError> {
        let InForce { document: current, plan, .. } = in_force;
        let pending = self.pending(event).await?;
        if !protocol::vet_same_place(current, &pending, plan)? {
            return self.engine.login(&pending).await.map(|()| Outcome::Done).map_err(StepError::Engine);
        }
        // RotateImmediately=false: the only step, with a pending version that holds the value in force. It then proves
        // that AWS permissions, network, TLS, the current credential and the master's are in order.
        let master = self.master(current, plan).await?;
        if master.is_some() {
            // First by itself, as in setSecret: what is refused after that is the master's.
            self.engine.login(current).await.map_err(StepError::Engine)?;
        }
        let before = self.before(event, in_force).await?;
        let mut tested = self.engine.preflight(plan, current, master.as_ref(), before.as_ref()).await;
        if tested == Err(EngineError::Stranger) {
            for earlier in self.forgotten(event, in_force, before.as_slice()).await {
                tested = self.engine.preflight(plan, current, master.as_ref(), Some(&earlier)).await;
                if tested != Err(EngineError::Stranger) {
                    break;
                }
            }
        }
        let blamed = if master.is_some() { StepError::Master } else { StepError::Engine };
        tested.map(|()| Outcome::Done).map_err(blamed)
    }
}

#[cfg(test)]
mod tests;
