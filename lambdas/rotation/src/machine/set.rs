//! setSecret: the service is told, by whichever credential it accepts.

use tracing::{info, warn};

use super::{Machine, Outcome};
use crate::diagnostic::StepError;
use crate::emission::Bus;
use crate::engine::{Change, Engine, EngineError};
use crate::event::RotationEvent;
use crate::machine::read::InForce;
use crate::protocol::{self, Credential};
use crate::secret::SecretDocument;
use crate::vault::{Selector, Vault};

/// How many versions without labels are tried: each may be a refused log-in, and services lock users out for those.
const FORGOTTEN: usize = 3;

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
            for own in self.candidates(credential, event, in_force, &pending).await? {
                if refused.iter().any(|before: &SecretDocument| before.same_text(&own)) {
                    continue;
                }
                let answer = match credential {
                    Credential::Pending => self.engine.login(&own).await.map(|()| Outcome::Skipped),
                    _ => self.change(Change { using: &own, own: &own, ..change }, master.as_ref()).await?,
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
        InForce { document: current, previous, .. }: &InForce,
        pending: &SecretDocument,
    ) -> Result<Vec<SecretDocument>, StepError> {
        Ok(match credential {
            Credential::Current => vec![current.clone()],
            Credential::Pending => vec![pending.clone()],
            Credential::Previous => {
                self.with_previous_password(event, current, previous.as_deref()).await?.into_iter().collect()
            }
            Credential::Forgotten => self.forgotten(event, current).await?,
        })
    }

    /// The passwords of the latest versions without labels, at the current place: what a rotation has set that was
    /// cancelled or abandoned before it came to an end.
    async fn forgotten(
        &self,
        event: &RotationEvent,
        current: &SecretDocument,
    ) -> Result<Vec<SecretDocument>, StepError> {
        let versions = match self.vault.unlabelled(&event.secret_id).await {
            Ok(versions) => versions,
            Err(error) => {
                // The permission is one that AWS's own policy for rotation functions does not give.
                warn!(%error, "versions without labels could not be looked at for the password that the service accepts");
                return Ok(Vec::new());
            }
        };
        let mut found = Vec::new();
        for version in versions.iter().take(FORGOTTEN) {
            let text = self.read(event, Selector::Version(version)).await?;
            let document = text.and_then(|text| self.engine.parse(text).ok());
            found.extend(document.and_then(|document| protocol::with_previous_password(current, &document)));
        }
        Ok(found)
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
}
