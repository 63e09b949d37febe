//! MongoDB and DocumentDB as an engine: a user that changes its own password, a master that changes it, or two users
//! that take turns.
//!
//! Of the two, `NAME` and `NAME_clone`, the first is the one whose roles count: at each rotation the other gets them
//! again, in the command that sets its password, so that what was granted since then is not lost, and a crash leaves no
//! user with a password and without roles.

use rekey_rds::Api;
use rekey_rotation::engine::{Change, Engine, EngineError, Master};
use rekey_rotation::plan::{self, Plan, Strategy, Tags};
use rekey_rotation::secret::SecretDocument;

use crate::credential::{Credential, ENGINE, PORT};
use crate::server::{Server, Session};

const NOBODY: &str = "neither of the two users that take turns is defined in the database that \"dbname\" names; create \
                      the one in \"username\" with the roles that it needs";

/// MongoDB.
#[derive(Debug)]
pub struct Mongo<S> {
    server: S,
    rds: Api,
}

impl<S: Server> Mongo<S> {
    /// The engine for that kind of server.
    pub fn new(server: S) -> Self {
        Self { server, rds: Api::default() }
    }
}

impl<S: Server> Engine for Mongo<S> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        Credential::read(current)?;
        Plan::for_password(current, tags, &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating])
    }

    async fn master(&self, current: &SecretDocument, master: Master) -> Result<SecretDocument, EngineError> {
        rekey_rds::master(&self.rds, current, master, PORT).await
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        self.server.open(&Credential::read(credential)?).await?.close().await;
        Ok(())
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let (using, to) = (Credential::read(change.using)?, Credential::read(change.pending)?);
        let mut session = self.server.open(&using).await?;
        let changed = match change.plan.strategy {
            Strategy::Alternating => self.alternate(&mut session, change, &to).await,
            Strategy::Single | Strategy::ThroughMaster | Strategy::Dual => session.set_password(&to).await,
        };
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
        let Some(master) = master else { return self.login(current).await };
        let mut session = self.server.open(&Credential::read(master)?).await?;
        let seen = self.rehearse(&mut session, plan, &Credential::read(current)?, previous).await;
        session.close().await;
        seen
    }
}

impl<S: Server> Mongo<S> {
    /// Makes the user of `to` what the first of the two users is, with the password of `to`.
    async fn alternate(
        &self,
        session: &mut S::Session,
        change: &Change<'_>,
        to: &Credential,
    ) -> Result<(), EngineError> {
        let there = session.grants(&to.database, &to.user).await?;
        if there.is_some() {
            self.ours(change.plan, &[change.previous, Some(change.pending)]).await?;
        }
        let original = plan::original(&to.user);
        let current = Credential::read(change.current)?;
        let model = if to.user == original { &current.user } else { original };
        match there {
            // The one whose roles count: they are left as they are.
            Some(_) if to.user == original => session.set_password(to).await,
            Some(before) => {
                let grants = session.grants(&to.database, model).await?;
                // Without its original it is the only one who knows the roles.
                session.set_all(to, grants.as_ref().unwrap_or(&before), &before).await
            }
            None => {
                let grants = session.grants(&to.database, model).await?.ok_or(EngineError::Unfit(NOBODY))?;
                session.create(to, &grants).await
            }
        }
    }

    /// Proves that the master sees users, and that there is nobody who merely has the other user's name.
    async fn rehearse(
        &self,
        session: &mut S::Session,
        plan: &Plan,
        current: &Credential,
        previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        session.grants(&current.database, &current.user).await?;
        let Some(next) = &plan.next_user else { return Ok(()) };
        match session.grants(&current.database, next).await? {
            Some(_) => self.ours(plan, &[previous]).await,
            None => Ok(()),
        }
    }

    /// Refuses a user that merely has the name of the one whose turn it is: one of these credentials has to log in, the
    /// one first that does unless an earlier try got past the change.
    async fn ours(&self, plan: &Plan, known: &[Option<&SecretDocument>]) -> Result<(), EngineError> {
        if plan.adopt {
            return Ok(());
        }
        for credential in known.iter().flatten() {
            match self.login(credential).await {
                Err(EngineError::Auth(_)) => {}
                answer => return answer,
            }
        }
        Err(EngineError::Stranger)
    }
}

#[cfg(test)]
mod tests;
