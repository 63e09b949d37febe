//! A server for the tests: accounts with one or two passwords, and what the commands do to them according to the manuals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mysql_async::{Error, ServerError};
use rekey_rds::Api;
use rekey_rotation::engine::EngineError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::testing::{Lost, World};
use tokio::time::sleep;

use crate::account::Account;
use crate::command::Command;
use crate::credential::Credential;
use crate::description::Description;
use crate::engine::Mysql;
use crate::error::{of_statement, while_logging_in};
use crate::lock;
use crate::server::{Facts, Server};
use crate::session::{Connect, Namesake, Session};
use crate::verifier::{Plugin, Verifier};

/// The server.
#[derive(Debug)]
pub struct Model {
    pub server: Server,
    pub users: BTreeMap<Account, User>,
    pub read_only: bool,
    /// The account that everybody is taken for, if not their own.
    pub taken_for: Option<Account>,
    /// The names of the locks that sessions have.
    pub locks: BTreeSet<String>,
    /// Whether no account may have a password again (PASSWORD HISTORY).
    pub remembers: bool,
    /// How many log-ins were refused.
    pub refused: usize,
    /// What was done, by whom.
    pub done: Vec<String>,
}

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    pub description: Description,
    /// The passwords that it had and has.
    pub past: BTreeSet<String>,
    /// Whether the first password is not shown.
    pub hidden: bool,
}

/// What the servers say, by the numbers of MySQL's manual.
fn error(code: u16) -> Error {
    Error::Server(ServerError { code, message: "model".to_owned(), state: "HY000".to_owned() })
}

impl Model {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            users: BTreeMap::new(),
            read_only: false,
            taken_for: None,
            locks: BTreeSet::new(),
            remembers: false,
            refused: 0,
            done: Vec::new(),
        }
    }

    /// Adds an account that may do nothing.
    pub fn with(mut self, account: &str, password: &str) -> Self {
        self.create(&Account::parse(account).unwrap(), Verifier::new(Plugin::Native, password).unwrap());
        self
    }

    pub fn user(&mut self, account: &str) -> &mut User {
        self.users.get_mut(&Account::parse(account).unwrap()).unwrap()
    }

    /// Whether that password opens a session, by the model alone.
    pub fn accepts(&self, account: &str, password: &str) -> bool {
        self.users.get(&Account::parse(account).unwrap()).is_some_and(|user| user.accepts(password))
    }

    fn create(&mut self, account: &Account, verifier: Verifier) {
        let description = Description {
            account: account.clone(),
            verifier: Some(verifier.clone()),
            second: None,
            terms: crate::description::Terms::default(),
            default_role: None,
            locked: false,
            grants: crate::grants::Grants::default(),
        };
        self.users.entry(account.clone()).or_insert(User { description, past: [verifier.text].into(), hidden: false });
    }

    fn log_in(&mut self, credential: &Credential) -> Result<Facts, EngineError> {
        let found = self.users.values().find(|user| user.description.account.user == credential.user);
        match found.filter(|user| user.accepts(&credential.password)) {
            Some(user) if user.description.locked => Err(while_logging_in(&error(3118))),
            Some(user) => {
                let account = self.taken_for.clone().unwrap_or_else(|| user.description.account.clone());
                Ok(Facts { server: self.server, account, read_only: self.read_only })
            }
            None => {
                self.refused += 1;
                Err(while_logging_in(&error(1045)))
            }
        }
    }

    fn apply(&mut self, by: &Account, command: &Command<'_>) -> Result<(), EngineError> {
        if self.read_only {
            return Err(of_statement(&error(1290)));
        }
        let kind = format!("{command:?}");
        self.done.push(format!("{}: {}", by.user, kind.split([' ', '(']).next().unwrap_or_default()));
        let about = match command {
            Command::Replace { .. } | Command::Reset { .. } => by,
            Command::Create { account, verifier } => {
                self.create(account, verifier.clone());
                return Ok(());
            }
            Command::Set { account, .. }
            | Command::Discard { account }
            | Command::Terms { account, .. }
            | Command::Grant { account, .. }
            | Command::Revoke { account, .. }
            | Command::DefaultRole { account, .. } => account,
        };
        let server = self.server;
        let user = self.users.get_mut(about).ok_or_else(|| of_statement(&error(1396)))?;
        let new = match command {
            Command::Replace { new, .. } | Command::Reset { new } => Some(Verifier::new(Plugin::Native, new.0)?),
            Command::Set { verifier, .. } => Some(verifier.clone()),
            _ => None,
        };
        if new.is_some_and(|new| !user.past.insert(new.text)) && self.remembers {
            return Err(of_statement(&error(3638)));
        }
        let (first, second) = (&mut user.description.verifier, &mut user.description.second);
        match command {
            Command::Replace { old, new, retain } => {
                let is_first = first.as_ref().and_then(|first| first.matches(old.0)) == Some(true);
                if server.verifies_replaced_password() && !is_first {
                    return Err(of_statement(&error(3891)));
                }
                let until_then = first.replace(Verifier::new(Plugin::Native, new.0)?);
                if *retain {
                    *second = until_then;
                }
            }
            Command::Reset { new } => *first = Some(Verifier::new(Plugin::Native, new.0)?),
            Command::Set { verifier, retain, .. } => {
                let until_then = first.replace(verifier.clone());
                if *retain {
                    *second = until_then;
                }
            }
            Command::Discard { .. } => *second = None,
            Command::Terms { terms, .. } => user.description.terms = terms.clone(),
            Command::Grant { entry, .. } => drop(user.description.grants.entries.insert(entry.clone())),
            Command::Revoke { entry, .. } => drop(user.description.grants.entries.remove(entry)),
            Command::DefaultRole { roles, .. } => user.description.default_role.clone_from(roles),
            Command::Create { .. } => {}
        }
        Ok(())
    }
}

impl User {
    fn shown(&self) -> Description {
        let mut shown = self.description.clone();
        if let Some(first) = shown.verifier.as_mut().filter(|_| self.hidden) {
            first.text = "<secret>".to_owned();
        }
        shown
    }

    fn accepts(&self, password: &str) -> bool {
        [&self.description.verifier, &self.description.second]
            .into_iter()
            .any(|verifier| verifier.as_ref().and_then(|verifier| verifier.matches(password)) == Some(true))
    }
}

/// The way to the model.
#[derive(Debug)]
pub struct Modelled(pub World<Model>);

/// A session with the model.
pub struct ModelSession {
    world: World<Model>,
    facts: Facts,
    lock: Option<String>,
}

/// However a session ends, its lock does too.
impl Drop for ModelSession {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            self.world.state().service.locks.remove(lock);
        }
    }
}

impl Connect for Modelled {
    type Session = ModelSession;

    async fn open(&self, credential: &Credential) -> Result<ModelSession, EngineError> {
        let facts = self.0.state().service.log_in(credential)?;
        Ok(ModelSession { world: self.0.clone(), facts, lock: None })
    }
}

impl Session for ModelSession {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn lock(&mut self, user: &str) -> Result<(), EngineError> {
        let name = lock::name(user);
        for _ in 0..=lock::WAIT_SECONDS {
            if self.world.state().service.locks.insert(name.clone()) {
                self.lock = Some(name);
                return Ok(());
            }
            sleep(Duration::from_secs(1)).await;
        }
        Err(EngineError::Busy(lock::TAKEN.to_owned()))
    }

    async fn describe(&mut self, account: &Account) -> Result<Option<Description>, EngineError> {
        // The answer takes a moment, in which another invocation may act.
        let there = self.world.state().service.users.get(account).map(User::shown);
        sleep(Duration::from_millis(1)).await;
        Ok(there)
    }

    async fn namesakes(&mut self, user: &str) -> Result<Vec<Namesake>, EngineError> {
        let state = self.world.state();
        let accounts = state.service.users.iter().filter(|(account, _)| account.user == user);
        Ok(accounts.map(|(account, user)| (account.clone(), user.description.verifier.clone())).collect())
    }

    async fn run(&mut self, command: &Command<'_>) -> Result<(), EngineError> {
        let ran = self.world.effect(|model| model.apply(&self.facts.account, command)).await;
        ran.unwrap_or_else(|Lost| Err(EngineError::Unreachable("lost".to_owned())))
    }

    async fn close(self) {}
}

pub fn machine(world: &World<Model>) -> Machine<World<Model>, Mysql<Modelled>, World<Model>> {
    let engine = Mysql { connect: Modelled(world.clone()), rds: Api::default(), name_limit: None };
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine, bus: world.clone(), passwords }
}
