//! createSecret: the next credential is made once, and one that can never be put in force is given up.

use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use super::{Machine, Outcome};
use crate::diagnostic::StepError;
use crate::emission::Bus;
use crate::engine::{Engine, EngineError, Issue};
use crate::event::RotationEvent;
use crate::machine::read::InForce;
use crate::protocol::{self, Attempt, Unusable};
use crate::secret::SecretDocument;
use crate::vault::{CURRENT, Description, PENDING, Stored, Vault};

/// How long a version that must not exist is looked for, before a service makes a credential in its place.
const ABSENCE: Duration = Duration::from_secs(3);
/// The same where an earlier try may have stored it: making room for another credential would end the one that it holds.
const ABSENCE_AFTER_AN_ATTEMPT: Duration = Duration::from_secs(20);
/// How many tries to make a credential are remembered: a secret has room for 20 labels.
const ATTEMPTS: usize = 5;
/// What Secrets Manager takes, in bytes.
const LONGEST_VALUE: usize = 65_536;

impl<V: Vault, E: Engine, B: Bus> Machine<V, E, B> {
    pub(super) async fn create(
        &self,
        event: &RotationEvent,
        secret: &Description,
        current: &InForce,
    ) -> Result<Outcome, StepError> {
        let attempts = protocol::attempts(secret);
        // Once there is a pending value it is the one, however it came about: the service may already hold it. Where the
        // service itself makes the value, a second one would cost the first, so the first look is not believed.
        let patience = match (self.engine.issues_itself(), attempts.is_empty()) {
            (false, _) => Duration::ZERO,
            (true, true) => ABSENCE,
            (true, false) => ABSENCE_AFTER_AN_ATTEMPT,
        };
        match self.pending_within(event, patience).await {
            Ok(None) => {}
            Ok(Some(pending)) => return self.take_over(event, current, &pending).await,
            Err(StepError::Unusable(why)) => return Err(self.give_up(event, &current.document, why).await),
            Err(error) => return Err(error),
        }
        let previous =
            if self.engine.issues_itself() { self.previous(event, current.previous.as_deref()).await? } else { None };
        let began: Vec<Timestamp> = attempts.iter().map(|attempt| attempt.at).collect();
        let issue = Issue {
            plan: &current.plan,
            current: &current.document,
            previous: previous.as_ref(),
            attempts: &began,
            passwords: &self.passwords,
        };
        let mut attempt = None;
        if self.engine.issues_itself() {
            // First: a try that is refused must not vouch for a key that somebody makes after it.
            self.engine.prepare(&issue).await.map_err(StepError::Engine)?;
            attempt = Some(self.remember_attempt(event, secret, &attempts).await?);
        }
        let issued = match self.engine.issue(&issue).await {
            Ok(issued) => issued,
            Err(error) => {
                if !matches!(error, EngineError::Unanswered { .. }) {
                    self.forget_attempt(event, attempt).await;
                }
                return Err(StepError::Engine(error));
            }
        };
        if issued.expose().len() > LONGEST_VALUE {
            self.take_back(event, &issued, attempt).await;
            return Err(StepError::TooLong(issued.expose().len()));
        }
        let token = event.rotation_token.as_ref();
        let stored = self.vault.store_pending(&event.secret_id, &event.version_id, &issued, token).await;
        match stored.map_err(StepError::Vault)? {
            Stored::Written => Ok(Outcome::Done),
            Stored::Exists => {
                self.take_back(event, &issued, attempt).await;
                let pending = self.pending(event).await?;
                self.take_over(event, current, &pending).await
            }
        }
    }

    /// Goes on with the value that an earlier try has stored, if it can still be put in force.
    async fn take_over(
        &self,
        event: &RotationEvent,
        current: &InForce,
        pending: &SecretDocument,
    ) -> Result<Outcome, StepError> {
        if let Err(why) = protocol::vet_new(&current.document, pending, &current.plan) {
            return Err(self.give_up(event, &current.document, why).await);
        }
        // A credential that the service made and does not know (any more) can be set by nobody.
        if self.engine.issues_itself()
            && let Err(EngineError::Auth(reason)) = self.engine.login(pending).await
        {
            return Err(self.give_up(event, &current.document, Unusable::Dead(reason)).await);
        }
        Ok(Outcome::Skipped)
    }

    /// Takes AWSPENDING off a version that would otherwise end each try of this rotation, and with it every later
    /// rotation, for ever.
    ///
    /// Only if the version in force logs in: else the service may hold the pending version's password, which then must
    /// not get out of sight. Without a label a version stays readable by its id.
    async fn give_up(&self, event: &RotationEvent, current: &SecretDocument, why: Unusable) -> StepError {
        let version = event.version_id.clone();
        match self.engine.login(current).await {
            Ok(()) => match self.vault.drop_label(&event.secret_id, &version, PENDING).await {
                Ok(()) => StepError::GivenUp { version, why },
                Err(error) => StepError::Vault(error),
            },
            Err(EngineError::Auth(refusal)) => StepError::Kept { version, why, refusal },
            Err(error) => StepError::Engine(error),
        }
    }

    async fn take_back(&self, event: &RotationEvent, issued: &SecretDocument, attempt: Option<Attempt>) {
        match self.engine.take_back(issued).await {
            Ok(()) => self.forget_attempt(event, attempt).await,
            Err(error) => {
                warn!(version = event.version_id, %error, "a credential that nobody uses is left for the next rotation");
            }
        }
    }

    /// Writes down, as a label of the version in force, that the service is about to make a credential: after a crash
    /// nothing else tells the one that it leaves behind from one that somebody made for themselves.
    async fn remember_attempt(
        &self,
        event: &RotationEvent,
        secret: &Description,
        earlier: &[Attempt],
    ) -> Result<Attempt, StepError> {
        // There was room, so what the oldest try may have left behind is gone.
        if let [Attempt { version, label, .. }, ..] = earlier
            && earlier.len() >= ATTEMPTS
        {
            self.vault.drop_label(&event.secret_id, version, label).await.map_err(StepError::Vault)?;
        }
        let version = secret.holder(CURRENT).ok_or(StepError::NoCurrent)?;
        let attempt = Attempt::now(version);
        let added = self.vault.add_label(&event.secret_id, version, &attempt.label).await;
        added.map(|()| attempt).map_err(StepError::Vault)
    }

    /// Removes that again, for a try that has left nothing behind.
    async fn forget_attempt(&self, event: &RotationEvent, attempt: Option<Attempt>) {
        let Some(Attempt { version, label, .. }) = attempt else { return };
        if let Err(error) = self.vault.drop_label(&event.secret_id, &version, &label).await {
            warn!(version, label, %error, "a label is left for the next rotation to remove");
        }
    }
}
