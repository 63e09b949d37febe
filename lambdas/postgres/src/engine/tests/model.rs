//! A PostgreSQL in memory: roles, passwords, who owns and holds what. A commit is one effect on the world.

use std::collections::{BTreeMap, BTreeSet};

use rekey_rotation::engine::EngineError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::plan::{self, Tags};
use rekey_rotation::testing::{Lost, World};

use crate::command::{Command, Holding};
use crate::credential::Credential;
use crate::engine::Postgres;
use crate::pair::{Known, Membership, Pair, Rights, Role};
use crate::server::{About, Beginning, Server, Session};

pub const MASTER: &str = "arn:master";

#[derive(Clone, Debug, Default)]
pub struct Cluster {
    pub users: BTreeMap<String, User>,
    pub refused: usize,
    /// What was committed.
    pub done: Vec<Command>,
    pub read_only: bool,
    /// Whether a GRANT only causes a warning, as it does without a grant option.
    pub ungranted: bool,
    /// Whether ALTER ROLE … SET role is ignored.
    pub forgetful: bool,
    /// The command that the session's user may not give, by its purpose.
    pub forbidden: Option<&'static str>,
}

#[derive(Clone, Debug, Default)]
pub struct User {
    pub password: String,
    pub role: Role,
    pub member_of: BTreeSet<String>,
    pub owns: BTreeSet<&'static str>,
    pub holds: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Model(World<Cluster>);

pub struct Login {
    world: World<Cluster>,
    user: String,
    transaction: Vec<Command>,
}

pub type Rotation = Machine<World<Cluster>, Postgres<Model>, World<Cluster>>;

pub fn document(user: &str, password: &str, more: &str) -> String {
    format!(r#"{{"engine":"postgres","host":"h","username":"{user}","password":"{password}"{more}}}"#)
}

/// `app` with password `one`, and `master`.
pub fn rotation(current: &str, tag: Option<&str>) -> Rotation {
    let user = |password: &str| User { password: password.to_owned(), ..User::default() };
    let users = [("app", user("one")), ("master", user("m"))].map(|(name, user)| (name.to_owned(), user));
    let world =
        World::new(Cluster { users: users.into(), ..Cluster::default() }, current, &document("app", "zero", ""));
    {
        let mut state = world.state();
        state.tags = tag.map(|tag| (plan::STRATEGY_TAG.to_owned(), tag.to_owned())).into_iter().collect();
        state.others.insert(MASTER.to_owned(), (document("master", "m", ""), Tags::new()));
    }
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine: Postgres::new(Model(world.clone())), bus: world, passwords }
}

impl Server for Model {
    type Session = Login;

    async fn open(&self, credential: &Credential) -> Result<Login, EngineError> {
        let service = &mut self.0.state().service;
        if service.users.get(&credential.user).is_none_or(|user| user.password != credential.password.expose()) {
            service.refused += 1;
            return Err(EngineError::Auth("model".to_owned()));
        }
        Ok(Login { world: self.0.clone(), user: credential.user.clone(), transaction: Vec::new() })
    }
}

impl Session for Login {
    async fn beginning(&mut self) -> Result<Beginning, EngineError> {
        let state = self.world.state();
        let is_to_act = state.service.users[&self.user].role.settings.keys().any(|parameter| parameter.name == "role");
        Ok(Beginning { acts: is_to_act && !state.service.forgetful, is_to_act })
    }

    async fn begin(&mut self) -> Result<About, EngineError> {
        let read_only = self.world.state().service.read_only;
        Ok(About { encryption: "scram-sha-256".to_owned(), replica: false, read_only })
    }

    async fn look_at(&mut self, pair: &Pair) -> Result<Known, EngineError> {
        // As it is inside the transaction.
        let mut cluster = self.world.state().service.clone();
        self.transaction.iter().for_each(|command| cluster.apply(&self.user, command.clone()));
        let role = |name: &str| cluster.users.get(name).map(|user| user.role.clone());
        let none = User::default();
        let second = cluster.users.get(&pair.second).unwrap_or(&none);
        Ok(Known {
            first: role(&pair.first),
            second: role(&pair.second),
            membership: if second.member_of.contains(&pair.first) { Membership::Full } else { Membership::None },
            rights: if cluster.users[&self.user].member_of.contains(&pair.second) {
                Rights::Held
            } else {
                Rights::Borrowable
            },
            owns: !second.owns.is_empty(),
            holdings: second
                .holds
                .iter()
                .map(|give| Holding { give: give.clone(), take: None, shared: false })
                .collect(),
            ..Known::default()
        })
    }

    async fn run(&mut self, command: &Command) -> Result<(), EngineError> {
        if self.world.state().service.forbidden == Some(command.purpose()) {
            return Err(EngineError::Privilege("model".to_owned()));
        }
        self.transaction.push(command.clone());
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), EngineError> {
        let commands = std::mem::take(&mut self.transaction);
        let committed =
            self.world.effect(|cluster| commands.into_iter().for_each(|one| cluster.apply(&self.user, one)));
        committed.await.map_err(|Lost| EngineError::Unreachable("model".to_owned()))
    }

    async fn close(self) {}
}

impl Cluster {
    pub fn user(&mut self, name: &str) -> &mut User {
        self.users.get_mut(name).expect(name)
    }

    fn apply(&mut self, session: &str, command: Command) {
        self.done.push(command.clone());
        match command {
            Command::ActAsOneself => {}
            Command::Create { role } => assert!(self.users.insert(role, User::default()).is_none(), "it is there"),
            Command::Adjust { role, to } => self.user(&role).role.attributes = to,
            Command::SetPassword { role, password } => password.expose().clone_into(&mut self.user(&role).password),
            Command::Join { member, role } => drop(self.user(&member).member_of.insert(role)),
            Command::Borrow { role } => assert!(self.user(session).member_of.insert(role), "it had the rights"),
            Command::GiveBack { role } => assert!(self.user(session).member_of.remove(&role), "it had no rights"),
            Command::TakeOver { from, to } => {
                assert!(self.user(session).member_of.contains(&from), "it has no right to");
                let owned = std::mem::take(&mut self.user(&from).owns);
                self.user(&to).owns.extend(owned);
            }
            Command::HandOver(_) if self.ungranted => {}
            Command::HandOver(Holding { give, .. }) => {
                let from = self.users.iter().find(|(_, user)| user.holds.contains(&give)).unwrap().0.clone();
                self.user(&from).holds.remove(&give);
                self.user(plan::original(&from)).holds.insert(give);
            }
            Command::Set { role, parameter, value } => drop(self.user(&role).role.settings.insert(parameter, value)),
            Command::Reset { role, parameter } => drop(self.user(&role).role.settings.remove(&parameter)),
        }
    }
}
