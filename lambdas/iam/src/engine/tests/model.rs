//! IAM and STS with one user, `app`, and what a rotation may do to them.

use jiff::{SignedDuration, Timestamp};
use rekey_rotation::engine::EngineError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::testing;
use rekey_rotation::vault::CURRENT;

use crate::credential::AccessKey;
use crate::engine::AccessKeys;
use crate::keys::{Keys, Listed, Made, Used};

pub type World = testing::World<Service>;
type Rotation = Machine<World, AccessKeys<Fake>, World>;

#[derive(Debug)]
pub struct Service {
    pub keys: Vec<Key>,
    /// The number of the next key.
    pub made: u32,
    /// How often STS does not know a new key yet.
    pub unknown_for: u32,
    /// How often IAM's list of keys, by which it counts them, still shows what was deleted.
    pub full_for: u32,
    /// What comes of asking for keys.
    pub making: Making,
    /// Whether IAM fails at everything.
    pub broken: bool,
    /// What was done, with keys by number.
    pub log: Vec<String>,
    /// How often STS refused a key.
    pub refused: u32,
    /// Whether a key was ended that the version in force holds.
    pub harmed: bool,
}

/// What comes of asking for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    Works,
    Denied,
    /// A key is made and its answer gets lost.
    Unanswered,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub user: &'static str,
    pub account: &'static str,
    pub id: String,
    pub secret: String,
    pub active: bool,
    pub last_used: Option<Used>,
    pub created: Timestamp,
    pub unknown_for: u32,
}

impl Key {
    pub fn new(number: u32) -> Self {
        Self {
            user: "app",
            account: "own",
            id: id(number),
            secret: secret(number),
            active: true,
            last_used: None,
            created: ago(60),
            unknown_for: 0,
        }
    }

    pub fn used(self, service: &str, minutes_ago: i64) -> Self {
        Self { last_used: Some(Used { service: service.to_owned(), at: ago(minutes_ago) }), ..self }
    }
}

/// So many minutes ago, in whole seconds, as IAM has it.
pub fn ago(minutes: i64) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    now - SignedDuration::from_mins(minutes)
}

const ID: &str = "AKIAEXAMPLEKEYNUMBER";

pub fn id(number: u32) -> String {
    format!("{ID}{number}")
}

pub fn secret(number: u32) -> String {
    format!("s\"{number}")
}

pub fn document(number: u32) -> String {
    let id = id(number);
    format!(
        r#"{{"engine":"iam","username":"app","AccessKeyId":"{id}","SecretAccessKey":"s\"{number}","note":[1,"é😀';"]}}"#
    )
}

/// The user has the keys 0, which AWSPREVIOUS holds and which is in use, and 1, which AWSCURRENT holds.
pub fn world() -> World {
    let in_use = |number| Key::new(number).used("s3", 1);
    let service = Service {
        keys: vec![in_use(0), in_use(1)],
        made: 2,
        unknown_for: 0,
        full_for: 0,
        making: Making::Works,
        broken: false,
        log: Vec::new(),
        refused: 0,
        harmed: false,
    };
    World::new(service, &document(1), &document(0))
}

pub fn machine(world: &World) -> Rotation {
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    let engine = AccessKeys { keys: Fake(world.clone()), deactivates: false };
    Machine { vault: world.clone(), engine, bus: world.clone(), passwords }
}

pub fn deactivating(world: &World) -> Rotation {
    let mut machine = machine(world);
    machine.engine.deactivates = true;
    machine
}

#[derive(Debug)]
pub struct Fake(pub World);

fn failed() -> EngineError {
    EngineError::Api { operation: "fake", reason: "fake".to_owned() }
}

impl Fake {
    /// An effect on IAM, which may fail, or whose answer may get lost.
    async fn effect<T>(&self, apply: impl FnOnce(&mut Service) -> T) -> Result<T, EngineError> {
        if self.0.state().service.broken {
            return Err(failed());
        }
        self.0.effect(apply).await.map_err(|testing::Lost| failed())
    }

    /// Changes a key, and notes if it is one that must not be.
    async fn end(&self, verb: &str, id: &str, apply: impl FnOnce(&mut Vec<Key>)) -> Result<(), EngineError> {
        let harmed = self.0.text(CURRENT).unwrap().contains(id);
        self.effect(|service| {
            service.log.push(format!("{verb} K{}", id.trim_start_matches(ID)));
            service.harmed |= harmed;
            apply(&mut service.keys);
        })
        .await
    }
}

impl Service {
    fn create(&mut self) -> Option<AccessKey> {
        if self.keys.len() >= 2 || self.full_for > 0 {
            self.full_for = self.full_for.saturating_sub(1);
            return None;
        }
        let number = self.made;
        self.made += 1;
        self.log.push(format!("create K{number}"));
        self.keys.push(Key { unknown_for: self.unknown_for, created: ago(0), ..Key::new(number) });
        Some(AccessKey { id: id(number), secret: secret(number).into() })
    }
}

impl Keys for Fake {
    async fn owner(&self, key: &AccessKey) -> Result<String, EngineError> {
        let service = &mut self.0.state().service;
        let right = |known: &&mut Key| known.id == key.id && known.secret == *key.secret && known.active;
        match service.keys.iter_mut().find(right) {
            Some(known) if known.unknown_for == 0 => Ok(known.user.to_owned()),
            known => {
                if let Some(known) = known {
                    known.unknown_for -= 1;
                }
                service.refused += 1;
                Err(EngineError::Auth("InvalidClientTokenId".to_owned()))
            }
        }
    }

    async fn list(&self, user: &str) -> Result<Vec<Listed>, EngineError> {
        let state = self.0.state();
        if state.service.broken {
            return Err(failed());
        }
        let own = state.service.keys.iter().filter(|key| key.user == user && key.account == "own");
        Ok(own.map(|key| Listed { id: key.id.clone(), active: key.active, created: Some(key.created) }).collect())
    }

    async fn create(&self, _user: &str) -> Result<Made, EngineError> {
        let making = self.0.state().service.making;
        if making == Making::Denied || self.0.state().service.broken {
            return Err(failed());
        }
        let made = self.0.effect(Service::create).await.ok().filter(|_| making == Making::Works);
        let made = made.ok_or(EngineError::Unanswered { operation: "fake", reason: String::new() })?;
        Ok(made.map_or_else(|| Made::NotNow("LimitExceeded".to_owned()), Made::Key))
    }

    async fn deactivate(&self, _user: &str, id: &str) -> Result<(), EngineError> {
        let own = |keys: &mut Vec<Key>| keys.iter_mut().filter(|key| key.id == id).for_each(|key| key.active = false);
        self.end("deactivate", id, own).await
    }

    async fn delete(&self, _user: &str, id: &str) -> Result<(), EngineError> {
        self.end("delete", id, |keys| keys.retain(|key| key.id != id)).await
    }

    async fn last_used(&self, id: &str) -> Result<Option<Used>, EngineError> {
        Ok(self.0.state().service.keys.iter().find(|key| key.id == id).and_then(|key| key.last_used.clone()))
    }
}
