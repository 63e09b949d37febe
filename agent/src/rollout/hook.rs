//! Hooks of ExternalSecrets: from the watches to the book, and to people where one cannot be run.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use rekey_core::object::ObjectKey;
use rekey_core::resource::{ExternalSecret, Version};
use rekey_core::rollout::annotations::Annotations;
use rekey_core::rollout::book::Owner;
use rekey_core::rollout::hook::{Hook, HookProblem};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Rollouts;
use crate::cluster::event::Kind;

/// Between two looks at what cannot be run. Only what two of them find is told: of objects that are applied together, one
/// is there first.
const LOOK: Duration = Duration::from_secs(5);

type Problems = BTreeSet<(Owner, HookProblem)>;

impl Rollouts {
    /// An ExternalSecret as Kubernetes holds it.
    pub fn external_secret_seen(&self, object: &ExternalSecret) {
        let metadata = &object.metadata;
        let (Some(namespace), Some(name), Some(uid)) = (&metadata.namespace, &metadata.name, &metadata.uid) else {
            return;
        };
        if self.inner.webhook.is_some() {
            return;
        }
        let none = Annotations::new();
        let hooks = Hook::read(metadata.annotations.as_ref().unwrap_or(&none), object.target_name());
        let owner = Owner { object: ObjectKey::new(namespace, name), uid: uid.clone() };
        self.book().hooks_seen(&owner, hooks, Timestamp::now());
        self.inner.due.notify_one();
    }

    /// An ExternalSecret was deleted.
    pub fn external_secret_gone(&self, key: &ObjectKey) {
        self.book().hooks_gone(key, Timestamp::now());
        self.inner.due.notify_one();
    }

    /// Says of each hook that cannot be run why, once for as long as that lasts.
    pub(super) async fn tell_hook_problems(&self, shutdown: &CancellationToken) {
        let (mut found, mut told) = (Problems::new(), Problems::new());
        while shutdown.run_until_cancelled(sleep(LOOK)).await.is_some() {
            let before = std::mem::replace(&mut found, self.book().hook_problems());
            let lasting: Problems = found.intersection(&before).cloned().collect();
            for (owner, problem) in lasting.difference(&told) {
                self.tell_hook_problem(owner, problem).await;
            }
            told = lasting;
        }
    }

    async fn tell_hook_problem(&self, owner: &Owner, problem: &HookProblem) {
        warn!(externalsecret = %owner.object, %problem, "hook not run");
        let Some(events) = &self.inner.reports.to.events else { return };
        let about = ObjectReference {
            api_version: Some(Version::V1.api_version().to_owned()),
            kind: Some(ExternalSecret::kind(&()).into_owned()),
            namespace: Some(owner.object.namespace.clone()),
            name: Some(owner.object.name.clone()),
            uid: Some(owner.uid.clone()),
            ..ObjectReference::default()
        };
        let identity = format!("hooknotrun-{}-{}", owner.uid, problem.identity());
        events.once(&about, Kind::Warning, "HookNotRun", "Hook", problem.to_string(), identity).await;
    }
}
