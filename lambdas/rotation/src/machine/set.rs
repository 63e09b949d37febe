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
/// How many are read to find those, the latest ones: many of the same password, or of another host, are passed over.
const LOOKED_AT: usize = 30;

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

    /// What the latest versions without labels hold that may serve at the current place and is not known already: what a
    /// rotation has set that was cancelled or abandoned before it came to an end.
    ///
    /// It is a guess, made after a refusal that tells more: nothing that goes wrong here is an error.
    async fn forgotten(
        &self,
        event: &RotationEvent,
        InForce { document: current, plan, .. }: &InForce,
        known: &[SecretDocument],
    ) -> Vec<SecretDocument> {
        let versions = match self.vault.unlabelled(&event.secret_id).await {
            Ok(versions) => versions,
            Err(error) => {
                // The permission is one that AWS's own policy for rotation functions does not give.
                warn!(%error, "versions without labels could not be looked at for the password that the service accepts");
                return Vec::new();
            }
        };
        let mut found: Vec<SecretDocument> = Vec::new();
        for version in versions.iter().take(LOOKED_AT) {
            let text = match self.read(event, Selector::Version(version)).await {
                Ok(text) => text,
                Err(error) => {
                    warn!(version, %error, "a version without labels could not be read and is passed over");
                    continue;
                }
            };
            let document = text.and_then(|text| self.engine.parse(text).ok());
            let candidate = document.and_then(|document| protocol::of_an_older_version(current, &document, plan));
            let is_new = |candidate: &SecretDocument| !known.iter().chain(&found).any(|one| one.same_text(candidate));
            found.extend(candidate.filter(is_new));
            if found.len() == FORGOTTEN {
                break;
            }
        }
        found
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
