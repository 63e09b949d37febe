//! Redis and Valkey as an engine: two passwords, changed by the user itself or by an admin.

use std::collections::BTreeSet;

use rekey_rotation::engine::{Change, Engine, EngineError};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::SecretDocument;
use tracing::warn;

use crate::acl::{Edit, User, hash};
use crate::credential::{Credential, DEFAULT_PORT, DEFAULT_USER, ENGINE};
use crate::error::replica;
use crate::server::{Role, Saved, Server, Session};

/// Users of Redis and Valkey.
#[derive(Clone, Copy, Debug)]
pub struct Redis<S> {
    server: S,
}

impl<S: Server> Redis<S> {
    /// An engine for users of that server.
    pub fn new(server: S) -> Self {
        Self { server }
    }

    /// A session that may change the user, as far as the user and the server themselves tell.
    async fn session_for(&self, using: &Credential, name: &str) -> Result<(S::Session, User), EngineError> {
        let mut session = self.server.log_in(using).await?;
        match session.role()? {
            Role::Primary => {}
            Role::Replica => return Err(replica()),
            Role::ClusterNode => {
                return Err(EngineError::Unfit(
                    "server is a node of a cluster, whose nodes each have an access list of their own: a change here \
                     would lock clients out of the others",
                ));
            }
        }
        let user = session.user(name).await?;
        let user = user.ok_or(EngineError::Unfit("server has no such user (any more); create it with ACL SETUSER"))?;
        user.fit()?;
        Ok((session, user))
    }
}

impl<S: Server> Engine for Redis<S> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn default_port(&self) -> Option<u16> {
        Some(DEFAULT_PORT)
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        let user = Credential::read(current)?.user;
        let plan = Plan::for_password(current, tags, &[Strategy::Dual])?;
        // A secret that names nobody means this user by omission, and more log in as it than read the secret.
        if user == DEFAULT_USER && !plan.adopt {
            return Err(EngineError::Unfit(
                "secret's \"username\" is default, or missing: replicas, Sentinels and every client that names no user log in \
                 as that one; name another user, or put the tag rekey:adopt=true on the secret if nobody logs in as default \
                 but with this secret",
            ));
        }
        Ok(plan)
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        self.server.log_in(&Credential::read(credential)?).await.map(drop)
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let [using, current, pending] = [change.using, change.current, change.pending].map(Credential::read);
        let (current, pending) = (current?, pending?);
        let (mut session, user) = self.session_for(&using?, &pending.user).await?;
        let edit = user.edit_to(&BTreeSet::from([hash(&current.password), hash(&pending.password)]));
        if !edit.is_empty() {
            session.edit(&pending.user, &edit).await?;
        }
        // Even where there was nothing to change: an earlier try may have got no further than that.
        if let Saved::No(reason) = session.save().await? {
            warn!(
                reason,
                "the new password is in the server's memory alone: a restart brings the user back as it was configured, \
                 and no credential of this secret may log in then; configure an aclfile"
            );
        }
        Ok(())
    }

    async fn preflight(
        &self,
        _plan: &Plan,
        current: &SecretDocument,
        master: Option<&SecretDocument>,
        _previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        let own = Credential::read(current)?;
        let using = master.map(Credential::read).transpose()?;
        let (mut session, _) = self.session_for(using.as_ref().unwrap_or(&own), &own.user).await?;
        session.edit(&own.user, &Edit::default()).await
    }
}

#[cfg(test)]
mod tests;
