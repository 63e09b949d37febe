//! What a sync does to Secrets: writes its target, deletes it, deletes the one before a rename, lets go of an object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use rekey_core::plan::{self, Plan, Refusal, Removal};
use rekey_core::release;
use rekey_core::render::Rendered;
use rekey_core::report::Refreshed;
use rekey_core::resource::external_secret::CreationPolicy;
use rekey_core::wanted::Token;
use tracing::info;

use super::{Done, SyncError, Synced, Syncer};
use crate::cluster::ClusterError;
use crate::state::Task;

/// A target that others keep writing is left to them after so many attempts, until the object's next retry.
const WRITE_ATTEMPTS: u32 = 5;

/// What became of a target that was to go.
enum Removed {
    Now,
    /// It was not there any more.
    Before,
    /// Its object does not control it, so it was left.
    NotOurs,
}

impl Syncer {
    /// Writes the target, and deletes the one before a rename, in this order.
    pub(super) async fn write(
        &self,
        task: &Task,
        target: Result<Option<Secret>, ClusterError>,
        rendered: &Rendered,
        tokens: &BTreeMap<String, Token>,
    ) -> Result<Done, SyncError> {
        let done = self.write_target(task, target?, rendered, tokens).await?;
        self.delete_orphans(task).await?;
        Ok(done)
    }

    async fn write_target(
        &self,
        task: &Task,
        mut existing: Option<Secret>,
        rendered: &Rendered,
        tokens: &BTreeMap<String, Token>,
    ) -> Result<Done, SyncError> {
        let (order, manager) = (task.order(), plan::field_manager(&task.key.name));
        let bound = order.policy != CreationPolicy::None;
        let mut attempts = 0;
        loop {
            if let Some(existing) = &existing {
                self.seen(task, existing);
            }
            let (written, reason, adopted, refusal) = match plan::plan(&order, existing.as_ref(), rendered) {
                Plan::Unchanged => return Ok(Done { wrote: false, bound, what: Refreshed::Synced }),
                Plan::Missing => return Ok(Done { wrote: false, bound: false, what: Refreshed::Missing }),
                Plan::Refuse(refusal) => return Err(SyncError::Refused(refusal)),
                Plan::Create(secret) => {
                    (self.targets.create(&task.target, &secret, &manager).await, Some("Created"), false, None)
                }
                Plan::Update { secret, data_changes, adopts } => {
                    if data_changes {
                        // What the workloads run with now has to be on record before it is overwritten.
                        self.rollouts.baseline(&task.target).await?;
                    } else if matches!(order.policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge) {
                        // Only the hash is another: somebody changed keys of their own.
                        self.state.with_object(&task.key, |object| object.others.forgive());
                    }
                    (self.targets.update(&task.target, &secret, &manager).await, Some("Updated"), adopts, None)
                }
                Plan::Mark { secret, short_of } => {
                    (self.targets.update(&task.target, &secret, &manager).await, None, false, short_of)
                }
            };
            attempts += 1;
            let made = match written {
                Ok(made) => made,
                Err(error) if (error.is_conflict() || error.is_not_found()) && attempts < WRITE_ATTEMPTS => {
                    existing = self.targets.get(&task.target).await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            // The rollout need not wait for the watch, and learns of it before this sync counts as finished.
            self.seen(task, &made);
            if let Some(refusal) = refusal {
                return Err(SyncError::Refused(refusal));
            }
            if !plan::is_as_left(order.policy, Some(Refreshed::Synced), Some(plan::is_valid(&made))) {
                return Err(SyncError::Altered);
            }
            if let Some(reason) = reason {
                self.announce_write(task, tokens, reason, adopted);
            }
            return Ok(Done { wrote: reason.is_some(), bound, what: Refreshed::Synced });
        }
    }

    /// Deletes the target, if it is there and ours, because its sources yield nothing.
    pub(super) async fn delete(&self, task: &Task) -> Result<Done, SyncError> {
        if task.order().policy != CreationPolicy::Owner {
            return Err(SyncError::Refused(Refusal::NotOwned));
        }
        let wrote = match self.delete_target(task, "its sources are gone").await? {
            Removed::Now => true,
            Removed::Before => false,
            Removed::NotOurs => return Err(SyncError::Refused(Refusal::NotControlled)),
        };
        if wrote {
            self.announce_deletion(task, "secret deleted due to DeletionPolicy=Delete");
        }
        Ok(Done { wrote, bound: false, what: Refreshed::Deleted })
    }

    /// The object is being deleted, and waits for its controller to let go of it.
    pub(super) async fn release(&self, task: &Task) -> Result<Synced, SyncError> {
        let metadata = &task.resource.metadata;
        if release::takes_target(&task.resource.spec) {
            self.delete_target(task, "its ExternalSecret is being deleted").await?;
        }
        match self.objects.set_finalizers(metadata, &release::finalizers_left(metadata)).await {
            Ok(()) => info!(externalsecret = %task.key, "finalizer of ESO removed: the object is being deleted"),
            Err(error) if error.is_not_found() => {}
            Err(error) if error.is_conflict() => return Err(SyncError::Edited),
            Err(error) => return Err(error.into()),
        }
        Ok(Synced::Gone)
    }

    /// Deletes the target, if it is there and ours.
    async fn delete_target(&self, task: &Task, why: &'static str) -> Result<Removed, SyncError> {
        let undeleted = |error| SyncError::Undeleted { which: "secret", error };
        let mut attempts = 0;
        loop {
            let existing = self.targets.get(&task.target).await.map_err(undeleted)?;
            let Some(existing) = existing else { return Ok(Removed::Before) };
            let Some(removal) = plan::removal(&task.owner(), &existing.metadata) else { return Ok(Removed::NotOurs) };
            attempts += 1;
            match self.remove(&removal).await {
                Ok(()) => {
                    info!(externalsecret = %task.key, target = %removal.key, why, "secret deleted");
                    return Ok(Removed::Now);
                }
                Err(error) if error.is_conflict() && attempts < WRITE_ATTEMPTS => {}
                Err(error) if error.is_not_found() => return Ok(Removed::Before),
                Err(error) => return Err(undeleted(error)),
            }
        }
    }

    /// Deletes what the object's target was called before. Where the status names no other Secret there is none.
    async fn delete_orphans(&self, task: &Task) -> Result<(), SyncError> {
        let bound = task.resource.status.as_ref().and_then(|status| status.binding.as_ref());
        let renamed = bound.is_some_and(|bound| !bound.name.is_empty() && bound.name != task.target.name);
        if !renamed || task.order().policy != CreationPolicy::Owner {
            return Ok(());
        }
        let undeleted = |error| SyncError::Undeleted { which: "orphaned secrets", error };
        let selector = plan::orphan_selector(&task.key);
        let found = self.targets.labelled(&task.key.namespace, &selector).await.map_err(undeleted)?;
        for removal in found.iter().filter_map(|found| plan::orphan_removal(&task.owner(), &task.target, found)) {
            match self.remove(&removal).await {
                Ok(()) => {
                    info!(externalsecret = %task.key, target = %removal.key, "secret deleted: its target has another name now");
                    self.announce_deletion(task, "secret deleted because it was orphaned");
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(undeleted(error)),
            }
        }
        Ok(())
    }

    async fn remove(&self, removal: &Removal) -> Result<(), ClusterError> {
        self.targets.delete(removal).await?;
        self.state.target_deleted(&removal.key);
        Ok(())
    }

    fn seen(&self, task: &Task, secret: &Secret) {
        self.rollouts.resource_seen(secret);
        // Whoever produces it is being handled right now.
        let _ = self.state.target_seen(&task.target, secret, Timestamp::now());
    }
}
