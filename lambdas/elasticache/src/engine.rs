//! Users of caches as an engine: two passwords, set through the API.

use rekey_rotation::engine::{Change, Engine, EngineError};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::{SecretDocument, SecretError};
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::secret::Secret;
use crate::service::{Authentication, Service, Status, User};
use crate::settings::Settings;

const ENGINE: &str = "elasticache";
/// The tag of a secret that says, where whoever merely writes its value cannot, whose passwords it may change.
const USER_TAG: &str = "rekey:user-arn";

/// Users of ElastiCache and MemoryDB.
#[derive(Clone, Debug)]
pub struct Elasticache<S> {
    service: S,
    settings: Settings,
}

impl<S: Service> Elasticache<S> {
    /// An engine for users of that service.
    pub fn new(service: S, settings: Settings) -> Self {
        Self { service, settings }
    }

    /// The user, as soon as it is active. The step's deadline may come first; a replay then waits again.
    async fn active(&self, secret: &Secret) -> Result<User, EngineError> {
        let give_up = Instant::now() + self.settings.patience;
        loop {
            let user = self.service.user(&secret.arn).await?.ok_or(SecretError::Malformed {
                field: "user_arn",
                expected: "the ARN of a user that exists, which no user is found by",
            })?;
            if user.arn != secret.arn.text || user.name != secret.user {
                return Err(EngineError::Unfit(
                    "secret's \"user_arn\" names a user of another name than its \"username\"; correct one of them",
                ));
            }
            match user.status {
                Status::Active => return Ok(user),
                Status::Deleting => return Err(EngineError::Unfit("user is being deleted; name another one")),
                Status::Changing if Instant::now() + self.settings.interval > give_up => {
                    let waited = self.settings.patience.as_secs();
                    return Err(EngineError::Unreachable(format!("the user was not active within {waited} seconds")));
                }
                Status::Changing => sleep(self.settings.interval).await,
            }
        }
    }

    /// Whether an earlier try has set the pending password.
    ///
    /// The API tells how many passwords there are, not which. A cache does, where the secret names one: in a normal
    /// rotation the previous password is still accepted, so that no log-in fails; the change ends it.
    async fn is_set(&self, user: &User, change: &Change<'_>, pending: &Secret) -> Result<bool, EngineError> {
        let Some(pending) = &pending.login else { return Ok(false) };
        if user.authentication != Authentication::Passwords(2) {
            return Ok(false);
        }
        if let Some(previous) = change.previous.map(Secret::read).transpose()?.and_then(|previous| previous.login)
            && self.accepts(&previous).await?
        {
            return Ok(false);
        }
        self.accepts(pending).await
    }

    async fn accepts(&self, login: &rekey_redis::Credential) -> Result<bool, EngineError> {
        match self.service.log_in(login).await {
            Ok(()) => Ok(true),
            Err(EngineError::Auth(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether a rotation may give the user passwords. `adopt` vouches for those of a user whose secret holds none yet.
fn fit(user: &User, current: &Secret, adopt: bool) -> Result<(), EngineError> {
    match (user.authentication, &current.password) {
        // AWS's guide begins with a user without password that nobody uses yet, and a secret without one.
        (Authentication::Passwords(_), Some(_)) | (Authentication::Passwords(0) | Authentication::None, None) => Ok(()),
        (Authentication::Passwords(_), None) if adopt => Ok(()),
        // Setting the pending one alone would end them, and with them whoever uses them. The API tells nobody whether that
        // is somebody, or an earlier try of this rotation.
        (Authentication::Passwords(_), None) => Err(EngineError::Unfit(
            "user has passwords that the secret does not hold, of an earlier try of this rotation or somebody's; store the \
             one in force in its field \"password\", or, if nobody uses them, put the tag rekey:adopt=true on the secret",
        )),
        (Authentication::None, Some(_)) => Err(EngineError::Unfit(
            "user logs in with any password (no-password-required), so there is nothing to rotate; give it the secret's",
        )),
        (Authentication::Other, _) => {
            Err(EngineError::Unfit("user does not log in with passwords but with IAM; it needs no rotation"))
        }
    }
}

impl<S: Service> Engine for Elasticache<S> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn admits(&self, secret_arn: &str) -> bool {
        self.settings.secret.as_ref().is_none_or(|only| only == secret_arn)
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        let secret = Secret::read(current)?;
        if self.settings.user.as_ref().is_some_and(|only| *only != secret.user) {
            return Err(EngineError::Unfit(
                "function is tied to another user by its variable USER_NAME; give this user a function of its own",
            ));
        }
        // The API changes any user that the function's role may change, and a log-in proves nothing about that user: it is
        // at the host that the value names. So the user is named by more than the value. Of ElastiCache's users any number
        // may have one name, `default` above all; the id is unique, so a name ties the function only if it is the id, too.
        let unique = secret.arn.id.eq_ignore_ascii_case(&secret.user);
        let tied = self.settings.secret.is_some() && self.settings.user.is_some() && unique;
        if !tied && tags.get(USER_TAG) != Some(&secret.arn.text) {
            return Err(EngineError::Unfit(
                "nothing but the secret's value names the user, so whoever writes it could name any; give the secret the \
                 tag rekey:user-arn with the value of \"user_arn\", or, if the user's id is its name, tie the function by \
                 SECRET_ARN and USER_NAME",
            ));
        }
        let plan = Plan::for_password(current, tags, &[Strategy::Dual])?;
        // The function's own role changes users; a master's credential is of no use.
        Ok(Plan { master: None, ..plan })
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        let secret = Secret::read(credential)?;
        self.active(&secret).await?;
        let Some(login) = &secret.login else {
            info!("secret names no \"host\", so nobody logged in: all that is known is that the user is active");
            return Ok(());
        };
        self.service.log_in(login).await
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let [using, current, pending] = [change.using, change.current, change.pending].map(Secret::read);
        let (using, current, pending) = (using?, current?, pending?);
        let user = self.active(&pending).await?;
        // The secret's first password, set by an earlier try.
        if current.password.is_none()
            && let Some(login) = &pending.login
            && user.authentication == Authentication::Passwords(1)
            && self.accepts(login).await?
        {
            return Ok(());
        }
        fit(&user, &current, change.plan.adopt)?;
        // A password that is not the user's any more would be set beside the new one, and the right one would end.
        if let Some(login) = &using.login {
            self.service.log_in(login).await?;
        }
        if self.is_set(&user, change, &pending).await? {
            return Ok(());
        }
        let passwords: Vec<&str> =
            [&pending.password, &current.password].into_iter().flatten().map(|password| password.as_str()).collect();
        self.service.set_passwords(&pending.arn, &passwords).await?;
        // The first look may come before the service shows that anything is changing.
        sleep(self.settings.interval).await;
        self.active(&pending).await.map(drop)
    }

    async fn preflight(
        &self,
        plan: &Plan,
        current: &SecretDocument,
        _master: Option<&SecretDocument>,
        _previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        let secret = Secret::read(current)?;
        fit(&self.active(&secret).await?, &secret, plan.adopt)?;
        self.login(current).await
    }
}

#[cfg(test)]
mod tests;
