//! A server with users, in the world of tests.

use std::collections::{BTreeMap, BTreeSet};

use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::plan::Tags;
use rekey_rotation::testing::{Lost, World};

use super::*;
use crate::acl::Hash;

const MASTER: &str = "arn:master";

/// The server.
#[derive(Debug)]
pub struct Model {
    pub users: BTreeMap<String, BTreeSet<Hash>>,
    /// What a restart would bring back.
    pub saved: BTreeMap<String, BTreeSet<Hash>>,
    /// Who may change users.
    pub editors: BTreeSet<String>,
    /// Who may not log in.
    pub off: BTreeSet<String>,
    pub nopass: bool,
    pub role: Role,
    /// What comes of saving, if not success.
    pub disk: Option<Result<Saved, EngineError>>,
    pub refused: usize,
    pub commands: Vec<String>,
}

pub type In = Machine<World<Model>, Redis<Handle>, World<Model>>;

pub struct Handle(World<Model>);

pub struct ModelSession {
    world: World<Model>,
    user: String,
}

pub fn document(user: &str, password: &str) -> String {
    format!(r#"{{"engine":"redis","host":"h","username":"{user}","password":"{password}"}}"#)
}

/// `app`, which may change itself, in the middle of its life: `one` in force, `zero` before it, both accepted.
pub fn machine() -> In {
    let users = BTreeMap::from([
        ("app".to_owned(), BTreeSet::from([hash("one"), hash("zero")])),
        ("admin".to_owned(), BTreeSet::from([hash("m")])),
    ]);
    let model = Model {
        saved: users.clone(),
        users,
        editors: BTreeSet::from(["app".to_owned(), "admin".to_owned()]),
        off: BTreeSet::new(),
        nopass: false,
        role: Role::Primary,
        disk: None,
        refused: 0,
        commands: Vec::new(),
    };
    let world = World::new(model, &document("app", "one"), &document("app", "zero"));
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine: Redis::new(Handle(world.clone())), bus: world, passwords }
}

/// The same with `app` that may not, and an admin that may.
pub fn with_master() -> In {
    let machine = machine();
    {
        let mut state = machine.vault.state();
        for text in state.values.values_mut() {
            *text = text.replace(r#""host""#, r#""masterarn":"arn:master","host""#);
        }
        state.others.insert(MASTER.to_owned(), (document("admin", "m"), Tags::new()));
        state.service.editors.remove("app");
    }
    machine
}

impl Server for Handle {
    type Session = ModelSession;

    async fn log_in(&self, credential: &Credential) -> Result<ModelSession, EngineError> {
        let model = &mut self.0.state().service;
        model.commands.push(format!("AUTH {}", credential.user));
        let known = model.users.get(&credential.user).is_some_and(|set| set.contains(&hash(&credential.password)));
        if !known || model.off.contains(&credential.user) {
            model.refused += 1;
            return Err(EngineError::Auth("WRONGPASS".to_owned()));
        }
        Ok(ModelSession { world: self.0.clone(), user: credential.user.clone() })
    }
}

impl ModelSession {
    fn allowed(&self, command: String) -> Result<(), EngineError> {
        let model = &mut self.world.state().service;
        model.commands.push(command);
        if model.editors.contains(&self.user) { Ok(()) } else { Err(EngineError::Privilege("NOPERM".to_owned())) }
    }
}

impl Session for ModelSession {
    fn role(&self) -> Result<Role, EngineError> {
        Ok(self.world.state().service.role)
    }

    async fn user(&mut self, name: &str) -> Result<Option<User>, EngineError> {
        self.allowed(format!("ACL GETUSER {name}"))?;
        let model = &self.world.state().service;
        Ok(model.users.get(name).map(|hashes| User { nopass: model.nopass, hashes: hashes.clone() }))
    }

    async fn edit(&mut self, name: &str, edit: &Edit) -> Result<(), EngineError> {
        let rules: Vec<String> = edit.rules().collect();
        self.allowed(format!("ACL SETUSER {name} {}", rules.join(" ")))?;
        let apply = |model: &mut Model| {
            let hashes = model.users.entry(name.to_owned()).or_default();
            hashes.extend(edit.add.iter().cloned());
            hashes.retain(|hash| !edit.remove.contains(hash));
        };
        self.world.effect(apply).await.map_err(|Lost| EngineError::Unreachable("the connection was cut".to_owned()))
    }

    async fn save(&mut self) -> Result<Saved, EngineError> {
        self.allowed("ACL SAVE".to_owned())?;
        let apply = |model: &mut Model| {
            if let Some(other) = model.disk.clone() {
                return other;
            }
            model.saved.clone_from(&model.users);
            Ok(Saved::Yes)
        };
        let lost = || Err(EngineError::Unreachable("the connection was cut".to_owned()));
        self.world.effect(apply).await.unwrap_or_else(|Lost| lost())
    }
}
