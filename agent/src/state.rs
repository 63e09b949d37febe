//! What the agent knows: the objects it serves, the stores they use, the index, the ledger and the pipes.
//!
//! One lock around plain data, held for moments and never across an await. Watches, intake and sweep put facts in;
//! the decisions that come out are `rekey-core`'s. Nothing here talks to anybody.

mod inner;
mod object;
mod others;
mod stores;
mod tally;
mod targets;
mod task;
mod templates;
mod world;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::change::Change;
use rekey_core::identity::{Account, Region, Service};
use rekey_core::ledger::{Absence, Decision, Known, Look, Suspect};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, Pipes};
use rekey_core::resource::ExternalSecret;
use rekey_core::resource::external_secret::{StoreKind, StoreRef};
use rekey_core::store::Rules;
use rekey_core::wanted::{Sources, Token, Wanted};

use inner::Inner;

pub use object::Object;
pub use others::Others;
pub use tally::{Tally, Validated};
pub use task::Task;
pub use world::Labels;

/// Names a store: a namespace and a name, or a name alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey {
    /// The namespace of a SecretStore; `None` for a ClusterSecretStore.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl StoreKey {
    /// The store that a reference in `namespace` means.
    #[must_use]
    pub fn of(reference: &StoreRef, namespace: &str) -> Self {
        let namespace = (reference.kind == StoreKind::SecretStore).then(|| namespace.to_owned());
        Self { namespace, name: reference.name.clone() }
    }
}

/// What the options say about objects.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// What they say about stores.
    pub stores: Rules,
    /// Does another controller make the targets?
    pub companion: bool,
    /// Do objects with `refreshInterval: 0` follow events too?
    pub all_follow_events: bool,
    /// The heartbeat function's period.
    pub heartbeat_period: Duration,
}

/// See the module's head. Clones share one state.
#[derive(Clone)]
pub struct State {
    inner: Arc<Mutex<Inner>>,
}

/// What a change means here.
#[derive(Debug, Default)]
pub struct Concerned {
    /// Objects that use the source, whether or not they have to be synced.
    pub objects: usize,
    /// Those that have to be looked at.
    pub stale: Vec<ObjectKey>,
}

impl State {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(options: StateOptions) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner::new(options))) }
    }

    /// An ExternalSecret is there, or has changed. Returns whether it has to be looked at.
    #[must_use]
    pub fn object_seen(&self, mut resource: ExternalSecret, now: Timestamp) -> Option<ObjectKey> {
        // As large as the rest of the object, and nobody asks for it.
        resource.metadata.managed_fields = None;
        self.lock().object_seen(resource, now)
    }

    /// An ExternalSecret is gone. Returns the objects that could not write because of it, perhaps.
    #[must_use]
    pub fn object_gone(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        self.lock().object_gone(key)
    }

    /// An event arrived. Moves what is desired and says which objects that leaves stale.
    #[must_use]
    pub fn announce(&self, change: &Change, now: Timestamp) -> Concerned {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut concerned = BTreeSet::new();
        // Each wanted thing hears of it once, and all who want it learn whether it was news.
        let mut told: HashMap<Wanted, bool> = HashMap::new();
        let named = inner.index.affected(&change.announced, |_| None).into_iter();
        let found = inner.index.searches(&change.announced, |_| None).into_iter();
        let affected = named.map(|(source, users)| (Sources::Named(source), users));
        for (sources, users) in affected.chain(found.map(|(finder, users)| (Sources::Matching(finder), users))) {
            for user in users {
                let Some(object) = inner.objects.get_mut(&user) else { continue };
                let (mut concerns, mut news) = (false, false);
                for wanted in object.wanted().filter(|wanted| wanted.sources == sources) {
                    let known = inner.ledger.account(wanted);
                    if known.is_some() && !sources.concerned_by(&change.announced, known) {
                        continue;
                    }
                    concerns = true;
                    news |= *told.entry(wanted.clone()).or_insert_with(|| inner.ledger.announce(wanted, change, now));
                }
                if news {
                    object.forget_failures();
                }
                if concerns {
                    concerned.insert(user);
                }
            }
        }
        let objects = concerned.len();
        let stale = concerned.into_iter().filter(|key| inner.decide(key, now) != Some(Decision::Skip)).collect();
        Concerned { objects, stale }
    }

    /// Begins the sync of an object: what is known about it, and what to do. `None` if it is gone or not ours.
    #[must_use]
    pub fn begin(&self, key: &ObjectKey, now: Timestamp) -> Option<(Task, Decision)> {
        let inner = self.lock();
        let decision = inner.decide(key, now)?;
        let object = inner.objects.get(key)?;
        Some((object.task(inner.rivals(&object.target(), key)), decision))
    }

    /// From now on this instance is the one that refreshes objects; whoever else does so is another controller.
    pub fn lead(&self) {
        self.lock().leads = true;
    }

    /// What is to be done about an object.
    #[must_use]
    pub fn decide(&self, key: &ObjectKey, now: Timestamp) -> Option<Decision> {
        self.lock().decide(key, now)
    }

    /// See [`Ledger::generation`].
    #[must_use]
    pub fn generation(&self, wanted: &Wanted) -> u64 {
        self.lock().ledger.generation(wanted)
    }

    /// See [`Ledger::begin_read`].
    pub fn begin_read(&self, wanted: &Wanted, now: Timestamp) -> Result<Look, Timestamp> {
        self.lock().ledger.begin_read(wanted, now)
    }

    /// See [`Ledger::begin_check`].
    #[must_use]
    pub fn begin_check(&self, wanted: &Wanted) -> Look {
        self.lock().ledger.begin_check(wanted)
    }

    /// AWS answered; see [`Ledger::settle`].
    #[must_use]
    pub fn settle(&self, wanted: &Wanted, look: Look, known: Known, account: Option<Account>) -> bool {
        let mut inner = self.lock();
        if let Some(account) = account {
            inner.ledger.learn_account(wanted, account);
        }
        inner.ledger.settle(wanted, look, known)
    }

    /// A look without a value was answered; see [`Ledger::settle_check`].
    pub fn settle_check(&self, wanted: &Wanted, look: Look, known: Known, account: Option<Account>) {
        let mut inner = self.lock();
        if let Some(account) = account {
            inner.ledger.learn_account(wanted, account);
        }
        inner.ledger.settle_check(wanted, look, known);
    }

    /// See [`Ledger::settle_absent`].
    #[must_use]
    pub fn settle_absent(&self, wanted: &Wanted, look: Look, now: Timestamp) -> Absence {
        self.lock().ledger.settle_absent(wanted, look, now)
    }

    /// What AWS last said is there.
    #[must_use]
    pub fn known(&self, wanted: &Wanted) -> Option<Token> {
        self.lock().ledger.known(wanted).map(|known| known.token.clone())
    }

    /// See [`Ledger::suspects`].
    #[must_use]
    pub fn suspects(&self, wanted: &Wanted, now: Timestamp) -> Vec<Suspect> {
        self.lock().ledger.suspects(wanted, now)
    }

    /// Did any event about this arrive at that time (by our clock) or later?
    #[must_use]
    pub fn heard_since(&self, wanted: &Wanted, since: Timestamp) -> bool {
        self.lock().ledger.heard(wanted).is_some_and(|heard| heard >= since)
    }

    /// See [`Ledger::last_event`].
    #[must_use]
    pub fn last_event(&self, wanted: &Wanted) -> Option<String> {
        self.lock().ledger.last_event(wanted).map(str::to_owned)
    }

    /// A sweep could not tell which version is there: only a read can.
    pub fn mark_unknown(&self, wanted: &Wanted) {
        self.lock().ledger.mark_unknown(wanted);
    }

    /// Changes one object in place, if it is still there.
    pub fn with_object<T>(&self, key: &ObjectKey, change: impl FnOnce(&mut Object) -> T) -> Option<T> {
        self.lock().objects.get_mut(key).map(change)
    }

    /// Works on the pipes.
    pub fn with_pipes<T>(&self, work: impl FnOnce(&mut Pipes) -> T) -> T {
        work(&mut self.lock().pipes)
    }

    /// Shows every object, with the state of the least proven pipe it depends on.
    pub fn visit(&self, now: Timestamp, mut visit: impl FnMut(&ObjectKey, &Object, PipeState)) {
        let inner = self.lock();
        for (key, object) in &inner.objects {
            visit(key, object, inner.pipe_state(object, now));
        }
    }

    /// A ClusterExternalSecret was looked at.
    pub fn repeated(&self, name: &str, outcome: Validated) {
        self.lock().repeated.insert(name.to_owned(), outcome);
    }

    /// A ClusterExternalSecret is gone.
    pub fn repeated_gone(&self, name: &str) {
        self.lock().repeated.remove(name);
    }

    /// How the last look at each ClusterExternalSecret ended, in order.
    #[must_use]
    pub fn all_repeated(&self) -> Vec<(String, Validated)> {
        self.lock().repeated.iter().map(|(name, outcome)| (name.clone(), *outcome)).collect()
    }

    /// The ExternalSecrets for which this holds.
    #[must_use]
    pub fn resources(&self, mut holds: impl FnMut(&ExternalSecret) -> bool) -> Vec<Arc<ExternalSecret>> {
        let inner = self.lock();
        let all = inner.objects.values().map(|object| &object.resource);
        all.filter(|resource| holds(resource)).map(Arc::clone).collect()
    }

    /// Where the sources of all objects are, and in which services.
    #[must_use]
    pub fn used_pipes(&self) -> BTreeSet<(Region, Service)> {
        let inner = self.lock();
        let mut used = BTreeSet::new();
        for wanted in inner.objects.values().flat_map(Object::wanted) {
            used.insert((wanted.sources.region().into_owned(), wanted.sources.service()));
        }
        used
    }

    /// How many objects there are.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.lock().objects.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
