//! What is behind the state's lock, and how its parts are kept in step with each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rekey_core::identity::Account;
use rekey_core::index::Index;
use rekey_core::index::relation::Relation;
use rekey_core::ledger::{Applied, Decision, Facts, Ledger, decide};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, Pipes};
use rekey_core::release;
use rekey_core::resource::{ExternalSecret, SecretStoreSpec};
use rekey_core::store::Identity;
use rekey_core::wanted::{Sources, Wanted};

use super::targets::SeenTarget;
use super::{Object, StateOptions, StoreKey, Validated};

/// See the module's head.
pub(super) struct Inner {
    pub options: StateOptions,
    pub objects: HashMap<ObjectKey, Object>,
    pub stores: HashMap<StoreKey, Arc<SecretStoreSpec>>,
    pub validated: HashMap<StoreKey, Validated>,
    /// How the last look at each ClusterExternalSecret ended.
    pub repeated: BTreeMap<String, Validated>,
    /// What each object depends on, beside its sources.
    pub uses: Relation<Use>,
    /// Every Secret.
    pub targets: HashMap<ObjectKey, SeenTarget>,
    pub index: Index,
    pub ledger: Ledger,
    pub pipes: Pipes,
    /// Is this instance the one that refreshes objects?
    pub leads: bool,
}

/// Something whose change, or whose last user's end, has to be noticed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Use {
    /// The Secret that an object produces.
    Target(ObjectKey),
    /// A store that it reads through.
    Store(StoreKey),
    /// A Secret with the access keys of such a store.
    Keys(ObjectKey),
    /// What it asks AWS for.
    Wanted(Wanted),
    /// The same, whichever version: what its account is remembered by.
    Sources(Identity, Sources),
}

impl Inner {
    pub fn new(options: StateOptions) -> Self {
        Self {
            pipes: Pipes::new(options.heartbeat_period),
            options,
            objects: HashMap::new(),
            stores: HashMap::new(),
            validated: HashMap::new(),
            repeated: BTreeMap::new(),
            uses: Relation::default(),
            targets: HashMap::new(),
            index: Index::default(),
            ledger: Ledger::default(),
            leads: false,
        }
    }

    pub fn object_seen(&mut self, resource: ExternalSecret, now: Timestamp) -> Option<ObjectKey> {
        let object = Object::new(resource, self.options.all_follow_events)?;
        let key = object.key();
        let uid = |resource: &ExternalSecret| resource.metadata.uid.clone();
        if self.objects.get(&key).is_some_and(|known| uid(&known.resource) != uid(&object.resource)) {
            // Another object of the same name: it inherits nothing.
            self.object_gone(&key);
        }
        if let Some(known) = self.objects.get_mut(&key) {
            let held = known.applied.clone();
            let look = known.replace_resource(object.resource, self.leads, now);
            if self.options.companion && matches!(held, Applied::Tokens(_)) {
                // What is newer than that is told again, which does no harm; what is older would be read again.
                known.applied = held;
            }
            self.resolve(&key);
            return look.then_some(key);
        }
        self.objects.insert(key.clone(), object);
        self.resolve(&key);
        // An object that needs nothing now is the sweep's; it will look whether its sources moved.
        (self.decide(&key, now) == Some(Decision::Read)).then_some(key)
    }

    pub fn object_gone(&mut self, key: &ObjectKey) {
        self.objects.remove(key);
        self.index.remove(key);
        let unused = self.uses.remove(key);
        self.forget(unused);
    }

    /// Works out what an object asks for, with the stores as they are now.
    pub fn resolve(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else { return };
        object.resolve(&self.stores, &self.options.controller_class);
        let (mut named, mut searches) = (Vec::new(), Vec::new());
        for wanted in object.wanted() {
            match &wanted.sources {
                Sources::Named(source) => named.push(source.clone()),
                Sources::Matching(finder) => searches.push(finder.clone()),
            }
        }
        self.index.upsert(key.clone(), named);
        self.index.upsert_finders(key.clone(), searches);
        let mut uses = BTreeSet::from([Use::Target(object.target())]);
        uses.extend(object.stores().map(Use::Store));
        uses.extend(object.keys().map(|secret| Use::Keys(secret.clone())));
        uses.extend(object.wanted().cloned().map(Use::Wanted));
        uses.extend(object.wanted().map(|wanted| Use::Sources(wanted.identity.clone(), wanted.sources.clone())));
        let unused = self.uses.upsert(key.clone(), uses);
        self.forget(unused);
    }

    /// What nobody uses any more need not be remembered.
    pub fn forget(&mut self, unused: Vec<Use>) {
        for thing in unused {
            match thing {
                Use::Wanted(wanted) => self.ledger.forget(&wanted),
                Use::Sources(identity, sources) => self.ledger.forget_account(&identity, &sources),
                Use::Target(_) | Use::Store(_) | Use::Keys(_) => {}
            }
        }
    }

    pub fn users(&self, thing: &Use) -> Vec<ObjectKey> {
        self.uses.users(thing).cloned().collect()
    }

    pub fn decide(&self, key: &ObjectKey, now: Timestamp) -> Option<Decision> {
        let object = self.objects.get(key)?;
        if object.is_foreign() {
            return None;
        }
        let metadata = &object.resource.metadata;
        if self.options.companion && (metadata.deletion_timestamp.is_some() || object.requests.is_err()) {
            return Some(Decision::Skip);
        }
        if metadata.deletion_timestamp.is_some() {
            let release = || object.retry_at(now).map_or(Decision::Read, Decision::Wait);
            return release::is_awaited(metadata).then(release);
        }
        if object.requests.is_err() {
            // There is nothing to compare; the condition has to say why.
            return Some(object.retry_at(now).map_or(Decision::Read, Decision::Wait));
        }
        let wanted: Vec<Wanted> = object.wanted().cloned().collect();
        let facts = Facts {
            wanted: &wanted,
            applied: &object.applied,
            target_valid: object.is_as_left(self.targets.get(&object.target()).map(|seen| seen.valid)),
            spec_synced: object.spec_synced(),
            window: object.window(now),
            failing: object.is_failing(),
            policy: object.policy(),
            retry_at: object.retry_at(now),
            restore_at: object.others.restore_at(now),
        };
        let facts = if self.options.companion { facts.of_sources() } else { facts };
        Some(decide(&self.ledger, &facts, now))
    }

    pub fn account_of(&self, wanted: &Wanted) -> Option<Account> {
        wanted.sources.account().or_else(|| self.ledger.account(wanted).cloned())
    }

    pub fn pipe_state(&self, object: &Object, now: Timestamp) -> PipeState {
        let state = |wanted: &Wanted| {
            let account = self.account_of(wanted);
            self.pipes.state_for(account.as_ref(), &wanted.sources.region(), wanted.sources.service(), now)
        };
        object.wanted().map(state).find(|state| *state != PipeState::Proven).unwrap_or(PipeState::Proven)
    }
}
