//! A user and a cache, in the world of tests.

use rekey_redis::Credential;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::testing::{Lost, World};

use super::*;
use crate::user_arn::UserArn;

pub const ARN: &str = "arn:aws:elasticache:eu-west-1:111122223333:user:u-1";

/// The user and all who ask about it.
#[derive(Debug)]
pub struct Model {
    pub passwords: Vec<String>,
    pub authentication: Option<Authentication>,
    pub name: &'static str,
    /// How many looks until it is active.
    pub busy: usize,
    pub deleting: bool,
    /// How many log-ins the caches still refuse because they have not heard of a change.
    pub slow: usize,
    pub refused: usize,
    pub commands: Vec<String>,
}

pub type In = Machine<World<Model>, Elasticache<Handle>, World<Model>>;

#[derive(Clone)]
pub struct Handle(World<Model>);

pub fn document(password: &str, host: bool) -> String {
    let host = if host { r#""host":"h","# } else { "" };
    format!(r#"{{"username":"app","user_arn":"{ARN}",{host}"password":"{password}"}}"#)
}

/// A secret and a user that have no password yet, as AWS's guide begins.
pub fn first(host: bool) -> In {
    let machine = machine(host);
    {
        let mut state = machine.vault.state();
        let host = if host { r#""host":"h","# } else { "" };
        state.values.insert("v1".to_owned(), format!(r#"{{"username":"app",{host}"user_arn":"{ARN}"}}"#));
        state.service.passwords.clear();
        state.service.authentication = Some(Authentication::None);
    }
    machine
}

/// In the middle of its life: `one` in force, `zero` before it, both accepted.
pub fn machine(host: bool) -> In {
    let model = Model {
        passwords: vec!["one".to_owned(), "zero".to_owned()],
        authentication: None,
        name: "app",
        busy: 0,
        deleting: false,
        slow: 0,
        refused: 0,
        commands: Vec::new(),
    };
    let world = World::new(model, &document("one", host), &document("zero", host));
    world.state().tags.insert("rekey:user-arn".to_owned(), ARN.to_owned());
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    let settings = Settings::from_variables(|_| None).unwrap();
    let engine = Elasticache::new(Handle(world.clone()), settings);
    Machine { vault: world.clone(), engine, bus: world, passwords }
}

impl Service for Handle {
    async fn user(&self, arn: &UserArn) -> Result<Option<User>, EngineError> {
        let model = &mut self.0.state().service;
        model.commands.push("DescribeUsers".to_owned());
        let status = match model.busy {
            _ if model.deleting => Status::Deleting,
            0 => Status::Active,
            _ => {
                model.busy -= 1;
                Status::Changing
            }
        };
        let count = i32::try_from(model.passwords.len()).unwrap();
        Ok((arn.text == ARN).then(|| User {
            arn: ARN.to_owned(),
            name: model.name.to_owned(),
            status,
            authentication: model.authentication.unwrap_or(Authentication::Passwords(count)),
        }))
    }

    async fn set_passwords(&self, _: &UserArn, passwords: &[&str]) -> Result<(), EngineError> {
        let passwords: Vec<String> = passwords.iter().map(|&password| password.to_owned()).collect();
        assert!(self.0.state().service.busy == 0 && passwords.len() <= 2, "the API refuses that");
        self.0.state().service.commands.push(format!("ModifyUser {}", passwords.join(" ")));
        let apply = |model: &mut Model| {
            model.passwords.clone_from(&passwords);
            model.authentication = None;
            model.busy = 3;
        };
        let lost =
            |_: Lost| EngineError::Api { operation: "elasticache:ModifyUser", reason: "no answer in time".to_owned() };
        self.0.effect(apply).await.map_err(lost)
    }

    async fn log_in(&self, credential: &Credential) -> Result<(), EngineError> {
        let model = &mut self.0.state().service;
        assert_eq!((&*credential.place.host, &*credential.user), ("h", "app"));
        model.commands.push(format!("AUTH {}", *credential.password));
        let heard = model.slow == 0;
        model.slow = model.slow.saturating_sub(1);
        if heard && model.passwords.contains(&credential.password) {
            return Ok(());
        }
        model.refused += 1;
        Err(EngineError::Auth("WRONGPASS".to_owned()))
    }
}
