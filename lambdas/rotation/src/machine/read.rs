//! What a step reads: versions of the secret, what they say about the rotation, and the master's secret.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;
use zeroize::Zeroizing;

use super::Machine;
use crate::diagnostic::StepError;
use crate::emission::Bus;
use crate::engine::{Engine, Master};
use crate::event::RotationEvent;
use crate::plan::{Plan, Strategy, Tags};
use crate::protocol::{self, Unusable};
use crate::secret::SecretDocument;
use crate::vault::{CURRENT, Description, PREVIOUS, Selector, Vault};

/// How long a version that must exist is waited for: reads lag behind writes by moments.
const PATIENCE: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How many versions without labels are tried: each may be a refused log-in, and services lock users out for those.
const FORGOTTEN: usize = 3;
/// How many are read to find those, the latest ones: many of the same password, or of another host, are passed over.
const LOOKED_AT: usize = 30;

/// The version in force and what it says about the rotation.
pub(super) struct InForce {
    pub document: SecretDocument,
    pub plan: Plan,
    /// The id of the version before it.
    pub previous: Option<String>,
}

impl<V: Vault, E: Engine, B: Bus> Machine<V, E, B> {
    /// The version that has AWSCURRENT according to the labels. By the label alone a reader that lags behind would get the
    /// one before, and of two users that take turns the rotation would change the one in force.
    pub(super) async fn current(&self, event: &RotationEvent, secret: &Description) -> Result<InForce, StepError> {
        let version = secret.holder(CURRENT).ok_or(StepError::NoCurrent)?;
        let Some(document) = self.in_force(event, version).await? else {
            let now = self.vault.describe(&event.secret_id).await.map_err(StepError::Vault)?;
            return Err(if now.has(version, CURRENT) { StepError::NoCurrent } else { StepError::Overtaken });
        };
        let plan = self.engine.plan(&document, &secret.tags).map_err(StepError::Engine)?;
        Ok(InForce { document, plan, previous: secret.holder(PREVIOUS).map(str::to_owned) })
    }

    /// That version, if it becomes readable as the one with AWSCURRENT.
    pub(super) async fn in_force(
        &self,
        event: &RotationEvent,
        version: &str,
    ) -> Result<Option<SecretDocument>, StepError> {
        let text = self.read_within(event, Selector::InForce(version), PATIENCE).await?;
        let document = text.map(|text| self.engine.parse(text)).transpose();
        document.map_err(|source| StepError::Secret { version: "AWSCURRENT", source })
    }

    /// The pending version, which an earlier step has stored.
    pub(super) async fn pending(&self, event: &RotationEvent) -> Result<SecretDocument, StepError> {
        self.pending_within(event, PATIENCE).await?.ok_or(StepError::NoPending)
    }

    /// The pending version, if it becomes readable in that time.
    pub(super) async fn pending_within(
        &self,
        event: &RotationEvent,
        patience: Duration,
    ) -> Result<Option<SecretDocument>, StepError> {
        let text = self.read_within(event, Selector::Pending(&event.version_id), patience).await?;
        let pending = text.map(|text| self.engine.parse(text)).transpose();
        pending.map_err(|source| Unusable::Unreadable(source).into())
    }

    async fn read_within(
        &self,
        event: &RotationEvent,
        version: Selector<'_>,
        patience: Duration,
    ) -> Result<Option<Zeroizing<String>>, StepError> {
        let give_up = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let text = self.read(event, version).await?;
            if text.is_some() || Instant::now() + pause > give_up {
                return Ok(text);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The previous version. Whatever an old version may hold, it can be no reason to fail other than being of no use.
    pub(super) async fn previous(
        &self,
        event: &RotationEvent,
        version: Option<&str>,
    ) -> Result<Option<SecretDocument>, StepError> {
        let Some(version) = version else { return Ok(None) };
        let text = self.read(event, Selector::Version(version)).await?;
        Ok(text.and_then(|text| self.engine.parse(text).ok()))
    }

    /// What an engine may know of the previous version: see [`Change::previous`](crate::engine::Change::previous).
    pub(super) async fn before(
        &self,
        event: &RotationEvent,
        InForce { document: current, plan, previous }: &InForce,
    ) -> Result<Option<SecretDocument>, StepError> {
        match plan.strategy {
            Strategy::Dual | Strategy::Alternating => {
                let previous = self.previous(event, previous.as_deref()).await?;
                Ok(previous.and_then(|previous| protocol::of_an_older_version(current, &previous, plan)))
            }
            Strategy::Single | Strategy::ThroughMaster => Ok(None),
        }
    }

    pub(super) async fn with_previous_password(
        &self,
        event: &RotationEvent,
        current: &SecretDocument,
        previous: Option<&str>,
    ) -> Result<Option<SecretDocument>, StepError> {
        let previous = self.previous(event, previous).await?;
        Ok(previous.and_then(|previous| protocol::with_previous_password(current, &previous)))
    }

    /// What the latest versions without labels hold that may serve at the current place and is not known already: what a
    /// rotation has set that was cancelled or abandoned before it came to an end; of two users that take turns, also what was
    /// AWSPREVIOUS until somebody stored a value by hand.
    ///
    /// It is a guess, made after a refusal that tells more: nothing that goes wrong here is an error.
    pub(super) async fn forgotten(
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

    /// The master's credential, where the plan works through one.
    pub(super) async fn master(
        &self,
        current: &SecretDocument,
        plan: &Plan,
    ) -> Result<Option<SecretDocument>, StepError> {
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

    pub(super) async fn read(
        &self,
        event: &RotationEvent,
        version: Selector<'_>,
    ) -> Result<Option<Zeroizing<String>>, StepError> {
        self.vault.read(&event.secret_id, version).await.map_err(StepError::Vault)
    }
}
