//! A world to rotate in: one secret with AWS's label rules, one service with one password, and faults on demand.
//!
//! Everything that changes the world goes through [`World::effect`], which counts the effects and lets a test crash the
//! function right after one of them, lose its answer, or let somebody else act right before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::emission::{Bus, EmissionError, Rotated};
use crate::engine::{Engine, EngineError, Strategy};
use crate::event::RotationToken;
use crate::secret::SecretDocument;
use crate::vault::{CURRENT, Description, Moved, PENDING, PREVIOUS, Selector, Stored, Vault, VaultError};

pub const TOKEN: &str = "v2";

/// What goes wrong at an effect.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The function dies: the effect has happened and nothing after it does.
    Crash,
    /// The effect has happened, but the function is told otherwise.
    LostReply,
    /// The first answer of an AWS call got lost on the way and the SDK made the call again.
    Repeated,
}

/// What somebody else does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manual {
    /// Sets another password in the service and stores it as a new version.
    Put,
    /// Moves AWSCURRENT back to the previous version and tells nobody.
    LabelBack,
    /// Cancels the rotation.
    Cancel,
}

#[derive(Debug, Default)]
pub struct State {
    pub values: BTreeMap<String, String>,
    /// Version by label: no label can be on two versions.
    pub labels: BTreeMap<String, String>,
    /// How often a pending value is still invisible to readers.
    pub lag: u32,
    pub server_password: String,
    pub unreachable: bool,
    pub refused_logins: usize,
    pub stored: usize,
    pub sent: Vec<Rotated>,
    pub bus_broken: bool,
    pub bus_calls: usize,
    pub effects: usize,
    pub faults: BTreeMap<usize, Fault>,
    pub manual: BTreeMap<usize, Manual>,
}

#[derive(Clone, Default)]
pub struct World(Arc<(Mutex<State>, Notify)>);

impl World {
    /// `v1` in force with password `one`, `v0` before it with password `zero`, and an empty pending version.
    pub fn new() -> Self {
        let world = Self::default();
        {
            let mut state = world.state();
            state.values.insert("v0".to_owned(), document("zero"));
            state.values.insert("v1".to_owned(), document("one"));
            for (label, version) in [(PREVIOUS, "v0"), (CURRENT, "v1"), (PENDING, TOKEN)] {
                state.labels.insert(label.to_owned(), version.to_owned());
            }
            state.server_password = "one".to_owned();
        }
        world
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// Resolves when the function has crashed.
    pub async fn crashed(&self) {
        self.0.1.notified().await;
    }

    /// The password in the version that has the label.
    pub fn password(&self, label: &str) -> Option<String> {
        let state = self.state();
        let text = state.values.get(state.labels.get(label)?)?.clone();
        drop(state);
        Some(SecretDocument::parse(Zeroizing::new(text)).unwrap().required("password").unwrap().to_string())
    }

    async fn effect<T>(&self, mut apply: impl FnMut(&mut State) -> T + Send) -> Result<T, ()> {
        let (result, fault) = {
            let mut state = self.state();
            let number = state.effects;
            state.effects += 1;
            if let Some(manual) = state.manual.get(&number).copied() {
                state.act(manual);
            }
            let fault = state.faults.get(&number).copied();
            let first = apply(&mut state);
            (if matches!(fault, Some(Fault::Repeated)) { apply(&mut state) } else { first }, fault)
        };
        match fault {
            None | Some(Fault::Repeated) => Ok(result),
            Some(Fault::LostReply) => Err(()),
            Some(Fault::Crash) => {
                self.0.1.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl State {
    fn promote(&mut self, to: &str) {
        if let Some(from) = self.labels.insert(CURRENT.to_owned(), to.to_owned()) {
            self.labels.insert(PREVIOUS.to_owned(), from);
        }
    }

    fn act(&mut self, manual: Manual) {
        match manual {
            Manual::Put => {
                "manual".clone_into(&mut self.server_password);
                self.values.insert("v3".to_owned(), document("manual"));
                self.promote("v3");
                self.labels.remove(PENDING);
            }
            Manual::LabelBack => {
                if let Some(previous) = self.labels.get(PREVIOUS).cloned() {
                    self.promote(&previous);
                }
            }
            Manual::Cancel => drop(self.labels.remove(PENDING)),
        }
    }
}

pub fn document(password: &str) -> String {
    format!(r#"{{"engine":"fake","host":"h","username":"u","password":"{password}","note":[1,2]}}"#)
}

fn lost(operation: &'static str) -> VaultError {
    VaultError { operation, reason: "no answer in time".to_owned() }
}

impl Vault for World {
    async fn describe(&self, _: &str) -> Result<Description, VaultError> {
        let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (label, version) in &self.state().labels {
            labels.entry(version.clone()).or_default().push(label.clone());
        }
        Ok(Description { arn: "arn:s".to_owned(), name: "s".to_owned(), rotation_enabled: Some(true), labels })
    }

    async fn read(&self, _: &str, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, VaultError> {
        let mut state = self.state();
        let id = match version {
            Selector::Current => state.labels.get(CURRENT).cloned(),
            Selector::Previous => state.labels.get(PREVIOUS).cloned(),
            Selector::Pending(id) => Some(id.to_owned()).filter(|_| state.labels.get(PENDING).is_some_and(|v| v == id)),
        };
        if matches!(version, Selector::Pending(_)) && state.lag > 0 {
            state.lag -= 1;
            return Ok(None);
        }
        Ok(id.and_then(|id| state.values.get(&id).cloned()).map(Zeroizing::new))
    }

    async fn store_pending(
        &self,
        _: &str,
        version: &str,
        document: &SecretDocument,
        _: Option<&RotationToken>,
    ) -> Result<Stored, VaultError> {
        let apply = |state: &mut State| {
            if let Some(stored) = state.values.get(version) {
                return if stored == document.expose() { Stored::Written } else { Stored::Exists };
            }
            state.stored += 1;
            state.values.insert(version.to_owned(), document.expose().to_owned());
            state.labels.insert(PENDING.to_owned(), version.to_owned());
            Stored::Written
        };
        self.effect(apply).await.map_err(|()| lost("PutSecretValue"))
    }

    async fn move_current(&self, _: &str, from: &str, to: &str) -> Result<Moved, VaultError> {
        let apply = |state: &mut State| {
            if state.labels.get(CURRENT).is_none_or(|current| current != from) {
                return Moved::Overtaken;
            }
            state.promote(to);
            Moved::Yes
        };
        self.effect(apply).await.map_err(|()| lost("UpdateSecretVersionStage"))
    }

    async fn drop_pending(&self, _: &str, version: &str) -> Result<(), VaultError> {
        let apply = |state: &mut State| {
            if state.labels.get(PENDING).is_some_and(|pending| pending == version) {
                state.labels.remove(PENDING);
            }
        };
        self.effect(apply).await.map_err(|()| lost("UpdateSecretVersionStage"))
    }
}

impl State {
    fn log_in(&mut self, credential: &SecretDocument) -> Result<(), EngineError> {
        if self.unreachable {
            return Err(EngineError::Unreachable("fake".to_owned()));
        }
        if *credential.required("password")? != self.server_password {
            self.refused_logins += 1;
            return Err(EngineError::Auth("fake".to_owned()));
        }
        Ok(())
    }
}

impl Engine for World {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn strategy(&self) -> Strategy {
        Strategy::Single
    }

    fn check(&self, document: &SecretDocument) -> Result<(), EngineError> {
        document.required("password").map(drop).map_err(EngineError::from)
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        self.state().log_in(credential)
    }

    async fn change(&self, using: &SecretDocument, to: &SecretDocument) -> Result<(), EngineError> {
        // No driver repeats a statement by itself, so the second time is no time.
        let mut answer = None;
        let apply = |state: &mut State| {
            let change = |state: &mut State| {
                state.log_in(using)?;
                state.server_password.clone_from(&*to.required("password")?);
                Ok(())
            };
            answer.get_or_insert_with(|| change(state)).clone()
        };
        self.effect(apply).await.unwrap_or_else(|()| Err(EngineError::Unreachable("fake".to_owned())))
    }
}

impl Bus for World {
    async fn send(&self, event: &Rotated) -> Result<(), EmissionError> {
        self.state().bus_calls += 1;
        let apply = |state: &mut State| {
            if state.bus_broken {
                return Err(EmissionError("fake".to_owned()));
            }
            state.sent.push(event.clone());
            Ok(())
        };
        self.effect(apply).await.unwrap_or_else(|()| Err(EmissionError("lost".to_owned())))
    }
}
