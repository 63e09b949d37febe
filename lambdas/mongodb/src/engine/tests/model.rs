//! A server with users, their passwords and roles.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, doc};
use rekey_rotation::engine::EngineError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::plan::Tags;
use rekey_rotation::testing;

use crate::credential::Credential;
use crate::engine::Mongo;
use crate::server::{Grants, Server, Session};

pub type World = testing::World<Service>;

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub password: String,
    pub grants: Grants,
}

#[derive(Debug, Default)]
pub struct Service {
    /// By database and name.
    pub users: BTreeMap<(String, String), User>,
    pub log: Vec<String>,
    pub refused: usize,
    /// Whether nobody may change users.
    pub powerless: bool,
    pub read_only: bool,
    pub unreachable: bool,
}

pub fn roles(names: &[&str]) -> Vec<Bson> {
    names.iter().map(|name| Bson::Document(doc! { "role": *name, "db": "shop" })).collect()
}

impl Service {
    pub fn add(&mut self, database: &str, name: &str, password: &str, granted: &[&str]) {
        let grants = Grants { roles: roles(granted), ..Grants::default() };
        self.users.insert((database.to_owned(), name.to_owned()), User { password: password.to_owned(), grants });
    }

    pub fn user(&mut self, database: &str, name: &str) -> &mut User {
        self.users.get_mut(&(database.to_owned(), name.to_owned())).unwrap()
    }

    fn may_write(&self) -> Result<(), EngineError> {
        if self.read_only {
            return Err(EngineError::Unreachable("code 10107".to_owned()));
        }
        if self.powerless { Err(EngineError::Privilege("code 13".to_owned())) } else { Ok(()) }
    }
}

pub fn document(user: &str, password: &str, more: &str) -> String {
    format!(r#"{{"engine":"mongo","host":"h","username":"{user}","password":"{password}","dbname":"shop"{more}}}"#)
}

pub const MASTER: &str = r#","masterarn":"arn:master""#;

fn world(user: &str, more: &str) -> World {
    let mut service = Service::default();
    service.add("shop", "app", "one", &["readWrite"]);
    service.add("admin", "root", "m", &["root"]);
    let world = World::new(service, &document(user, "one", more), &document(user, "zero", more));
    let master = r#"{"engine":"mongo","host":"H","username":"root","password":"m"}"#.to_owned();
    world.state().others.insert("arn:master".to_owned(), (master, Tags::new()));
    world
}

pub fn single() -> World {
    world("app", "")
}

pub fn through_master() -> World {
    let world = world("app", MASTER);
    world.state().tags.insert("rekey:strategy".to_owned(), "master".to_owned());
    world
}

pub fn alternating() -> World {
    world("app", MASTER)
}

/// Two users, of which the second one is in force.
pub fn at_the_clone() -> World {
    let world = world("app_clone", MASTER);
    world.state().service.add("shop", "app_clone", "one", &["read"]);
    world.state().values.insert("v0".to_owned(), document("app", "one", MASTER));
    world
}

pub fn machine(world: &World) -> Machine<World, Mongo<Fake>, World> {
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine: Mongo::new(Fake(world.clone())), bus: world.clone(), passwords }
}

#[derive(Debug)]
pub struct Fake(World);

/// A session in the world.
pub struct Open(World);

impl Server for Fake {
    type Session = Open;

    async fn open(&self, credential: &Credential) -> Result<Open, EngineError> {
        let service = &mut self.0.state().service;
        if service.unreachable {
            return Err(EngineError::Unreachable("no connection".to_owned()));
        }
        let key = (credential.database.clone(), credential.user.clone());
        service.log.push(format!("open {}/{}", key.0, key.1));
        if service.users.get(&key).is_none_or(|user| user.password != *credential.password) {
            service.refused += 1;
            return Err(EngineError::Auth("code 18".to_owned()));
        }
        Ok(Open(self.0.clone()))
    }
}

impl Open {
    /// A command that changes the user.
    async fn command(
        &mut self,
        name: &str,
        user: &Credential,
        apply: impl FnOnce(&mut BTreeMap<(String, String), User>, (String, String)),
    ) -> Result<(), EngineError> {
        let key = (user.database.clone(), user.user.clone());
        let changed = self.0.effect(|service| {
            service.log.push(format!("{name} {}/{}", key.0, key.1));
            service.may_write()?;
            apply(&mut service.users, key);
            Ok(())
        });
        changed.await.unwrap_or_else(|testing::Lost| Err(EngineError::Unreachable("the connection was cut".to_owned())))
    }
}

impl Session for Open {
    async fn grants(&mut self, database: &str, user: &str) -> Result<Option<Grants>, EngineError> {
        let service = &mut self.0.state().service;
        service.log.push(format!("grants {database}/{user}"));
        Ok(service.users.get(&(database.to_owned(), user.to_owned())).map(|user| user.grants.clone()))
    }

    async fn set_password(&mut self, to: &Credential) -> Result<(), EngineError> {
        let password = to.password.to_string();
        self.command("set_password", to, |users, key| users.get_mut(&key).unwrap().password = password).await
    }

    async fn set_all(&mut self, to: &Credential, grants: &Grants, before: &Grants) -> Result<(), EngineError> {
        let new = User { password: to.password.to_string(), grants: grants.clone() };
        self.command("set_all", to, |users, key| {
            let replaced = users.insert(key, new);
            assert_eq!(replaced.map(|old| old.grants).as_ref(), Some(before));
        })
        .await
    }

    async fn create(&mut self, user: &Credential, grants: &Grants) -> Result<(), EngineError> {
        let new = User { password: user.password.to_string(), grants: grants.clone() };
        self.command("create", user, |users, key| assert!(users.insert(key, new).is_none(), "code 51003")).await
    }

    async fn close(self) {}
}
