//! Watches Kubernetes and keeps what the agent knows in step with it.
//!
//! Objects that cannot be parsed are skipped one by one and told so; they never end a watch. Of Secrets only hashes
//! and marks outlive the call. Nothing here writes, except of objects that are unreadable that they are.

mod follow;
mod guard;
mod lists;
mod part;
mod repeated;
mod takeover;
mod unreadable;
mod workload;
mod world;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use kube::api::ObjectMeta;
use kube::core::PartialObjectMeta;
use rekey_core::extent::Extent;
use rekey_core::object::ObjectKey;
use rekey_core::resource::{ClusterExternalSecret, ClusterSecretStore, ExternalSecret, SecretStore, SecretStoreSpec};
use rekey_core::rollout::resource::ResourceKey;
use rekey_core::rollout::workload::{Rollout, WorkloadKind};
use rekey_core::template_from::TemplateSource;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster_external_secret::Known;
use crate::leader::Leadership;
use crate::provider::Provider;
use crate::rollout::Rollouts;
use crate::state::{Object, State, StoreKey};
use crate::stores::Stores;
use crate::worker::{Urgency, Work};
use follow::Presence::{Certain, Uncertain};
use follow::{Seen, follow_all};
use guard::{Guarded, Invalid};
pub use lists::Lists;
use part::Part;
pub use takeover::look_at_resources;
use unreadable::Which;
pub use unreadable::{Teller, Unreadable};

/// What the agent waits for before it watches anything.
pub const HASH_KEY: &str = "hash-key";

/// What it waits for then: to know which version of them to watch.
pub const CRDS: &str = "crds";

/// Watches that have to show everything once before the agent may decide anything.
pub const KINDS: [&str; 14] = [
    "externalsecrets",
    "secretstores",
    "clustersecretstores",
    "clusterexternalsecrets",
    "namespaces",
    "serviceaccounts",
    "secrets",
    "configmaps",
    "deployments",
    "statefulsets",
    "daemonsets",
    "cronjobs",
    "jobs",
    "rollouts",
];

/// See the module's head.
#[derive(Clone)]
pub struct Watches {
    /// Who lists and watches.
    pub client: kube::Client,
    /// Where.
    pub extent: Extent,
    /// What is kept in step.
    pub state: State,
    /// Who looks at ExternalSecrets that changed.
    pub work: Work,
    /// Who looks at Secrets and workloads.
    pub rollouts: Rollouts,
    /// Whose clients are built from Secrets.
    pub provider: Provider,
    /// Who validates stores.
    pub stores: Stores,
    /// Who repeats ExternalSecrets, where there is something to repeat.
    pub repeated: Option<Known>,
    /// Which watches have not shown everything yet: [`KINDS`] at first.
    pub lists: Lists,
    /// Who speaks of objects that cannot be parsed.
    pub unreadable: Unreadable,
    /// Whether this instance is the one to tell people.
    pub leadership: Leadership,
}

impl Watches {
    /// Starts every watch, each a part of the agent for itself, until told to stop.
    pub fn start(self, parts: &mut JoinSet<&'static str>, stop: &CancellationToken) {
        let watches = Arc::new(self);
        macro_rules! watch {
            ($scope:ident $kind:ty, $name:literal, $handler:ident, $presence:ident $(, after $first:literal)?) => {{
                let (watches, lists) = (Arc::clone(&watches), watches.lists.clone());
                let all: Vec<Part<$kind>> = part::$scope(&watches.client, &watches.extent, $name);
                lists.split($name, all.iter().map(|part| part.awaited.clone()));
                let stop = stop.clone();
                parts.spawn(async move {
                    let handler = |seen: Seen<$kind>| watches.$handler(seen);
                    $(stop.run_until_cancelled(lists.kind_shown($first)).await;)?
                    follow_all(all, $presence, handler, lists, stop).await;
                    concat!("the watch of ", $name)
                });
            }};
        }
        // What is left alone needs no right to look at it.
        macro_rules! watch_if {
            ($condition:expr, $scope:ident $kind:ty, $name:literal, $handler:ident, $presence:ident) => {
                if $condition {
                    watch!($scope $kind, $name, $handler, $presence);
                } else {
                    watches.lists.shown(&$name.into());
                }
            };
        }
        let follows = |kind: WorkloadKind| watches.rollouts.follow(kind);
        // Of what no object uses nothing is kept, so the objects come first.
        watch!(namespaced Secret, "secrets", secret, Certain, after "externalsecrets");
        watch!(namespaced ConfigMap, "configmaps", config_map, Certain, after "externalsecrets");
        watch!(namespaced Guarded<ExternalSecret>, "externalsecrets", external_secret, Certain);
        watch!(namespaced Guarded<SecretStore>, "secretstores", store, Certain);
        watch!(namespaced PartialObjectMeta<ServiceAccount>, "serviceaccounts", service_account, Certain);
        watch_if!(
            watches.extent.has_cluster_stores(),
            cluster Guarded<ClusterSecretStore>, "clustersecretstores", cluster_store, Certain
        );
        watch_if!(
            watches.repeated.is_some(),
            cluster Guarded<ClusterExternalSecret>, "clusterexternalsecrets", cluster_external_secret, Certain
        );
        watch_if!(
            watches.extent.has_labels(), namespaces PartialObjectMeta<Namespace>, "namespaces", namespace, Certain
        );
        watch_if!(follows(WorkloadKind::Deployment), namespaced Deployment, "deployments", workload, Certain);
        watch_if!(follows(WorkloadKind::StatefulSet), namespaced StatefulSet, "statefulsets", workload, Certain);
        watch_if!(follows(WorkloadKind::DaemonSet), namespaced DaemonSet, "daemonsets", workload, Certain);
        watch_if!(follows(WorkloadKind::CronJob), namespaced CronJob, "cronjobs", workload, Certain);
        watch_if!(follows(WorkloadKind::Job), namespaced Job, "jobs", workload, Certain);
        watch_if!(follows(WorkloadKind::Rollout), namespaced Guarded<Rollout>, "rollouts", guarded_workload, Uncertain);
    }

    fn external_secret(&self, seen: Seen<Guarded<ExternalSecret>>) {
        match seen {
            Seen::There(guard) => match guard.0 {
                Ok(object) => {
                    if let Some(key) = key_of(&object.metadata) {
                        self.unreadable.is_over(&Which::ExternalSecret(key));
                    }
                    if let Some(repeated) = &self.repeated {
                        repeated.external_secret_seen(&object);
                    }
                    self.rollouts.external_secret_seen(&object);
                    if let Some(key) = self.state.object_seen(object, Timestamp::now()) {
                        // Whoever edits waits.
                        self.look(key, Urgency::Urgent);
                    }
                }
                Err(invalid) => {
                    let Some(key) = key_of(&invalid.metadata) else { return };
                    // Its hooks go with it: an agent that begins now would not know of any.
                    self.rollouts.external_secret_gone(&key);
                    self.object_gone(&key);
                    self.unreadable.seen(Which::ExternalSecret(key), invalid);
                }
            },
            Seen::Gone(key) => {
                self.unreadable.is_over(&Which::ExternalSecret(key.clone()));
                self.rollouts.external_secret_gone(&key);
                self.object_gone(&key);
                if let Some(repeated) = &self.repeated {
                    repeated.external_secret_gone(&key);
                }
            }
        }
    }

    fn object_gone(&self, key: &ObjectKey) {
        for rival in self.state.object_gone(key) {
            self.look(rival, Urgency::Routine);
        }
    }

    fn store(&self, seen: Seen<Guarded<SecretStore>>) {
        match seen {
            Seen::There(guard) => match guard.0 {
                Ok(store) => {
                    let Some(key) = key_of(&store.metadata) else { return };
                    let key = StoreKey { namespace: Some(key.namespace), name: key.name };
                    self.store_seen(&key, Some(store.spec));
                    self.stores.seen(key, store.metadata, store.status);
                }
                Err(invalid) => {
                    let Some(key) = key_of(&invalid.metadata) else { return };
                    self.store_unreadable(StoreKey { namespace: Some(key.namespace), name: key.name }, invalid);
                }
            },
            Seen::Gone(key) => {
                let key = StoreKey { namespace: Some(key.namespace), name: key.name };
                self.store_seen(&key, None);
            }
        }
    }

    fn cluster_store(&self, seen: Seen<Guarded<ClusterSecretStore>>) {
        match seen {
            Seen::There(guard) => match guard.0 {
                Ok(store) => {
                    let key = StoreKey { namespace: None, name: store.metadata.name.clone().unwrap_or_default() };
                    self.store_seen(&key, Some(store.spec.0));
                    if self.extent.owns_cluster_stores() {
                        self.stores.seen(key, store.metadata, store.status);
                    }
                }
                Err(invalid) => {
                    let name = invalid.metadata.name.clone().unwrap_or_default();
                    self.store_unreadable(StoreKey { namespace: None, name }, invalid);
                }
            },
            Seen::Gone(key) => self.store_seen(&StoreKey { namespace: None, name: key.name }, None),
        }
    }

    fn store_seen(&self, key: &StoreKey, spec: Option<SecretStoreSpec>) {
        self.unreadable.is_over(&Which::Store(key.clone()));
        for user in self.state.store_seen(key, spec) {
            self.look(user, Urgency::Routine);
        }
    }

    /// Nobody may go on with what it said before.
    fn store_unreadable(&self, key: StoreKey, invalid: Invalid) {
        for user in self.state.store_unreadable(&key, &invalid.problem) {
            self.look(user, Urgency::Routine);
        }
        self.unreadable.seen(Which::Store(key), invalid);
    }

    fn secret(&self, seen: Seen<Secret>) {
        let (key, metadata, producers) = match seen {
            Seen::There(secret) => {
                let Some(key) = key_of(&secret.metadata) else { return };
                self.rollouts.resource_seen(&secret);
                let producers = self.state.target_seen(&key, &secret, Timestamp::now());
                (key, Some(secret.metadata), producers)
            }
            Seen::Gone(key) => {
                self.rollouts.resource_gone(&ResourceKey::secret(key.clone()));
                let producers = self.state.target_gone(&key, Timestamp::now());
                (key, None, producers)
            }
        };
        for producer in producers {
            self.look(producer, Urgency::Urgent);
        }
        self.template_changed(&TemplateSource::Secret(key.clone()), metadata.as_ref());
        self.keys_changed(&key);
    }

    /// Templates may stand in it. `metadata` is there if it is.
    fn template_changed(&self, source: &TemplateSource, metadata: Option<&ObjectMeta>) {
        let users = match metadata {
            Some(metadata) => self.state.template_seen(source, metadata),
            None => self.state.template_gone(source),
        };
        for user in users {
            self.state.with_object(&user, Object::forget_failures);
            self.look(user, Urgency::Routine);
        }
    }

    /// A standby remembers nothing of this: when it leads, it looks at every object.
    fn look(&self, key: ObjectKey, urgency: Urgency) {
        if self.leadership.is_leading() {
            self.work.push(key, urgency);
        }
    }
}

fn key_of(metadata: &ObjectMeta) -> Option<ObjectKey> {
    Some(ObjectKey::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?))
}
