//! Where the data comes from that a rollout carries: the ExternalSecrets that produce its Secrets, and the versions that
//! they had put there when the rollout began. By the time it has ended there may be newer ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource as _;
use rekey_core::rollout::resource::{ResourceKind, ResourceName};
use rekey_core::rollout::workload::{WorkloadKey, WorkloadKind};

use crate::alert::{Changed, Source};
use crate::state::State;

/// An ExternalSecret that produces one of the Secrets.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The Secret.
    pub resource: ResourceName,
    /// The ExternalSecret.
    pub object: ObjectReference,
    /// What it asks AWS for, and the version it got.
    pub sources: Vec<(String, String)>,
}

/// All of one rollout.
pub(super) type All = Arc<Vec<Origin>>;

#[derive(Default)]
pub(super) struct Origins {
    state: Option<State>,
    /// Of the rollouts that are under way, with their beginning.
    begun: Mutex<HashMap<WorkloadKey, (Timestamp, All)>>,
}

impl Origins {
    pub fn new(state: Option<State>) -> Self {
        Self { state, begun: Mutex::default() }
    }

    /// Remembers where a rollout's data comes from. `since` tells it from other rollouts of the workload. A CronJob has
    /// none: the end of its Job is that of another workload.
    pub fn begin(&self, key: &WorkloadKey, resources: &[ResourceName], since: Timestamp) -> All {
        let all = self.look_up(key, resources);
        if key.kind != WorkloadKind::CronJob {
            self.lock().insert(key.clone(), (since, Arc::clone(&all)));
        }
        all
    }

    /// Where a rollout's data comes from, as remembered; as it is now, if another process began it.
    pub fn of(&self, key: &WorkloadKey, resources: &[ResourceName], since: Timestamp) -> All {
        let begun = self.lock().get(key).filter(|(begun, _)| *begun == since).map(|(_, all)| Arc::clone(all));
        begun.unwrap_or_else(|| self.look_up(key, resources))
    }

    /// The rollout has ended.
    pub fn ended(&self, key: &WorkloadKey, since: Timestamp) {
        let mut begun = self.lock();
        if begun.get(key).is_some_and(|(begun, _)| *begun == since) {
            begun.remove(key);
        }
    }

    /// The workload is gone.
    pub fn forget(&self, key: &WorkloadKey) {
        self.lock().remove(key);
    }

    fn look_up(&self, key: &WorkloadKey, resources: &[ResourceName]) -> All {
        let Some(state) = &self.state else { return All::default() };
        let secrets = resources.iter().filter(|resource| resource.kind == ResourceKind::Secret);
        let origins = secrets.flat_map(|resource| {
            let target = resource.within(key.object.namespace.clone()).object;
            state.producers(&target).into_iter().map(|(object, tokens)| Origin {
                resource: resource.clone(),
                object: object.object_ref(&()),
                sources: tokens.into_iter().map(|(source, token)| (source, token.to_string())).collect(),
            })
        });
        Arc::new(origins.collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkloadKey, (Timestamp, All)>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows each source with its version; nothing once, if there is none. A search in the log for either follows a rotation.
pub(super) fn each(origins: &[Origin], mut show: impl FnMut(Option<&str>, Option<&str>)) {
    let mut sources = origins.iter().flat_map(|origin| &origin.sources).peekable();
    if sources.peek().is_none() {
        show(None, None);
    }
    for (source, token) in sources {
        show(Some(source), Some(token));
    }
}

/// The same for an alert.
pub(super) fn changed<'a>(resources: &'a [ResourceName], origins: &'a [Origin]) -> Vec<Changed<'a>> {
    let changed = |resource: &'a ResourceName| {
        let sources = origins.iter().filter(|origin| origin.resource == *resource).flat_map(|origin| &origin.sources);
        Changed {
            kind: resource.kind,
            name: &resource.name,
            sources: sources.map(|(source, token)| Source { source, token }).collect(),
        }
    };
    resources.iter().map(changed).collect()
}
