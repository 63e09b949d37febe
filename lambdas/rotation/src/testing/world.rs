//! The world's state, and the one way to change it.
//!
//! Everything that changes the world goes through [`World::effect`], which counts the effects and lets a test crash the
//! function right after one of them, lose its answer, or let somebody else act right before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::emission::{Bus, EmissionError, Rotated};
use crate::event::RotationToken;
use crate::plan::Tags;
use crate::secret::SecretDocument;
use crate::vault::{CURRENT, Description, Moved, PENDING, PREVIOUS, Selector, Stored, Vault, VaultError};

/// The version that the rotation makes.
pub const TOKEN: &str = "v2";

/// What goes wrong at an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The function dies: the effect has happened and nothing after it does.
    Crash,
    /// The effect has happened, but the function is told otherwise.
    LostReply,
    /// The first answer of an AWS call got lost on the way and the SDK made the call again. No driver repeats a
    /// statement by itself: at a service's effect this is no fault.
    Repeated,
}

/// The answer to an effect got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// What somebody else does right before an effect.
pub type Act<S> = fn(&mut State<S>);

/// All there is.
#[derive(Debug)]
pub struct State<S> {
    /// Text by version.
    pub values: BTreeMap<String, String>,
    /// Version by label: no label can be on two versions.
    pub labels: BTreeMap<String, String>,
    /// Versions that cannot be read, because their key is gone for instance.
    pub unreadable: BTreeSet<String>,
    /// Tags of the secret.
    pub tags: Tags,
    /// Text and tags of other secrets, masters', by ARN.
    pub others: BTreeMap<String, (String, Tags)>,
    /// How often a pending value is still invisible to readers.
    pub lag: u32,
    /// How often readers still see AWSCURRENT where it was before it moved last.
    pub behind: u32,
    /// The engine's service.
    pub service: S,
    /// How many pending values were stored.
    pub stored: usize,
    /// What the bus took.
    pub sent: Vec<Rotated>,
    /// Whether the bus takes nothing.
    pub bus_broken: bool,
    /// How often the bus was called.
    pub bus_calls: usize,
    /// How many effects there were.
    pub effects: usize,
    /// What goes wrong at which effect, from 0.
    pub faults: BTreeMap<usize, Fault>,
    /// Who else acts before which effect, from 0.
    pub acts: BTreeMap<usize, Act<S>>,
}

/// A handle to the world: vault and bus at once, and what a service's model is changed through.
#[derive(Debug)]
pub struct World<S>(Arc<(Mutex<State<S>>, Notify)>);

impl<S> Clone for World<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> World<S> {
    /// `v1` in force with that text, `v0` before it, and an empty pending version [`TOKEN`].
    pub fn new(service: S, current: &str, previous: &str) -> Self {
        let values = [("v0", previous), ("v1", current)];
        let labels = [(PREVIOUS, "v0"), (CURRENT, "v1"), (PENDING, TOKEN)];
        let own =
            |pairs: &[(&str, &str)]| pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let state = State {
            values: own(&values),
            labels: own(&labels),
            unreadable: BTreeSet::new(),
            tags: Tags::new(),
            others: BTreeMap::new(),
            lag: 0,
            behind: 0,
            service,
            stored: 0,
            sent: Vec::new(),
            bus_broken: false,
            bus_calls: 0,
            effects: 0,
            faults: BTreeMap::new(),
            acts: BTreeMap::new(),
        };
        Self(Arc::new((Mutex::new(state), Notify::new())))
    }

    /// The state; hold it for a moment only.
    pub fn state(&self) -> MutexGuard<'_, State<S>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the function has crashed.
    pub async fn crashed(&self) {
        self.0.1.notified().await;
    }

    /// The text of the version that has the label.
    #[must_use]
    pub fn text(&self, label: &str) -> Option<String> {
        let state = self.state();
        state.values.get(state.labels.get(label)?).cloned()
    }

    /// Changes the service, unless somebody or something comes in between.
    ///
    /// # Errors
    /// The change has happened and the answer got lost.
    pub async fn effect<T>(&self, apply: impl FnOnce(&mut S) -> T) -> Result<T, Lost> {
        let mut apply = Some(apply);
        let mut answer = None;
        self.change(|state| {
            if let Some(apply) = apply.take() {
                answer = Some(apply(&mut state.service));
            }
        })
        .await?;
        answer.ok_or(Lost)
    }

    async fn change<T>(&self, mut apply: impl FnMut(&mut State<S>) -> T) -> Result<T, Lost> {
        let (result, fault) = {
            let mut state = self.state();
            let number = state.effects;
            state.effects += 1;
            if let Some(act) = state.acts.get(&number).copied() {
                act(&mut state);
            }
            let fault = state.faults.get(&number).copied();
            let first = apply(&mut state);
            (if fault == Some(Fault::Repeated) { apply(&mut state) } else { first }, fault)
        };
        match fault {
            None | Some(Fault::Repeated) => Ok(result),
            Some(Fault::LostReply) => Err(Lost),
            Some(Fault::Crash) => {
                self.0.1.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl<S> State<S> {
    /// Moves AWSCURRENT, and with it AWSPREVIOUS.
    pub fn promote(&mut self, to: &str) {
        if let Some(from) = self.labels.insert(CURRENT.to_owned(), to.to_owned()) {
            self.labels.insert(PREVIOUS.to_owned(), from);
        }
    }
}

fn lost(operation: &'static str) -> VaultError {
    VaultError { operation, reason: "no answer in time".to_owned() }
}

impl<S: Send> Vault for World<S> {
    async fn describe(&self, secret: &str) -> Result<Description, VaultError> {
        let state = self.state();
        if let Some((_, tags)) = state.others.get(secret) {
            return Ok(Description { tags: tags.clone(), ..Description::default() });
        }
        let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (label, version) in &state.labels {
            labels.entry(version.clone()).or_default().push(label.clone());
        }
        let (arn, name, tags) = ("arn:s".to_owned(), "s".to_owned(), state.tags.clone());
        Ok(Description { arn, name, rotation_enabled: Some(true), labels, tags })
    }

    async fn read(&self, secret: &str, version: Selector<'_>) -> Result<Option<Zeroizing<String>>, VaultError> {
        let mut state = self.state();
        if let Some((text, _)) = state.others.get(secret) {
            return Ok(Some(Zeroizing::new(text.clone())));
        }
        let behind = state.behind > 0 && matches!(version, Selector::Current | Selector::InForce(_));
        state.behind -= u32::from(behind);
        let id = match version {
            Selector::Current if behind => state.labels.get(PREVIOUS).cloned(),
            Selector::Current => state.labels.get(CURRENT).cloned(),
            Selector::InForce(id) => {
                Some(id.to_owned()).filter(|_| !behind && state.labels.get(CURRENT).is_some_and(|v| v == id))
            }
            Selector::Version(id) => Some(id.to_owned()),
            Selector::Pending(id) => Some(id.to_owned()).filter(|_| state.labels.get(PENDING).is_some_and(|v| v == id)),
        };
        if matches!(version, Selector::Pending(_)) && state.lag > 0 {
            state.lag -= 1;
            return Ok(None);
        }
        if id.as_ref().is_some_and(|id| state.unreadable.contains(id)) {
            return Err(VaultError { operation: "GetSecretValue", reason: "DecryptionFailure".to_owned() });
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
        let apply = |state: &mut State<S>| {
            if let Some(stored) = state.values.get(version) {
                return if stored == document.expose() { Stored::Written } else { Stored::Exists };
            }
            state.stored += 1;
            state.values.insert(version.to_owned(), document.expose().to_owned());
            state.labels.insert(PENDING.to_owned(), version.to_owned());
            Stored::Written
        };
        self.change(apply).await.map_err(|Lost| lost("PutSecretValue"))
    }

    async fn move_current(&self, _: &str, from: &str, to: &str) -> Result<Moved, VaultError> {
        let apply = |state: &mut State<S>| {
            if state.labels.get(CURRENT).is_none_or(|current| current != from) {
                return Moved::Overtaken;
            }
            state.promote(to);
            Moved::Yes
        };
        self.change(apply).await.map_err(|Lost| lost("UpdateSecretVersionStage"))
    }

    async fn add_label(&self, _: &str, version: &str, label: &str) -> Result<(), VaultError> {
        let apply = |state: &mut State<S>| {
            state.labels.insert(label.to_owned(), version.to_owned());
        };
        self.change(apply).await.map_err(|Lost| lost("UpdateSecretVersionStage"))
    }

    async fn drop_label(&self, _: &str, version: &str, label: &str) -> Result<(), VaultError> {
        let apply = |state: &mut State<S>| {
            if state.labels.get(label).is_some_and(|holder| holder == version) {
                state.labels.remove(label);
            }
        };
        self.change(apply).await.map_err(|Lost| lost("UpdateSecretVersionStage"))
    }

    /// The world numbers its versions.
    async fn unlabelled(&self, _: &str) -> Result<Vec<String>, VaultError> {
        let state = self.state();
        let labelled = |id: &String| state.labels.values().any(|holder| holder == id);
        Ok(state.values.keys().rev().filter(|id| !labelled(id)).cloned().collect())
    }
}

impl<S: Send> Bus for World<S> {
    async fn send(&self, event: &Rotated) -> Result<(), EmissionError> {
        self.state().bus_calls += 1;
        let apply = |state: &mut State<S>| {
            if state.bus_broken {
                return Err(EmissionError("fake".to_owned()));
            }
            state.sent.push(event.clone());
            Ok(())
        };
        self.change(apply).await.unwrap_or_else(|Lost| Err(EmissionError("lost".to_owned())))
    }
}
