//! What the watches show of ClusterExternalSecrets, of the namespaces they choose from, and of what they asked for; and
//! which of them has to be looked at.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rekey_core::cluster_external_secret::{self as decide, Namespace};
use rekey_core::object::ObjectKey;
use rekey_core::resource::{ClusterExternalSecret, ExternalSecret};
use tokio::sync::Notify;

/// See the module's head. Clones share it.
#[derive(Clone, Default)]
pub struct Known {
    inner: Arc<Mutex<Inner>>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    objects: HashMap<String, Arc<ClusterExternalSecret>>,
    namespaces: BTreeMap<String, Namespace>,
    /// Those that have finalizers at all.
    held: BTreeMap<String, ObjectMeta>,
    /// Who is to be looked at, and when.
    due: BTreeMap<String, Instant>,
}

impl Known {
    /// A ClusterExternalSecret is there or has changed.
    pub fn seen(&self, mut object: ClusterExternalSecret) {
        object.metadata.managed_fields = None;
        let Some(name) = object.metadata.name.clone() else { return };
        self.lock().objects.insert(name.clone(), Arc::new(object));
        self.look(name, Instant::now());
    }

    /// A ClusterExternalSecret is gone. What it asked for goes with its owner.
    pub fn gone(&self, name: &str) {
        let mut inner = self.lock();
        inner.objects.remove(name);
        inner.due.remove(name);
        drop(inner);
        // It may have left finalizers on namespaces.
        self.wake.notify_one();
    }

    /// A namespace is there or has changed.
    pub fn namespace_seen(&self, metadata: &ObjectMeta) {
        let Some(name) = metadata.name.clone() else { return };
        let mut inner = self.lock();
        if metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty()) {
            let metadata = ObjectMeta { managed_fields: None, ..metadata.clone() };
            inner.held.insert(name.clone(), metadata);
        } else {
            inner.held.remove(&name);
        }
        let labels = metadata.labels.clone().unwrap_or_default();
        let namespace = Namespace { labels, terminating: metadata.deletion_timestamp.is_some() };
        let news = inner.namespaces.get(&name) != Some(&namespace);
        inner.namespaces.insert(name, namespace);
        self.namespaces_changed(inner, news);
    }

    /// A namespace is gone.
    pub fn namespace_gone(&self, name: &str) {
        let mut inner = self.lock();
        inner.held.remove(name);
        let news = inner.namespaces.remove(name).is_some();
        self.namespaces_changed(inner, news);
    }

    /// An ExternalSecret is there or has changed. Nothing is to be done if it is as asked for.
    pub fn external_secret_seen(&self, seen: &ExternalSecret) {
        let namespace = seen.metadata.namespace.as_deref().unwrap_or_default();
        let inner = self.lock();
        let place: BTreeMap<String, Namespace> = inner
            .namespaces
            .get_key_value(namespace)
            .into_iter()
            .map(|(name, namespace)| (name.clone(), namespace.clone()))
            .collect();
        let looks: Vec<String> = inner
            .objects
            .iter()
            .filter(|(_, object)| decide::concerns(object, seen))
            .filter(|(_, object)| {
                let plan = decide::plan(object, &place, &[seen]);
                !plan.steps.is_empty() || !plan.failed.is_empty()
            })
            .map(|(name, _)| name.clone())
            .collect();
        drop(inner);
        self.look_at(looks);
    }

    /// An ExternalSecret is gone.
    pub fn external_secret_gone(&self, key: &ObjectKey) {
        let inner = self.lock();
        let named = |object: &&Arc<ClusterExternalSecret>| decide::name(object) == key.name;
        let looks: Vec<String> =
            inner.objects.values().filter(named).filter_map(|object| object.metadata.name.clone()).collect();
        drop(inner);
        self.look_at(looks);
    }

    /// Has one be looked at, at that time or before.
    pub(super) fn look(&self, name: String, at: Instant) {
        let mut inner = self.lock();
        let due = inner.due.entry(name).or_insert(at);
        *due = at.min(*due);
        drop(inner);
        self.wake.notify_one();
    }

    fn look_at(&self, names: Vec<String>) {
        for name in names {
            self.look(name, Instant::now());
        }
    }

    /// Waits until something may have to be done.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Takes one that is due, or says when the next one will be.
    pub(super) fn next(&self, now: Instant) -> Result<Arc<ClusterExternalSecret>, Option<Instant>> {
        let mut inner = self.lock();
        loop {
            let Some((name, at)) = inner.due.iter().min_by_key(|(_, at)| **at) else { return Err(None) };
            if *at > now {
                return Err(Some(*at));
            }
            let name = name.clone();
            inner.due.remove(&name);
            if let Some(object) = inner.objects.get(&name) {
                return Ok(Arc::clone(object));
            }
        }
    }

    pub(super) fn namespaces(&self) -> BTreeMap<String, Namespace> {
        self.lock().namespaces.clone()
    }

    /// Namespaces that finalizers of ESO hold up for nothing, and these.
    pub(super) fn held_up(&self) -> Vec<(ObjectMeta, Vec<String>)> {
        let inner = self.lock();
        let lives =
            |name: &str| inner.objects.get(name).is_some_and(|object| object.metadata.deletion_timestamp.is_none());
        let held = inner.held.values().map(|metadata| {
            let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
            (metadata.clone(), decide::leftover(finalizers, metadata.deletion_timestamp.is_some(), lives))
        });
        held.filter(|(_, leftover)| !leftover.is_empty()).collect()
    }

    /// A namespace's finalizers were removed; what the watch has shown of it is history.
    pub(super) fn released(&self, metadata: &ObjectMeta) {
        let mut inner = self.lock();
        let name = metadata.name.as_deref().unwrap_or_default();
        if inner.held.get(name).is_some_and(|known| known.resource_version == metadata.resource_version) {
            inner.held.remove(name);
        }
    }

    fn namespaces_changed(&self, mut inner: MutexGuard<'_, Inner>, news: bool) {
        if news {
            let (now, names): (_, Vec<String>) = (Instant::now(), inner.objects.keys().cloned().collect());
            inner.due.extend(names.into_iter().map(|name| (name, now)));
        }
        drop(inner);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
