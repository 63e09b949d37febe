//! finishSecret: AWSCURRENT moves, and what follows from that.

use jiff::Timestamp;
use tracing::warn;

use super::{Machine, Outcome};
use crate::diagnostic::StepError;
use crate::emission::{Bus, Rotated, announce};
use crate::engine::Engine;
use crate::event::RotationEvent;
use crate::plan::Plan;
use crate::protocol::{self, Attempt, Promotion};
use crate::vault::{Description, Moved, Vault};

/// A rotation whose label has moved.
pub(super) struct Promoted {
    rotated: Rotated,
    /// The records of tries to make a credential, which are of no use any more.
    attempts: Vec<Attempt>,
}

impl Promoted {
    /// The version that was in force before.
    pub(super) fn previous(&self) -> Option<String> {
        self.rotated.previous_version_id.clone()
    }
}

impl<V: Vault, E: Engine, B: Bus> Machine<V, E, B> {
    pub(super) async fn finish(
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
        let attempts = protocol::attempts(&secret);
        let rotated = Rotated {
            secret_arn: secret.arn,
            name: secret.name,
            version_id: event.version_id.clone(),
            previous_version_id: previous,
            engine: self.engine.name(),
            strategy: plan.strategy.as_str(),
            rotated_at: Timestamp::now().as_millisecond(),
        };
        Ok((outcome, Promoted { rotated, attempts }))
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
    ///
    /// AWSPENDING stays beside AWSCURRENT. That is a legal end, and AWS's guide asks to leave it there: taken off by a call
    /// of its own it "could indicate that the rotation did not complete successfully".
    pub(super) async fn conclude(&self, event: &RotationEvent, promoted: Promoted) {
        announce(&self.bus, &promoted.rotated).await;
        for Attempt { version, label, .. } in promoted.attempts {
            if let Err(error) = self.vault.drop_label(&event.secret_id, &version, &label).await {
                warn!(version, label, %error, "a label is left for the next rotation to remove");
            }
        }
    }

    pub(super) async fn retire(&self, event: &RotationEvent, previous: Option<String>) -> Result<(), StepError> {
        if !self.engine.retires() {
            return Ok(());
        }
        let Some(previous) = self.previous(event, previous.as_deref()).await? else { return Ok(()) };
        // Whoever has moved AWSCURRENT since may have gone back to what would end here.
        let Some(current) = self.in_force(event, &event.version_id).await? else { return Ok(()) };
        self.engine.retire(&current, &previous).await.map_err(StepError::Retire)
    }
}
