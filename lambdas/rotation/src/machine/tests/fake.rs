//! A service with users, their passwords, and a master.

use std::collections::BTreeMap;

use crate::engine::{Change, Engine, EngineError};
use crate::machine::Machine;
use crate::password::PasswordPolicy;
use crate::plan::{Plan, Strategy, Tags};
use crate::secret::SecretDocument;
use crate::testing::{Lost, State, World};
use crate::vault::{CURRENT, PENDING, PREVIOUS};

const MASTER: &str = "arn:master";

#[derive(Debug)]
pub struct Service {
    /// The password of `u`, the one user of [`single`].
    pub password: String,
    /// The passwords of everybody else.
    pub others: BTreeMap<String, String>,
    pub unreachable: bool,
    pub refused: usize,
    /// Whether the master may do nothing.
    pub powerless: bool,
}

pub struct Fake(World<Service>);

pub fn machine(world: &World<Service>) -> Machine<World<Service>, Fake, World<Service>> {
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine: Fake(world.clone()), bus: world.clone(), passwords }
}

pub fn document(password: &str) -> String {
    format!(r#"{{"engine":"fake","host":"h","username":"u","password":"{password}","note":[1,2]}}"#)
}

/// `v1` in force with password `one`, `v0` before it with password `zero`, and an empty pending version.
pub fn single() -> World<Service> {
    let service = Service {
        password: "one".to_owned(),
        others: BTreeMap::from([("master".to_owned(), "m".to_owned())]),
        unreachable: false,
        refused: 0,
        powerless: false,
    };
    World::new(service, &document("one"), &document("zero"))
}

/// The same with a master, and so with two users.
pub fn alternating() -> World<Service> {
    let world = single();
    {
        let mut state = world.state();
        for text in state.values.values_mut() {
            *text = text.replace(r#""note""#, r#""masterarn":"arn:master","note""#);
        }
        let master = r#"{"host":"H","username":"master","password":"m"}"#.to_owned();
        state.others.insert(MASTER.to_owned(), (master, Tags::new()));
    }
    world
}

/// Sets another password in the service and stores it as a new version.
pub fn put(state: &mut State<Service>) {
    "manual".clone_into(&mut state.service.password);
    state.values.insert("v3".to_owned(), document("manual"));
    state.promote("v3");
    state.labels.remove(PENDING);
}

/// Moves AWSCURRENT back to the previous version and tells nobody.
pub fn label_back(state: &mut State<Service>) {
    if let Some(previous) = state.labels.get(PREVIOUS).cloned() {
        state.promote(&previous);
    }
}

/// Cancels the rotation.
pub fn cancel(state: &mut State<Service>) {
    state.labels.remove(PENDING);
}

/// The service's password of the user in the version that has AWSCURRENT.
pub fn password_in_force(world: &World<Service>) -> Option<String> {
    let text = world.text(CURRENT)?;
    let user = SecretDocument::parse(text.into()).ok()?.required("username").ok()?;
    let state = world.state();
    if *user == "u" { Some(state.service.password.clone()) } else { state.service.others.get(&*user).cloned() }
}

impl Service {
    fn log_in(&mut self, credential: &SecretDocument) -> Result<(), EngineError> {
        if self.unreachable {
            return Err(EngineError::Unreachable("fake".to_owned()));
        }
        let user = credential.required("username")?;
        let password = credential.required("password")?;
        let right = if *user == "u" { Some(&self.password) } else { self.others.get(&*user) };
        if right.is_none_or(|right| *right != *password) {
            self.refused += 1;
            return Err(EngineError::Auth("fake".to_owned()));
        }
        Ok(())
    }

    /// As MySQL and MongoDB do: of two users, the other one has to have one of the passwords that are known.
    fn ours(&self, plan: &Plan, known: &[Option<&SecretDocument>]) -> Result<(), EngineError> {
        let Some(there) = plan.next_user.as_ref().and_then(|user| self.others.get(user)) else { return Ok(()) };
        let is = |known: &&SecretDocument| known.required("password").is_ok_and(|password| *password == *there);
        if known.iter().flatten().any(is) { Ok(()) } else { Err(EngineError::Stranger) }
    }

    fn change(&mut self, change: &Change<'_>) -> Result<(), EngineError> {
        self.log_in(change.using)?;
        if self.powerless {
            return Err(EngineError::Privilege("fake".to_owned()));
        }
        self.ours(change.plan, &[change.previous, Some(change.pending)])?;
        let user = change.pending.required("username")?;
        let password = change.pending.required("password")?.to_string();
        if *user == "u" {
            self.password = password;
        } else {
            self.others.insert(user.to_string(), password);
        }
        Ok(())
    }
}

impl Engine for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        current.required("password")?;
        Plan::for_password(current, tags, &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating])
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        self.0.state().service.log_in(credential)
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let changed = self.0.effect(|service| service.change(change)).await;
        changed.unwrap_or_else(|Lost| Err(EngineError::Unreachable("fake".to_owned())))
    }

    async fn preflight(
        &self,
        plan: &Plan,
        current: &SecretDocument,
        master: Option<&SecretDocument>,
        previous: Option<&SecretDocument>,
    ) -> Result<(), EngineError> {
        self.login(master.unwrap_or(current)).await?;
        self.0.state().service.ours(plan, &[previous])
    }
}
