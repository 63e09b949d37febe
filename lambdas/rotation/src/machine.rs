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
use crate::engine::{Engine, EngineError};
use crate::event::RotationEvent;
use crate::password::PasswordPolicy;
use crate::protocol::{self, Credential, Promotion, Standing};
use crate::secret::SecretDocument;
use crate::step::Step;
use crate::vault::{Description, Moved, PENDING, Selector, Stored, Vault, VaultError};

/// How long a version that must exist is waited for: reads lag behind writes by moments.
const PATIENCE: Duration = Duration::from_secs(8);
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
    pub async fn run(&self, event: &RotationEvent, deadline: Deadline) -> Result<Outcome, StepError> {
        let step = event.step().ok_or_else(|| StepError::UnknownStep(event.step_name()))?;
        let work = timeout_at(deadline.instant(), self.step(step, event));
        let (outcome, promoted) = work.await.unwrap_or(Err(StepError::Timeout))?;
        if let Some(promoted) = promoted {
            // The rotation has succeeded: nothing from here on fails the step, running out of time included.
            let conclusion = timeout_at(deadline.instant(), self.conclude(event, promoted));
            if conclusion.await.is_err() {
                warn!(version = event.version_id, "no time was left to announce the rotation and to drop AWSPENDING");
            }
        }
        Ok(outcome)
    }

    async fn step(&self, step: Step, event: &RotationEvent) -> Result<(Outcome, Option<Promoted>), StepError> {
        let secret = self.vault.describe(&event.secret_id).await.map_err(StepError::Vault)?;
        let outcome = match (step, protocol::standing(&secret, &event.version_id)?) {
            (Step::Create, Standing::Pending) => self.create(event).await?,
            (Step::Set, Standing::Pending) => self.set(event).await?,
            (Step::Test, Standing::Pending) => self.test(event).await?,
            (Step::Create | Step::Set | Step::Test, Standing::Current) => Outcome::Skipped,
            (Step::Finish, _) => return self.finish(event, secret).await.map(|(done, moved)| (done, Some(moved))),
        };
        Ok((outcome, None))
    }

    async fn create(&self, event: &RotationEvent) -> Result<Outcome, StepError> {
        let current = self.current(event).await?;
        // Once there is a pending value it is the one, however it came about: the service may already hold it.
        if let Some(pending) = self.read(event, Selector::Pending(&event.version_id)).await? {
            let pending = parse("AWSPENDING", pending)?;
            return protocol::vet_new(&current, &pending, self.engine.strategy()).map(|()| Outcome::Skipped);
        }
        let password = self.passwords.generate().map_err(StepError::Password)?;
        let document = current
            .with("password", &password)
            .map_err(|source| StepError::Secret { version: "AWSCURRENT", source })?;
        let token = event.rotation_token.as_ref();
        let stored = self.vault.store_pending(&event.secret_id, &event.version_id, &document, token).await;
        match stored.map_err(StepError::Vault)? {
            Stored::Written => Ok(Outcome::Done),
            Stored::Exists => {
                let pending = self.pending(event).await?;
                protocol::vet_new(&current, &pending, self.engine.strategy()).map(|()| Outcome::Skipped)
            }
        }
    }

    async fn set(&self, event: &RotationEvent) -> Result<Outcome, StepError> {
        let current = self.current(event).await?;
        let pending = self.pending(event).await?;
        protocol::vet_new(&current, &pending, self.engine.strategy())?;

        let mut credential = Credential::Current;
        let mut refusal = None;
        loop {
            let answer = match credential {
                Credential::Current => self.engine.change(&current, &pending).await.map(|()| Outcome::Done),
                Credential::Pending => self.engine.login(&pending).await.map(|()| Outcome::Skipped),
                Credential::Previous => self.change_with_previous(event, &current, &pending).await?,
            };
            let reason = match answer {
                Ok(outcome) => return Ok(outcome),
                Err(EngineError::Auth(reason)) => reason,
                Err(error) => return Err(StepError::Engine(error)),
            };
            // Why AWSCURRENT was refused is what helps; the others are guesses.
            let first = refusal.get_or_insert(reason);
            let Some(next) = credential.next() else { return Err(StepError::NoneLogsIn(first.clone())) };
            info!(refused = ?credential, ?next, "service refused a credential, trying the next one");
            credential = next;
        }
    }

    async fn change_with_previous(
        &self,
        event: &RotationEvent,
        current: &SecretDocument,
        pending: &SecretDocument,
    ) -> Result<Result<Outcome, EngineError>, StepError> {
        let previous = match self.read(event, Selector::Previous).await? {
            // Whatever an old version may hold, it can be no reason to fail other than having no usable password.
            Some(text) => SecretDocument::parse(text).ok(),
            None => None,
        };
        let fallback = previous.and_then(|previous| protocol::with_previous_password(current, &previous));
        Ok(match fallback {
            Some(fallback) => self.engine.change(&fallback, pending).await.map(|()| Outcome::Done),
            None => Err(EngineError::Auth("AWSPREVIOUS has no other password for this user and host".to_owned())),
        })
    }

    async fn test(&self, event: &RotationEvent) -> Result<Outcome, StepError> {
        let current = self.current(event).await?;
        let pending = self.pending(event).await?;
        // In the preflight of RotateImmediately=false this is the only step and both documents are the same: it then
        // proves that AWS permissions, network, TLS and the current credential are in order.
        protocol::vet_same_place(&current, &pending, self.engine.strategy())?;
        self.engine.login(&pending).await.map(|()| Outcome::Done).map_err(StepError::Engine)
    }

    async fn finish(&self, event: &RotationEvent, secret: Description) -> Result<(Outcome, Promoted), StepError> {
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
            strategy: self.engine.strategy().as_str(),
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

    async fn current(&self, event: &RotationEvent) -> Result<SecretDocument, StepError> {
        let text = self.read(event, Selector::Current).await?.ok_or(StepError::NoCurrent)?;
        let document = parse("AWSCURRENT", text)?;
        self.engine.check(&document).map_err(StepError::Engine)?;
        Ok(document)
    }

    /// The pending version, which an earlier step has stored.
    async fn pending(&self, event: &RotationEvent) -> Result<SecretDocument, StepError> {
        let give_up = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(text) = self.read(event, Selector::Pending(&event.version_id)).await? {
                return parse("AWSPENDING", text);
            }
            if Instant::now() + pause > give_up {
                return Err(StepError::NoPending);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn read(&self, event: &RotationEvent, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, StepError> {
        self.vault.read(&event.secret_id, version).await.map_err(|error: VaultError| StepError::Vault(error))
    }
}

fn parse(version: &'static str, text: Zeroizing<String>) -> Result<SecretDocument, StepError> {
    SecretDocument::parse(text).map_err(|source| StepError::Secret { version, source })
}

#[cfg(test)]
mod tests;
