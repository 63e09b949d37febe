//! MySQL and MariaDB as an engine: who logs in where, and what is refused beforehand.

use rekey_rds::Api;
use rekey_rotation::engine::{Change, Engine, EngineError, Master};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::SecretDocument;
use thiserror::Error;

use crate::command::{Command, Password};
use crate::credential::{Credential, ENGINE, MARIADB, PORT};
use crate::driver::Driver;
use crate::error::{READ_ONLY, REUSED};
use crate::lock::TAKEN;
use crate::server::{Facts, LONGEST_MARIADB_NAME, LONGEST_MYSQL_NAME};
use crate::session::{Connect, Session};
use crate::strategy::{Versions, add, alone, alternate, rehearse, set, two_passwords, within};

const EVERYWHERE: &[Strategy] = &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating];
const MYSQL_ALONE: &[Strategy] = &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating, Strategy::Dual];

/// The variable of AWS's templates that limits the names of users.
const NAME_LIMIT: &str = "USERNAME_CHARACTER_LIMIT";

/// The variable [`NAME_LIMIT`] is no number.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("USERNAME_CHARACTER_LIMIT must be a number from 1 to 80")]
pub struct NameLimitError;

/// MySQL and MariaDB.
#[derive(Debug)]
pub struct Mysql<C = Driver> {
    pub(crate) connect: C,
    pub(crate) rds: Api,
    /// How long the name of an alternate user may be, where the variable says so.
    pub(crate) name_limit: Option<usize>,
}

impl Mysql {
    /// The engine as the function's variables ask for it; `variable` looks one up by name.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NameLimitError> {
        let name_limit = match variable(NAME_LIMIT).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(
                text.parse().ok().filter(|limit| (1..=LONGEST_MARIADB_NAME).contains(limit)).ok_or(NameLimitError)?,
            ),
        };
        Ok(Self { connect: Driver, rds: Api::default(), name_limit })
    }
}

impl<C: Connect> Engine for Mysql<C> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        Credential::read(current)?;
        let engine = current.text("engine")?;
        let is_mariadb = engine.as_deref().is_some_and(|name| name == MARIADB);
        let plan = Plan::for_password(current, tags, if is_mariadb { EVERYWHERE } else { MYSQL_ALONE })?;
        // Said here, it is said when the rotation is configured, not only when it first runs.
        let limit = if engine.is_some() && !is_mariadb { LONGEST_MYSQL_NAME } else { LONGEST_MARIADB_NAME };
        within(plan.next_user.as_deref(), self.name_limit.unwrap_or(limit))?;
        Ok(plan)
    }

    async fn master(&self, current: &SecretDocument, master: Master) -> Result<SecretDocument, EngineError> {
        rekey_rds::master(&self.rds, current, master, PORT).await
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        self.connect.open(&Credential::read(credential)?).await?.close().await;
        Ok(())
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let own = Credential::read(change.own)?;
        let pending = Credential::read(change.pending)?;
        if change.plan.master.is_none() {
            let mut session = self.open_own(&own).await?;
            let retain = change.plan.strategy == Strategy::Dual;
            let changed = self.replace(&mut session, &own, &pending, retain).await;
            session.close().await;
            return changed;
        }
        let previous = change.previous.and_then(|previous| Credential::read(previous).ok());
        let versions = Versions { own: &own, pending: &pending, previous: previous.as_ref(), adopt: change.plan.adopt };
        let mut session = self.open_master(change.using).await?;
        let changed = self.act(&mut session, change.plan.strategy, versions).await;
        session.close().await;
        changed
    }

    async fn preflight(
        &self,
        plan: &Plan,
        current: &SecretDocument,
        master: Option<&SecretDocument>,
        previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        let own = Credential::read(current)?;
        let session = self.open_own(&own).await?;
        let facts = session.facts().clone();
        session.close().await;
        if plan.strategy == Strategy::Dual {
            two_passwords(facts.server)?;
        }
        let Some(master) = master else { return Ok(()) };
        let mut session = self.open_master(master).await?;
        let previous = previous.and_then(|previous| Credential::read(previous).ok());
        // Nothing is pending: what is there is for the previous version to prove.
        let versions = Versions { own: &own, pending: &own, previous: previous.as_ref(), adopt: plan.adopt };
        let seen = rehearse(&mut session, plan, &facts.account, versions).await;
        session.close().await;
        seen
    }
}

impl<C: Connect> Mysql<C> {
    /// A session of the secret's own user.
    async fn open_own(&self, credential: &Credential) -> Result<C::Session, EngineError> {
        let session = self.connect.open(credential).await?;
        let same = session.facts().account.user == credential.user;
        let fit = if same { fit(session.facts()) } else { Err(EngineError::Unfit(ANOTHER_ACCOUNT)) };
        keep(session, fit).await
    }

    /// A session of a master.
    async fn open_master(&self, document: &SecretDocument) -> Result<C::Session, EngineError> {
        let session = self.connect.open(&Credential::read(document)?.without_database()).await?;
        let fit = fit(session.facts());
        keep(session, fit).await
    }

    /// What a master has to do, while nobody else does it.
    async fn act(
        &self,
        session: &mut C::Session,
        strategy: Strategy,
        versions: Versions<'_>,
    ) -> Result<(), EngineError> {
        session.lock(&versions.own.user).await?;
        // Whoever had the lock before may have changed what was accepted before that.
        let own = self.open_own(versions.own).await.map_err(|error| match error {
            EngineError::Auth(_) => EngineError::Busy(TAKEN.to_owned()),
            error => error,
        })?;
        let account = own.facts().account.clone();
        own.close().await;
        alone(session, &account, versions.own).await?;
        match strategy {
            Strategy::Alternating => alternate(session, &account, versions).await,
            Strategy::Dual => add(session, &account, versions).await,
            Strategy::Single | Strategy::ThroughMaster => set(session, &account, versions).await,
        }
    }

    /// A user replaces its own password; with `retain`, the one it logged in with stays valid as the second.
    async fn replace(
        &self,
        session: &mut C::Session,
        own: &Credential,
        pending: &Credential,
        retain: bool,
    ) -> Result<(), EngineError> {
        if retain {
            two_passwords(session.facts().server)?;
        }
        let (old, new) = (Password(&own.password), Password(&pending.password));
        let replace = Command::Replace { old, new, retain };
        // A replay is refused for one or the other, whichever the server looks at first.
        let refused = match session.run(&replace).await {
            Err(refused @ (EngineError::Auth(_) | EngineError::Unfit(REUSED))) => refused,
            done => return done,
        };
        // What logged in is the second password. The first is the pending one if an earlier try got this far, which the
        // server tells only by a log-in; in a rotation without a replay it is not tried.
        match self.login_as(pending).await {
            Err(EngineError::Auth(_)) => {}
            set => return set,
        }
        if matches!(refused, EngineError::Unfit(_)) {
            return Err(refused);
        }
        // Or somebody moved AWSCURRENT back by hand: then what is in force becomes the first password again, so that it
        // is the one to be retained.
        session.run(&Command::Reset { new: old }).await?;
        session.run(&replace).await.map_err(|error| match error {
            EngineError::Auth(code) => EngineError::Unreachable(format!("{code}: somebody else changes it, too")),
            error => error,
        })
    }

    async fn login_as(&self, credential: &Credential) -> Result<(), EngineError> {
        self.connect.open(credential).await?.close().await;
        Ok(())
    }
}

/// The session if it is fit for use; otherwise it is closed.
async fn keep<S: Session>(session: S, fit: Result<(), EngineError>) -> Result<S, EngineError> {
    match fit {
        Ok(()) => Ok(session),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

/// A replica must not be changed even where it would let a master do so: it would no longer be its primary's copy.
fn fit(facts: &Facts) -> Result<(), EngineError> {
    if !facts.server.is_known() {
        return Err(EngineError::Unfit(TOO_OLD));
    }
    if facts.read_only { Err(EngineError::Unreachable(READ_ONLY.to_owned())) } else { Ok(()) }
}

const TOO_OLD: &str = "server is older than MySQL 5.7 or MariaDB 10.4, whose accounts this function does not know how to \
                       change; update it, or keep AWS's template for it";

const ANOTHER_ACCOUNT: &str = "server takes the user for another account, an anonymous one or one that it is a proxy of, \
                               whose password would be changed instead; remove the anonymous account, or rotate the \
                               account itself";

#[cfg(test)]
mod tests;
