//! What is behind the state's lock, and how its parts are kept in step with each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rekey_core::identity::Account;
use rekey_core::index::Index;
use rekey_core::index::relation::Relation;
use rekey_core::ledger::{Applied, Decision, Facts, Known, Ledger, decide};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, Pipes};
use rekey_core::release;
use rekey_core::resource::ExternalSecret;
use rekey_core::store::{Dependency, Identity};
use rekey_core::template_from::{self, TemplateSource};
use rekey_core::wanted::{Sources, Wanted};

use super::targets::SeenTarget;
use super::world::World;
use super::{Object, StateOptions, StoreKey, Validated};

/// See the module's head.
pub(super) struct Inner {
    pub options: StateOptions,
    pub objects: HashMap<ObjectKey, Object>,
    pub world: World,
    pub validated: HashMap<StoreKey, Validated>,
    /// How the last look at each ClusterExternalSecret ended.
    pub repeated: BTreeMap<String, Validated>,
    /// What each object depends on, beside its sources.
    pub uses: Relation<Use>,
    /// Every Secret.
    pub targets: HashMap<ObjectKey, SeenTarget>,
    /// ConfigMaps and Secrets that templates stand in, those that exist.
    pub templates: HashMap<TemplateSource, Known>,
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
    /// Something that the credentials of such a store are made of.
    Credentials(Dependency),
    /// The labels of its namespace, which decide whether such a store may be used.
    Labels(String),
    /// A ConfigMap or Secret that its template stands in.
    Template(TemplateSource),
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
            world: World::default(),
            validated: HashMap::new(),
            repeated: BTreeMap::new(),
            uses: Relation::default(),
            targets: HashMap::new(),
            templates: HashMap::new(),
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
            let _ = self.object_gone(&key);
        }
        if let Some(known) = self.objects.get_mut(&key) {
            let (held, before) = (known.applied.clone(), Arc::clone(&known.resource));
            let look = known.replace_resource(object.resource, self.leads, now);
            if self.options.companion && matches!(held, Applied::Tokens(_)) {
                // What is newer than that is told again, which does no harm; what is older would be read again.
                known.applied = held;
            }
            if known.resource.spec != before.spec {
                // The echoes of our own writes, which are many, ask for nothing else.
                self.resolve(&key);
            }
            return look.then_some(key);
        }
        self.objects.insert(key.clone(), object);
        self.resolve(&key);
        // An object that needs nothing now is the sweep's; it will look whether its sources moved.
        (self.decide(&key, now) == Some(Decision::Read)).then_some(key)
    }

    /// Returns the objects that may have waited for its end: those that write the same Secret, and failed.
    pub fn object_gone(&mut self, key: &ObjectKey) -> Vec<ObjectKey> {
        let target = self.objects.remove(key).map(|object| object.target());
        self.index.remove(key);
        let unused = self.uses.remove(key);
        self.forget(unused);
        let mut rivals = target.map(|target| self.users(&Use::Target(target))).unwrap_or_default();
        rivals.retain(|rival| {
            let failing = self.objects.get_mut(rival).filter(|object| object.is_failing());
            failing.map(Object::forget_failures).is_some()
        });
        rivals
    }

    /// Works out what an object asks for, with the world as it is now. Returns whether that is something else than
    /// before.
    pub fn resolve(&mut self, key: &ObjectKey) -> bool {
        let Some(object) = self.objects.get_mut(key) else { return false };
        let changed = object.resolve(&self.world, &self.options.stores);
        let (mut named, mut searches) = (Vec::new(), Vec::new());
        for wanted in object.wanted() {
            match &wanted.sources {
                Sources::Named(source) => named.push(source.clone()),
                Sources::Matching(finder) => searches.push(finder.clone()),
            }
        }
        self.index.upsert(key.clone(), named);
        self.index.upsert_finders(key.clone(), searches);
        let stores = object.stores();
        let looked_at = self.world.looked_at(&stores, &key.namespace);
        let mut uses = BTreeSet::from([Use::Target(object.target())]);
        uses.extend(stores.iter().map(|reference| Use::Store(StoreKey::of(reference, &key.namespace))));
        uses.extend(looked_at.dependencies.into_iter().map(Use::Credentials));
        uses.extend(looked_at.labels.then(|| Use::Labels(key.namespace.clone())));
        uses.extend(object.template_sources().into_iter().map(Use::Template));
        uses.extend(object.wanted().cloned().map(Use::Wanted));
        uses.extend(object.wanted().map(|wanted| Use::Sources(wanted.identity.clone(), wanted.sources.clone())));
        let unused = self.uses.upsert(key.clone(), uses);
        self.forget(unused);
        changed
    }

    /// Resolves whoever uses a thing that changed. Returns all of them.
    pub fn resolve_all(&mut self, thing: &Use) -> Vec<ObjectKey> {
        let users = self.users(thing);
        for user in &users {
            self.resolve(user);
        }
        users
    }

    /// Resolves whoever uses a thing that changed. Returns those that ask for something else now.
    pub fn resolve_users(&mut self, thing: &Use) -> Vec<ObjectKey> {
        let mut users = self.users(thing);
        users.retain(|user| self.resolve(user));
        users
    }

    /// What nobody uses any more need not be remembered.
    pub fn forget(&mut self, unused: Vec<Use>) {
        for thing in unused {
            match thing {
                Use::Wanted(wanted) => self.ledger.forget(&wanted),
                Use::Sources(identity, sources) => self.ledger.forget_account(&identity, &sources),
                Use::Template(source) => drop(self.templates.remove(&source)),
                Use::Target(_) | Use::Store(_) | Use::Credentials(_) | Use::Labels(_) => {}
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
        let wanted: Vec<Wanted> = object.wanted().cloned().collect();
        let known = |source: &TemplateSource| self.templates.get(source).cloned().unwrap_or_else(template_from::absent);
        let templates: Vec<_> =
            object.template_sources().iter().map(|source| (source.to_string(), known(source))).collect();
        let facts = Facts {
            wanted: &wanted,
            in_error: object.requests.is_err(),
            templates: &templates,
            applied: &object.applied,
            target: self.target_of(object),
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
