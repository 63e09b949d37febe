//! Secrets as they were last seen, and whom a change of one concerns.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use rekey_core::ledger::{Applied, Decision, Target};
use rekey_core::object::ObjectKey;
use rekey_core::plan;
use rekey_core::report::{self, Refreshed};
use rekey_core::resource::external_secret::CreationPolicy;
use rekey_core::resource::{ExternalSecret, ExternalSecretStatus};
use rekey_core::wanted::Token;

use super::inner::{Inner, Use};
use super::{Object, State};

/// A Secret as it was last seen. Each one is remembered, for an object may come later than its target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenTarget {
    pub version: u64,
    /// Is it as an ExternalSecret left it?
    pub valid: bool,
    /// A digest of what may forbid a write: its controller, and whether it is immutable.
    hold: u64,
    marks: Marks,
}

/// A digest of labels, annotations and owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks(u64);

impl SeenTarget {
    fn of(secret: &Secret) -> Self {
        let (mut hold, mut marks) = (DefaultHasher::new(), DefaultHasher::new());
        let metadata = &secret.metadata;
        let owners = || metadata.owner_references.iter().flatten();
        owners().filter(|owner| owner.controller == Some(true)).for_each(|owner| owner.uid.hash(&mut hold));
        secret.immutable.hash(&mut hold);
        (&metadata.labels, &metadata.annotations).hash(&mut marks);
        owners().for_each(|owner| (&owner.uid, owner.controller).hash(&mut marks));
        let version = metadata.resource_version.as_ref().and_then(|text| text.parse().ok());
        Self {
            version: version.unwrap_or_default(),
            valid: plan::is_valid(secret),
            hold: hold.finish(),
            marks: Marks(marks.finish()),
        }
    }
}

impl State {
    /// A Secret is there, as the watch or a write shows it. Returns the objects that produce it, if it stopped being as
    /// an ExternalSecret left it, or appeared, or may be written now. What is older than what was seen before says
    /// nothing: the watch lags behind our writes.
    #[must_use]
    pub fn target_seen(&self, target: &ObjectKey, secret: &Secret, now: Timestamp) -> Vec<ObjectKey> {
        let seen = SeenTarget::of(secret);
        let mut inner = self.lock();
        if inner.targets.get(target).is_some_and(|known| known.version > seen.version) {
            return Vec::new();
        }
        let known = inner.targets.insert(target.clone(), seen);
        let spoiler = || plan::last_writer(secret).map(ToOwned::to_owned);
        inner.target_moved(target, known, Some(seen), spoiler, now)
    }

    /// A Secret is gone. Returns the objects that produce it.
    #[must_use]
    pub fn target_gone(&self, target: &ObjectKey, now: Timestamp) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        let known = inner.targets.remove(target);
        inner.target_moved(target, known, None, || None, now)
    }

    /// The objects that produce a Secret, with the versions that they have put into it, as far as those are known.
    #[must_use]
    pub fn producers(&self, target: &ObjectKey) -> Vec<(Arc<ExternalSecret>, BTreeMap<String, Token>)> {
        let inner = self.lock();
        let users = inner.users(&Use::Target(target.clone()));
        let objects = users.iter().filter_map(|user| inner.objects.get(user)).filter(|object| !object.is_foreign());
        let tokens = |object: &Object| match (&object.written, &object.applied) {
            (Some(tokens), _) | (None, Applied::Tokens(tokens)) => tokens.clone(),
            (None, Applied::Nothing | Applied::AsOf(_)) => BTreeMap::new(),
        };
        objects.map(|object| (Arc::clone(&object.resource), tokens(object))).collect()
    }

    /// An object's target was written; its status is still to say so.
    pub fn written(&self, key: &ObjectKey, tokens: &BTreeMap<String, Token>) {
        self.with_object(key, |object| object.written = Some(tokens.clone()));
    }

    /// An object was synced, and its status says so.
    pub fn synced(
        &self,
        key: &ObjectKey,
        tokens: BTreeMap<String, Token>,
        status: ExternalSecretStatus,
        version: String,
        now: Timestamp,
    ) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(object) = inner.objects.get_mut(key) else { return };
        object.written = None;
        object.synced(tokens, status, version, now);
        object.left = inner.targets.get(&object.target()).map(|seen| seen.marks);
    }

    /// An object was compared with its sources; `proven` says whether its pipe was.
    pub fn compared(&self, key: &ObjectKey, proven: Option<bool>, now: Timestamp) {
        let mut inner = self.lock();
        let overdue = inner.objects.get(key).is_some_and(|object| inner.has_drifted(object));
        if let Some(object) = inner.objects.get_mut(key) {
            (object.checked, object.checked_proven) = (Some(now), proven);
            object.overdue |= overdue;
        }
    }

    /// This agent deleted a Secret: the watch need not tell.
    pub fn target_deleted(&self, target: &ObjectKey) {
        self.lock().targets.remove(target);
    }
}

impl Inner {
    fn target_moved(
        &mut self,
        target: &ObjectKey,
        known: Option<SeenTarget>,
        seen: Option<SeenTarget>,
        spoiler: impl Fn() -> Option<String>,
        now: Timestamp,
    ) -> Vec<ObjectKey> {
        let facts = |target: Option<SeenTarget>| target.map(|target| (target.valid, target.hold));
        if facts(known) == facts(seen) {
            return Vec::new();
        }
        let was_valid = known.is_some_and(|known| known.valid);
        let worse = (was_valid || seen.is_none()) && !seen.is_some_and(|seen| seen.valid);
        let freed = known.map(|known| known.hold) != seen.map(|seen| seen.hold);
        let mut users = self.users(&Use::Target(target.clone()));
        users.retain(|user| {
            let Some(object) = self.objects.get_mut(user) else { return false };
            let undone = worse && !object.is_as_left(seen.map(|seen| seen.valid));
            if undone && was_valid {
                object.others.spoilt(spoiler(), now);
            }
            let waits = freed && object.waits_for_target();
            if waits {
                object.forget_failures();
            }
            undone || waits
        });
        users.retain(|user| self.decide(user, now).is_some_and(|decision| decision != Decision::Skip));
        users
    }

    /// What others have made of an object's target.
    pub fn target_of(&self, object: &Object) -> Target {
        match object.is_as_left(self.targets.get(&object.target()).map(|seen| seen.valid)) {
            false => Target::Spoilt,
            true if object.overdue => Target::Overdue,
            true => Target::AsLeft,
        }
    }

    /// Has somebody changed an object's target in a way that the object answers at its refreshes only? (An Orphan's data,
    /// or its existence; labels, annotations and owners of any.)
    fn has_drifted(&self, object: &Object) -> bool {
        let writes = object.policy_of_target() != CreationPolicy::None
            && report::last_refresh(object.resource.status.as_ref()) == Some(Refreshed::Synced);
        let same = |seen: &SeenTarget| seen.valid && object.left.is_none_or(|left| left == seen.marks);
        writes && self.target_of(object) != Target::Spoilt && !self.targets.get(&object.target()).is_some_and(same)
    }

    /// The names of other objects that write the same Secret.
    pub fn rivals(&self, target: &ObjectKey, key: &ObjectKey) -> Vec<String> {
        let writes = |other: &&ObjectKey| {
            let object = self.objects.get(*other);
            *other != key && object.is_some_and(|object| object.policy_of_target() != CreationPolicy::None)
        };
        self.uses.users(&Use::Target(target.clone())).filter(writes).map(|other| other.name.clone()).collect()
    }
}
