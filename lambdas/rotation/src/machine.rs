//! The four steps as one machine over a vault, an engine and a bus.
//!
//! A step reads, asks [`protocol`](crate::protocol) what that means, has at most one effect on the secret's value or
//! labels and at most one on the service, and can be run again from the start after a crash anywhere.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::deadline::Deadline;
use crate::diagnostic::StepError;
use crate::emission::{Bus, Rotated, announce};
use crate::engine::{Change, Engine, EngineError, Issue, Master};
use crate::event::RotationEvent;
use crate::password::PasswordPolicy;
use crate::plan::{Plan, Strategy, Tags};
use crate::protocol::{self, Credential, Promotion, Standing};
use crate::secret::SecretDocument;
use crate::step::Step;
use crate::vault::{Description, Moved, PENDING, Selector, Stored, Vault};

/// How long a version that must exist is waited for: reads lag behind writes by moments.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a version that must not exist is looked for, before a service makes a credential in its place.
const ABSENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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

/// The version in force and what it says about the rotation.
struct InForce {
    document: SecretDocument,
    plan: Plan,
}

/// A rotation whose label has moved.
struct Promoted {
    rotated: Rotated,
    /// Whether the version still has AWSPENDING.
    pending: bool,
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
        // The rotation has succeeded: neither the news nor the label fails the step, running out of time included.
        let conclusion = timeout_at(deadline.instant(), self.conclude(event, promoted));
        if conclusion.await.is_err() {
            warn!(version = event.version_id, "no time was left to announce the rotation and to drop AWSPENDING");
        }
        // An old credential that stays valid does: the failure brings the replay that ends it.
        timeout_at(deadline.instant(), self.retire(event)).await.unwrap_or(Err(StepError::Timeout))?;
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
        let current = self.current(event, &secret.tags).await?;
        *strategy = Some(current.plan.strategy);
        let outcome = match step {
            Step::Create => self.create(event, &current).await?,
            Step::Set => self.set(event, &current).await?,
            Step::Test => self.test(event, &current).await?,
            Step::Finish => {
                return self.finish(event, &current.plan, secret).await.map(|(done, moved)| (done, Some(moved)));
            }
        };
        Ok((outcome, None))
    }

    async fn create(&self, event: &RotationEvent, current: &InForce) -> Result<Outcome, StepError> {
        let InForce { document: current, plan } = current;
        // Once there is a pending value it is the one, however it came about: the service may already hold it. Where the
        // service itself makes the value, a second one would cost the first, so the first look is not believed.
        let patience = if self.engine.issues_itself() { ABSENCE } else { Duration::ZERO };
        if let Some(pending) = self.pending_within(event, patience).await? {
            return protocol::vet_new(current, &pending, plan).map(|()| Outcome::Skipped);
        }
        let previous = if self.engine.issues_itself() { self.previous(event).await? } else { None };
        let issue = Issue { plan, current, previous: previous.as_ref(), passwords: &self.passwords };
        let issued = self.engine.issue(&issue).await.map_err(StepError::Engine)?;
        let token = event.rotation_token.as_ref();
        let stored = self.vault.store_pending(&event.secret_id, &event.version_id, &issued, token).await;
        match stored.map_err(StepError::Vault)? {
            Stored::Written => Ok(Outcome::Done),
            Stored::Exists => {
                if let Err(error) = self.engine.take_back(&issued).await {
                    warn!(version = event.version_id, %error, "a credential that nobody uses is left for the next rotation");
                }
                let pending = self.pending(event).await?;
                protocol::vet_new(current, &pending, plan).map(|()| Outcome::Skipped)
            }
        }
    }

    async fn set(&self, event: &RotationEvent, current: &InForce) -> Result<Outcome, StepError> {
        let InForce { document: current, plan } = current;
        let pending = self.pending(event).await?;
        protocol::vet_new(current, &pending, plan)?;
        let master = self.master(current, plan).await?;
        let before = self.before(event, current, plan).await?;
        let change =
            Change { plan, using: current, own: current, current, pending: &pending, previous: before.as_ref() };

        let mut credential = Credential::Current;
        let mut refusal = None;
        loop {
            let answer = match credential {
                Credential::Current => self.change(change, master.as_ref()).await?,
                Credential::Pending => self.engine.login(&pending).await.map(|()| Outcome::Skipped),
                Credential::Previous => match self.with_previous_password(event, current).await? {
                    Some(previous) => {
                        self.change(Change { using: &previous, own: &previous, ..change }, master.as_ref()).await?
                    }
                    None => {
                        Err(EngineError::Auth("AWSPREVIOUS has no other password for this user and host".to_owned()))
                    }
                },
            };
            let reason = match answer {
                Ok(outcome) => return Ok(outcome),
                Err(EngineError::Auth(reason)) => reason,
                Err(error) => return Err(StepError::Engine(error)),
            };
            // Why AWSCURRENT was refused is what helps; the others are guesses.
            let first = refusal.get_or_insert(reason);
            let Some(next) = credential.next(plan.strategy) else {
                return Err(StepError::NoneLogsIn(first.clone()));
            };
            info!(refused = ?credential, ?next, "service refused a credential, trying the next one");
            credential = next;
        }
    }

    /// Lets the credential, or the master once the credential was accepted, make the service accept the pending one.
    /// The inner error is what the service made of the secret's own credential.
    ///
    /// Whoever may write the secret could name any user in it. That one of its passwords is right proves that the user
    /// is the writer's to rotate, before a master acts on it (the guard that AWS's documentation asks for).
    async fn change(
        &self,
        own: Change<'_>,
        master: Option<&SecretDocument>,
    ) -> Result<Result<Outcome, EngineError>, StepError> {
        let using = match master {
            None => own.using,
            Some(master) => match self.engine.login(own.using).await {
                Ok(()) => master,
                Err(refused) => return Ok(Err(refused)),
            },
        };
        let changed = self.engine.change(&Change { using, ..own }).await;
        match changed {
            Err(error) if master.is_some() => Err(StepError::Master(error)),
            changed => Ok(changed.map(|()| Outcome::Done)),
        }
    }

    async fn test(&self, event: &RotationEvent, current: &InForce) -> Result<Outcome, StepError> {
        let InForce { document: current, plan } = current;
        let pending = self.pending(event).await?;
        let tested = if protocol::vet_same_place(current, &pending, plan)? {
            // RotateImmediately=false: the only step, with a pending version that holds the value in force. It then
            // proves that AWS permissions, network, TLS, the current credential and the master's are in order.
            let master = self.master(current, plan).await?;
            let before = self.before(event, current, plan).await?;
            self.engine.preflight(plan, current, master.as_ref(), before.as_ref()).await
        } else {
            self.engine.login(&pending).await
        };
        tested.map(|()| Outcome::Done).map_err(StepError::Engine)
    }

    async fn finish(
        &self,
        event: &RotationEvent,
        plan: &Plan,
        secret: Description,
    ) -> Result<(Outcome, Promoted), StepError> {
        let (outcome, previous) = match protocol::promotion(&secret, &event.version_id)? {
            Promotion::Move { from } => {
                let moved = self.vault.move_current(&event.secret_id, &from, &event.version_id).await;
                match moved.map_err(StepError::Vault)? {
                    Moved::Yes => (Outcome::Done, Some(from)),
                    Moved::Overtaken => (Outcome::Done, self.moved_by_us(event).await?),
                }
            }
            Promotion::Done { previous } => (Outcome::Skipped, previous),
        };
        let pending = secret.has(&event.version_id, PENDING);
        let rotated = Rotated {
            secret_arn: secret.arn,
            name: secret.name,
            version_id: event.version_id.clone(),
            previous_version_id: previous,
            engine: self.engine.name(),
            strategy: plan.strategy.as_str(),
            rotated_at: Timestamp::now().as_millisecond(),
        };
        Ok((outcome, Promoted { rotated, pending }))
    }

    /// The previous version if the label is where this rotation wants it after all: the SDK repeats a call whose
    /// answer got lost, and the second one finds the label moved.
    async fn moved_by_us(&self, event: &RotationEvent) -> Result<Option<String>, StepError> {
        let secret = self.vault.describe(&event.secret_id).await.map_err(StepError::Vault)?;
        match protocol::promotion(&secret, &event.version_id)? {
            Promotion::Done { previous } => Ok(previous),
            Promotion::Move { .. } => Err(StepError::Overtaken),
        }
    }

    /// What follows the label's move, on the first try and on every replay.
    async fn conclude(&self, event: &RotationEvent, promoted: Promoted) {
        announce(&self.bus, &promoted.rotated).await;
        // AWSPENDING beside AWSCURRENT is a legal end too, so it may stay if it will not go.
        if promoted.pending
            && let Err(error) = self.vault.drop_pending(&event.secret_id, &event.version_id).await
        {
            warn!(version = event.version_id, %error, "AWSPENDING stays on the version in force");
        }
    }

    async fn retire(&self, event: &RotationEvent) -> Result<(), StepError> {
        if !self.engine.retires() {
            return Ok(());
        }
        let Some(previous) = self.previous(event).await? else { return Ok(()) };
        let current = self.document("AWSCURRENT", event, Selector::Current).await?.ok_or(StepError::NoCurrent)?;
        self.engine.retire(&current, &previous).await.map_err(StepError::Retire)
    }

    async fn current(&self, event: &RotationEvent, tags: &Tags) -> Result<InForce, StepError> {
        let document = self.document("AWSCURRENT", event, Selector::Current).await?.ok_or(StepError::NoCurrent)?;
        let plan = self.engine.plan(&document, tags).map_err(StepError::Engine)?;
        Ok(InForce { document, plan })
    }

    /// The pending version, which an earlier step has stored.
    async fn pending(&self, event: &RotationEvent) -> Result<SecretDocument, StepError> {
        self.pending_within(event, PATIENCE).await?.ok_or(StepError::NoPending)
    }

    /// The pending version, if it becomes readable in that time.
    async fn pending_within(
        &self,
        event: &RotationEvent,
        patience: Duration,
    ) -> Result<Option<SecretDocument>, StepError> {
        let give_up = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let pending = self.document("AWSPENDING", event, Selector::Pending(&event.version_id)).await?;
            if pending.is_some() || Instant::now() + pause > give_up {
                return Ok(pending);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The previous version. Whatever an old version may hold, it can be no reason to fail other than being of no use.
    async fn previous(&self, event: &RotationEvent) -> Result<Option<SecretDocument>, StepError> {
        let text = self.read(event, Selector::Previous).await?;
        Ok(text.and_then(|text| self.engine.parse(text).ok()))
    }

    /// What an engine may know of the previous version: see [`Change::previous`].
    async fn before(
        &self,
        event: &RotationEvent,
        current: &SecretDocument,
        plan: &Plan,
    ) -> Result<Option<SecretDocument>, StepError> {
        match plan.strategy {
            Strategy::Dual => self.with_previous_password(event, current).await,
            Strategy::Alternating => {
                let previous = self.previous(event).await?;
                Ok(previous.and_then(|previous| protocol::of_the_next_user(current, &previous, plan)))
            }
            Strategy::Single | Strategy::ThroughMaster => Ok(None),
        }
    }

    async fn with_previous_password(
        &self,
        event: &RotationEvent,
        current: &SecretDocument,
    ) -> Result<Option<SecretDocument>, StepError> {
        let previous = self.previous(event).await?;
        Ok(previous.and_then(|previous| protocol::with_previous_password(current, &previous)))
    }

    /// The master's credential, where the plan works through one.
    async fn master(&self, current: &SecretDocument, plan: &Plan) -> Result<Option<SecretDocument>, StepError> {
        let Some(arn) = &plan.master else { return Ok(None) };
        let text = self.vault.read(arn, Selector::Current).await.map_err(StepError::Vault)?;
        let document = self.engine.parse(text.ok_or(StepError::NoMaster)?);
        let document = document.map_err(|error| StepError::Master(error.into()))?;
        // Only the tags of a master secret that names no host are of use, and only those need the permission.
        let tags = match document.text("host") {
            Ok(None) => self.vault.describe(arn).await.map_err(StepError::Vault)?.tags,
            _ => Tags::new(),
        };
        self.engine.master(current, Master { document, tags }).await.map(Some).map_err(StepError::Master)
    }

    async fn document(
        &self,
        version: &'static str,
        event: &RotationEvent,
        selector: Selector<'_>,
    ) -> Result<Option<SecretDocument>, StepError> {
        let text = self.read(event, selector).await?;
        text.map(|text| self.engine.parse(text)).transpose().map_err(|source| StepError::Secret { version, source })
    }

    async fn read(&self, event: &RotationEvent, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, StepError> {
        self.vault.read(&event.secret_id, version).await.map_err(StepError::Vault)
    }
}

#[cfg(test)]
mod tests;
