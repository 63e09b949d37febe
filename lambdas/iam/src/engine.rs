//! The access keys of an IAM user as an engine: the next key is made in createSecret, because only then does IAM show
//! it; the one before stays valid until the next rotation, so that nothing that still uses it fails.
//!
//! IAM lets a user have two keys. A new one needs the place of whichever is not in force: the previous version's, or
//! an orphan, which a crash between CreateAccessKey and PutSecretValue leaves behind, or a rotation that was cancelled. No
//! version in force ever held an orphan, and IAM says of no key who made it; so each try is written down right before it
//! makes one, once there is room, and stays so unless IAM says that it made none. A key that was not made right after that
//! is somebody else's, used or not: IAM may learn of a use hours later.
//!
//! Whose key the secret holds is not believed but proven: STS names the user to whoever signs with the key, and IAM
//! lists the key among those of that user in the function's own account. Else whoever may write the secret could have
//! keys made for any user.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rekey_rotation::engine::{Change, Engine, EngineError, Issue};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::{SecretDocument, SecretError};
use rekey_rotation::variable;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::credential::{AccessKey, Credential, ENGINE};
use crate::keys::{Keys, Listed, Made};

/// How long a new key may stay unknown. IAM is eventually consistent, and says no numbers; mostly it is 5 to 15 s.
const PATIENCE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(500);
/// How often in a row a new key has to be accepted: the servers behind one name learn of it one by one.
const IN_A_ROW: u32 = 3;
/// How often a key is asked for, in case that the part of IAM that makes it has not heard yet that there is room.
const TRIES: u32 = 10;
/// The keys that a user may have. It is no quota that could be raised.
const LIMIT: usize = 2;
/// How long after the beginning of a try its key is made at the latest: calls that hang end with the step.
const MADE_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// How long before that, by IAM's clock, which need not agree with the function's. There was room at that time.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);
/// The only service that a key of a pending version is ever used at, which is what testSecret does.
const TESTED_AT: &str = "sts";
/// How long after it was made it may still have been a test. A program that only assumes roles uses STS, too.
const TESTED_WITHIN: SignedDuration = SignedDuration::from_mins(15);
const OCCUPIED: &str = "user has a second access key that neither AWSCURRENT nor AWSPREVIOUS holds and that may be \
                        somebody else's; delete it if nobody needs it, or give the secret a user of its own";

/// The variable that has the previous key deactivated as soon as the new one is in force.
const DEACTIVATE: &str = "DEACTIVATE_PREVIOUS_KEY";

/// The variable is neither true nor false.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("variable {DEACTIVATE} must be true or false")]
pub struct VariableError;

/// IAM's access keys.
#[derive(Debug)]
pub struct AccessKeys<K> {
    keys: K,
    deactivates: bool,
}

impl<K: Keys> AccessKeys<K> {
    /// The engine as the function's variables want it; `look_up` looks one up by name.
    pub fn from_variables(keys: K, look_up: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let text = look_up(DEACTIVATE).filter(|text| !text.is_empty());
        let deactivates = text.map(|text| variable::switch(&text).ok_or(VariableError)).transpose()?;
        Ok(Self { keys, deactivates: deactivates.unwrap_or(false) })
    }

    /// The user whose key it is, who must be the one that the secret names, if it names one.
    async fn owner(&self, credential: &Credential) -> Result<String, EngineError> {
        let owner = self.keys.owner(&credential.key).await?;
        if credential.user.as_ref().is_some_and(|named| *named != owner) {
            let expected = "the name of the IAM user whose access key the secret holds";
            return Err(SecretError::Malformed { field: "username", expected }.into());
        }
        Ok(owner)
    }

    /// The owner of the key in force and that user's keys, the key itself among them.
    async fn proven(&self, current: &Credential) -> Result<(String, Vec<Listed>), EngineError> {
        let owner = self.owner(current).await?;
        let listed = self.keys.list(&owner).await?;
        if listed.iter().any(|key| key.id == current.key.id) {
            return Ok((owner, listed));
        }
        // A user of that name in another account.
        Err(EngineError::Auth("IAM does not list the key among the user's in this account".to_owned()))
    }

    /// The owner of the key in force, who can be given another one.
    async fn owner_with_room(&self, current: &Credential, issue: &Issue<'_>) -> Result<String, EngineError> {
        let (user, listed) = self.proven(current).await?;
        self.make_room(&user, &listed, &current.key, issue).await?;
        Ok(user)
    }

    /// Deletes the keys that stand in the way of a new one.
    async fn make_room(
        &self,
        user: &str,
        listed: &[Listed],
        current: &AccessKey,
        issue: &Issue<'_>,
    ) -> Result<(), EngineError> {
        if listed.len() < LIMIT {
            return Ok(());
        }
        let previous = issue.previous.and_then(|previous| Credential::read(previous).ok()).map(|read| read.key);
        for key in listed.iter().filter(|key| key.id != current.id) {
            let ends = previous.as_ref().is_some_and(|previous| previous.id == key.id);
            if !ends && !self.is_orphan(key, issue.attempts).await? {
                return Err(EngineError::Unfit(OCCUPIED));
            }
            // Whoever still uses it can be helped for as long as it is only inactive.
            self.keys.deactivate(user, &key.id).await?;
            self.keys.delete(user, &key.id).await?;
        }
        Ok(())
    }

    /// Whether a key is what one of the tries left behind, and nobody has used it but its rotation.
    async fn is_orphan(&self, key: &Listed, attempts: &[Timestamp]) -> Result<bool, EngineError> {
        let Some(created) = key.created else { return Ok(false) };
        let after = |began| created.duration_since(began);
        if !attempts.iter().any(|&began| after(began) >= -CLOCKS_DIFFER && after(began) <= MADE_WITHIN) {
            return Ok(false);
        }
        Ok(match self.keys.last_used(&key.id).await? {
            None => true,
            Some(used) => used.service == TESTED_AT && used.at.duration_since(created) <= TESTED_WITHIN,
        })
    }
}

impl<K: Keys> Engine for AccessKeys<K> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        let (id, secret) = Credential::read(current)?.fields;
        let plan = Plan::for_password(current, tags, &[Strategy::Dual])?;
        Ok(Plan { changes: vec![id.to_owned(), secret.to_owned()], master: None, ..plan })
    }

    fn issues_itself(&self) -> bool {
        true
    }

    async fn prepare(&self, issue: &Issue<'_>) -> Result<(), EngineError> {
        self.owner_with_room(&Credential::read(issue.current)?, issue).await.map(drop)
    }

    async fn issue(&self, issue: &Issue<'_>) -> Result<SecretDocument, EngineError> {
        let current = Credential::read(issue.current)?;
        let mut refusal = String::new();
        for _ in 0..TRIES {
            // A key that has come since is none of this try's, which IAM has given none yet.
            let user = self.owner_with_room(&current, issue).await?;
            match self.keys.create(&user).await? {
                Made::Key(key) => {
                    let (id, secret) = current.fields;
                    return Ok(issue.current.with(id, &key.id)?.with(secret, &key.secret)?);
                }
                Made::NotNow(code) => refusal = code,
            }
            sleep(PAUSE).await;
        }
        Err(EngineError::Api { operation: "iam:CreateAccessKey", reason: refusal })
    }

    async fn take_back(&self, issued: &SecretDocument) -> Result<(), EngineError> {
        self.login(issued).await?;
        let issued = Credential::read(issued)?;
        let user = self.owner(&issued).await?;
        self.keys.delete(&user, &issued.key.id).await
    }

    /// Waits until AWS knows the key.
    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        let credential = Credential::read(credential)?;
        let give_up = Instant::now() + PATIENCE;
        let mut accepted = 0;
        loop {
            match self.owner(&credential).await {
                Ok(_) => accepted += 1,
                Err(EngineError::Auth(_)) if Instant::now() < give_up => accepted = 0,
                Err(error) => return Err(error),
            }
            if accepted == IN_A_ROW {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Nothing: IAM accepts the pending key since createSecret made it.
    async fn change(&self, _change: &Change<'_>) -> Result<(), EngineError> {
        Ok(())
    }

    async fn preflight(
        &self,
        _plan: &Plan,
        current: &SecretDocument,
        _master: Option<&SecretDocument>,
        _previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        self.proven(&Credential::read(current)?).await.map(drop)
    }

    fn retires(&self) -> bool {
        self.deactivates
    }

    async fn retire(&self, current: &SecretDocument, previous: &SecretDocument) -> Result<(), EngineError> {
        let current = Credential::read(current)?;
        // Whatever an old version holds, it is no reason to fail.
        let Ok(previous) = Credential::read(previous) else { return Ok(()) };
        let (user, listed) = self.proven(&current).await?;
        let ends = |key: &&Listed| key.active && key.id == previous.key.id && key.id != current.key.id;
        match listed.iter().find(ends) {
            Some(key) => self.keys.deactivate(&user, &key.id).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
