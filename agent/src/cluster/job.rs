//! Jobs: the only file that creates and deletes them.
//!
//! A Job that is made anew is not there for a moment. Its manifest is saved before it is deleted, and the save is removed
//! when the new one is there: whoever finds a save finishes what it stands for.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use rekey_core::backoff::after;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::follow::Started;
use rekey_core::rollout::manifest;
use rekey_core::rollout::mark::Mark;
use tracing::info;

use super::Writer;
use super::error::{Action, ClusterError, read};
use super::saved_job::{Saved, SavedJobs};

/// Whoever saved a Job has deleted it by then, or never will: each of the calls in between has a time limit, even one that
/// waits in the network when its instance has long lost the lease.
const DELETION: Duration = Duration::from_mins(10);

/// How far a Job is that was to be made anew.
pub enum Finish {
    /// This one has taken the place of the old one.
    Made(Box<Job>),
    /// The old one stands, and may be about to be deleted.
    NotBegun,
    /// Nothing is to be done any more.
    Over,
}

/// Creates and deletes Jobs.
#[derive(Clone)]
pub struct Jobs {
    writer: Writer,
    saved: SavedJobs,
}

impl Jobs {
    /// Writes with this writer, and saves manifests in the agent's own namespace.
    #[must_use]
    pub fn new(writer: Writer, namespace: &str) -> Self {
        Self { saved: SavedJobs::new(writer.clone(), namespace), writer }
    }

    /// Creates a Job that runs a CronJob. One of this name that is there already was an earlier attempt.
    pub async fn run(&self, job: &DynamicObject) -> Result<(), ClusterError> {
        let refused = match self.create(job).await {
            Err(error) if error.is_conflict() => error,
            created => return created.map(drop),
        };
        let key = key_of(job);
        let owned = |there: &Job| there.metadata.owner_references == job.metadata.owner_references;
        match self.get(&key).await? {
            Some(there) if owned(&there) => Ok(()),
            Some(_) => Err(ClusterError::Foreign { action: Action::Create, object: what(&key) }),
            None => Err(refused),
        }
    }

    /// Deletes a Job, if it is still as it was read, and creates it again. After an error the Job may be gone; then a save
    /// is left.
    pub async fn again(
        &self,
        old: &DynamicObject,
        mark: &Mark,
        started: Option<&Started>,
    ) -> Result<Job, ClusterError> {
        let mut new = manifest::again(old);
        mark.apply(&mut new);
        if let Some(started) = started {
            started.put_on(&mut new);
        }
        let (uid, resource_version) = (old.metadata.uid.clone(), old.metadata.resource_version.clone());
        let saved = self.saved.save(key_of(old), uid.clone().unwrap_or_default(), new).await?;
        let parameters = DeleteParams::background().preconditions(Preconditions { uid, resource_version });
        let api: Api<Job> = self.api(&saved.job);
        let future = api.delete(&saved.job.name, &parameters);
        let deleted = self.writer.write(Action::Delete, what(&saved.job), future).await;
        if matches!(deleted, Err(ClusterError::Refused { .. })) {
            // It stands. If the save stays too, it is found to be needless in time.
            let _ = self.saved.remove(&saved).await;
        }
        deleted?;
        match self.finish(&saved).await? {
            Finish::Made(job) => Ok(*job),
            Finish::NotBegun | Finish::Over => Err(ClusterError::changed(Action::Create, what(&saved.job))),
        }
    }

    /// Finishes what a save stands for: the Job is created, unless there is one already, and the save removed.
    pub async fn finish(&self, saved: &Saved) -> Result<Finish, ClusterError> {
        if !self.saved.exists(saved).await? {
            return Ok(Finish::Over);
        }
        let finish = match self.get(&saved.job).await? {
            Some(job) if job.metadata.uid.as_ref() != Some(&saved.uid) => Finish::Made(Box::new(job)),
            Some(job) if job.metadata.deletion_timestamp.is_none() => {
                if after(saved.at, DELETION) > Timestamp::now() {
                    return Ok(Finish::NotBegun);
                }
                Finish::Over
            }
            // While finalizers keep the old one, this is refused.
            _ => match self.create(&saved.manifest).await {
                Ok(job) => Finish::Made(Box::new(job)),
                // Its namespace is gone, with everything in it.
                Err(error) if error.is_not_found() => Finish::Over,
                Err(error) => return Err(error),
            },
        };
        if matches!(finish, Finish::Made(_)) {
            info!(job = %saved.job, "job made anew");
        }
        self.saved.remove(saved).await?;
        Ok(finish)
    }

    /// What is left to be finished, by this instance or by one before it.
    pub async fn unfinished(&self) -> Result<Vec<Saved>, ClusterError> {
        self.saved.list().await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Job>, ClusterError> {
        let api: Api<Job> = self.api(key);
        read(what(key), api.get_opt(&key.name)).await
    }

    async fn create(&self, job: &DynamicObject) -> Result<Job, ClusterError> {
        let key = key_of(job);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.writer.client(), &key.namespace, &ApiResource::erase::<Job>(&()));
        let parameters = PostParams::default();
        let future = async {
            let created = api.create(&parameters, job).await?;
            serde_json::to_value(created).and_then(serde_json::from_value).map_err(kube::Error::SerdeError)
        };
        self.writer.write(Action::Create, what(&key), future).await.map_err(ClusterError::without_fields)
    }

    fn api(&self, key: &ObjectKey) -> Api<Job> {
        Api::namespaced(self.writer.client(), &key.namespace)
    }
}

fn key_of(object: &DynamicObject) -> ObjectKey {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    ObjectKey::new(part(&object.metadata.namespace), part(&object.metadata.name))
}

fn what(key: &ObjectKey) -> String {
    format!("job {key}")
}
