//! setSecret: the service is told, by whichever credential it accepts.

use std::slice;

use tracing::info;

use super::{Machine, Outcome};
use crate::diagnostic::StepError;
use crate::emission::Bus;
use crate::engine::{Change, Engine, EngineError};
use crate::event::RotationEvent;
use crate::machine::read::InForce;
use crate::protocol::{self, Credential};
use crate::secret::SecretDocument;
use crate::vault::Vault;

impl<V: Vault, E: Engine, B: Bus> Machine<V, E, B> {
    pub(super) async fn set(&self, event: &RotationEvent, in_force: &InForce) -> Result<Outcome, StepError> {
        let InForce { document: current, plan, .. } = in_force;
        let pending = self.pending(event).await?;
        protocol::vet_new(current, &pending, plan)?;
        let master = self.master(current, plan).await?;
        let before = self.before(event, in_force).await?;
        let change =
            Change { plan, using: current, own: current, current, pending: &pending, previous: before.as_ref() };

        let (mut refused, mut tried, mut refusal) = (Vec::new(), Vec::new(), None);
        for &credential in Credential::in_order(plan.strategy) {
            for own in self.candidates(credential, event, in_force, &pending, &refused).await? {
                if refused.iter().any(|before: &SecretDocument| before.same_text(&own)) {
                    continue;
                }
                let answer = match credential {
                    Credential::Pending => self.engine.login(&own).await.map(|()| Outcome::Skipped),
                    _ => {
                        self.change(event, in_force, Change { using: &own, own: &own, ..change }, master.as_ref())
                            .await?
                    }
                };
                match answer {
                    Ok(outcome) => return Ok(outcome),
                    // Why AWSCURRENT was refused is what helps; the others are guesses.
                    Err(EngineError::Auth(reason)) => _ = refusal.get_or_insert(reason),
                    Err(error) => return Err(StepError::Engine(error)),
                }
                info!(refused = credential.as_str(), "service refused a credential");
                refused.push(own);
                if !tried.contains(&credential.as_str()) {
                    tried.push(credential.as_str());
                }
            }
        }
        Err(StepError::NoneLogsIn { refusal: refusal.unwrap_or_default(), tried })
    }

    /// The documents that such a credential may be found in.
    async fn candidates(
        &self,
        credential: Credential,
        event: &RotationEvent,
        in_force: &InForce,
        pending: &SecretDocument,
        refused: &[SecretDocument],
    ) -> Result<Vec<SecretDocument>, StepError> {
        let InForce { document: current, previous, .. } = in_force;
        Ok(match credential {
            Credential::Current => vec![current.clone()],
            Credential::Pending => vec![pending.clone()],
            Credential::Previous => {
                self.with_previous_password(event, current, previous.as_deref()).await?.into_iter().collect()
            }
            Credential::Forgotten => self.forgotten(event, in_force, refused).await,
        })
    }

    /// Lets the credential, or the master once the credential was accepted, make the service accept the pending one.
    /// The inner error is what the service made of the secret's own credential.
    ///
    /// Whoever may write the secret could name any user in it. That one of its passwords is right proves that the user
    /// is the writer's to rotate, before a master acts on it (the guard that AWS's documentation asks for).
    async fn change(
        &self,
        event: &RotationEvent,
        in_force: &InForce,
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
        let change = Change { using, ..own };
        let mut changed = self.engine.change(&change).await;
        if changed == Err(EngineError::Stranger) {
            let known = own.previous.map(slice::from_ref).unwrap_or_default();
            for earlier in self.forgotten(event, in_force, known).await {
                changed = self.engine.change(&Change { previous: Some(&earlier), ..change }).await;
                if changed != Err(EngineError::Stranger) {
                    break;
                }
            }
        }
        match changed {
            Err(error) if master.is_some() => Err(StepError::Master(error)),
            changed => Ok(changed.map(|()| Outcome::Done)),
        }
    }
}
