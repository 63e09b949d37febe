//! PostgreSQL as an engine: what is done in which strategy.

use rekey_rds::Api;
use rekey_rotation::engine::{Change, Engine, EngineError, Master};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::SecretDocument;
use tracing::warn;

use crate::command::Command;
use crate::credential::{Credential, ENGINE, LONGEST_NAME, PORT};
use crate::pair::{self, Pair};
use crate::server::{Server, Session};

const OFFERED: &[Strategy] = &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating];

/// PostgreSQL and Aurora PostgreSQL, behind whatever takes logins.
#[derive(Debug)]
pub struct Postgres<S> {
    server: S,
    rds: Api,
}

impl<S: Server> Postgres<S> {
    /// The engine on that server.
    pub fn new(server: S) -> Self {
        Self { server, rds: Api::default() }
    }
}

impl<S: Server> Engine for Postgres<S> {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        Credential::read(current)?;
        let plan = Plan::for_password(current, tags, OFFERED)?;
        match &plan.next_user {
            Some(user) if user.len() > LONGEST_NAME => Err(EngineError::LongName(LONGEST_NAME)),
            _ => Ok(plan),
        }
    }

    async fn master(&self, current: &SecretDocument, master: Master) -> Result<SecretDocument, EngineError> {
        // Boxed: the SDK's futures are nested so deep that those around them would be too deep for the compiler.
        Box::pin(rekey_rds::master(&self.rds, current, master, PORT)).await
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        let credential = Credential::read(credential)?;
        let mut session = self.server.open(&credential).await?;
        let beginning = session.beginning().await;
        session.close().await;
        beginning?.fit(&credential.user)
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        self.transact(change, Ending::Commit).await
    }

    /// A rehearsal: all of a rotation's commands, with the password that is in force, in a transaction that is not
    /// committed. What the master lacks or the server refuses shows now and not at night.
    async fn preflight(
        &self,
        plan: &Plan,
        current: &SecretDocument,
        master: Option<&SecretDocument>,
        _previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        let pending = match &plan.next_user {
            Some(user) => current.with("username", user)?,
            None => current.clone(),
        };
        if master.is_some() {
            self.login(current).await?;
        }
        let using = master.unwrap_or(current);
        self.transact(&Change { plan, using, own: current, current, pending: &pending, previous: None }, Ending::Undo)
            .await
    }
}

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    Undo,
}

impl<S: Server> Postgres<S> {
    async fn transact(&self, change: &Change<'_>, ending: Ending) -> Result<(), EngineError> {
        let current = Credential::read(change.current)?;
        let pending = Credential::read(change.pending)?;
        // A master works in the secret's database too: what is owned and granted there can only be changed from inside.
        let using = Credential { database: pending.database.clone(), ..Credential::read(change.using)? };
        let mut session = self.server.open(&using).await?;
        let done = work(&mut session, change.plan.strategy, &current, pending, ending).await;
        session.close().await;
        // Only the log-in may answer "auth": past it, the credential was accepted.
        match done {
            Err(EngineError::Auth(reason)) => Err(EngineError::Privilege(reason)),
            done => done,
        }
    }
}

async fn work(
    session: &mut impl Session,
    strategy: Strategy,
    current: &Credential,
    pending: Credential,
    ending: Ending,
) -> Result<(), EngineError> {
    session.begin().await?.fit()?;
    let pair = Pair::of(&current.user, &pending.user);
    let set_password = Command::SetPassword { role: pending.user, password: pending.password };
    let commands = match strategy {
        Strategy::Alternating => {
            let known = session.look_at(&pair).await?;
            if known.only_here.is_some() {
                warn!(
                    "the second user owns or was granted something in other databases than the secret's; until the first \
                     user has that (REASSIGN OWNED, GRANT), the two are one in the secret's database alone"
                );
            }
            pair::in_step(&pair, &known, set_password)?
        }
        Strategy::ThroughMaster => vec![set_password],
        Strategy::Single | Strategy::Dual => vec![Command::ActAsOneself, set_password],
    };
    for command in &commands {
        session.run(command).await.map_err(|error| while_doing(command, strategy, error))?;
    }
    // Whoever may not grant something but has it himself gets a warning for a GRANT, not an error.
    if commands.iter().any(|command| matches!(command, Command::HandOver(_))) {
        pair::handed_over(&session.look_at(&pair).await?)?;
    }
    match ending {
        Ending::Commit => session.commit().await,
        Ending::Undo => Ok(()),
    }
}

fn while_doing(command: &Command, strategy: Strategy, error: EngineError) -> EngineError {
    let EngineError::Privilege(reason) = error else { return error };
    let purpose = command.purpose();
    // CREATEROLE alone is enough until PostgreSQL 15, and from 16 on for the roles that the master has created.
    let over_others = matches!(
        command,
        Command::Adjust { .. } | Command::SetPassword { .. } | Command::Join { .. } | Command::Borrow { .. }
    );
    EngineError::Privilege(match strategy {
        Strategy::ThroughMaster | Strategy::Alternating if over_others => format!(
            "{reason} while {purpose}: a master needs CREATEROLE and, from PostgreSQL 16 on, each user that it did not \
             create granted WITH ADMIN OPTION"
        ),
        _ => format!("{reason} while {purpose}"),
    })
}

#[cfg(test)]
mod tests;
