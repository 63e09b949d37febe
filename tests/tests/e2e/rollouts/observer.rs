//! Every workload of the cluster and its restarts, as watches report them: a case asks no server how often something was
//! restarted, and no restart between two looks is missed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::workload::{KINDS, template};
use crate::table::objects::Objects;

const EVENT: &str = "Event";

/// `Kind/namespace/name`.
pub(super) type Key = String;

/// How often workloads were restarted since they were first seen. Those that never were are left out.
pub(super) type Restarts = BTreeMap<Key, usize>;

/// What was seen of a workload.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// As it was last; null if it is gone.
    object: Json,
    uid: String,
    restarts: usize,
    /// The Jobs that were made from it.
    jobs: BTreeMap<Key, Json>,
}

#[derive(Default)]
struct Record {
    workloads: BTreeMap<Key, Seen>,
    /// Events by what they are about and by their own name: each in one line.
    events: BTreeMap<String, BTreeMap<Key, Json>>,
}

/// Running watches. Dropping them ends them.
pub(super) struct Observer {
    record: Arc<Mutex<Record>>,
    changed: watch::Receiver<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Observer {
    /// Begins to watch, on the runtime that calls this.
    pub(super) fn start(objects: &Objects) -> Result<Self> {
        let record: Arc<Mutex<Record>> = Arc::default();
        let (change, changed) = watch::channel(());
        let change = Arc::new(change);
        let mut tasks = Vec::new();
        for kind in KINDS.into_iter().chain([EVENT]) {
            let task = follow(kind, objects.all(kind)?, Arc::clone(&record), Arc::clone(&change));
            tasks.push(tokio::spawn(task));
        }
        Ok(Self { record, changed, tasks })
    }

    /// The restarts so far in a namespace.
    pub(super) fn restarts(&self, namespace: &str) -> Restarts {
        let within = format!("/{namespace}/");
        let record = self.lock();
        let restarted = record.workloads.iter().filter(|(key, seen)| key.contains(&within) && seen.restarts > 0);
        restarted.map(|(key, seen)| (key.clone(), seen.restarts)).collect()
    }

    /// The workload as it is; null if there is none. `jobs` are those that were made from it, `events` those about it.
    pub(super) fn look(&self, key: &str) -> Json {
        let record = self.lock();
        let Some(seen) = record.workloads.get(key).filter(|seen| !seen.object.is_null()) else { return Json::Null };
        let mut object = seen.object.clone();
        object["jobs"] = seen.jobs.values().cloned().collect();
        object["events"] = record.events.get(&seen.uid).into_iter().flat_map(BTreeMap::values).cloned().collect();
        object
    }

    /// Waits until `check` finds nothing to say, and looks again only when something has changed, or a while has passed.
    ///
    /// # Errors
    /// After `patience`: what it said last.
    pub(super) async fn eventually(&self, patience: Duration, check: impl AsyncFn() -> Result<()>) -> Result<()> {
        let mut changed = self.changed.clone();
        let end = tokio::time::Instant::now() + patience;
        loop {
            changed.mark_unchanged();
            let Err(error) = check().await else { return Ok(()) };
            if tokio::time::Instant::now() >= end {
                return Err(error);
            }
            let soon = tokio::time::Instant::now() + Duration::from_millis(200);
            let _ = tokio::time::timeout_at(soon.min(end), changed.changed()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn follow(
    kind: &'static str,
    api: Api<DynamicObject>,
    record: Arc<Mutex<Record>>,
    change: Arc<watch::Sender<()>>,
) {
    let mut stream = watcher(api, watcher::Config::default()).default_backoff().boxed();
    while let Some(event) = stream.next().await {
        {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) if kind == EVENT => record.hear(&object),
                Ok(Event::Apply(object) | Event::InitApply(object)) => record.see(kind, &object),
                Ok(Event::Delete(object)) => record.lose(kind, &object),
                _ => continue,
            }
        }
        change.send_replace(());
    }
}

impl Record {
    fn see(&mut self, kind: &str, object: &DynamicObject) {
        let now = serde_json::to_value(object).unwrap_or_default();
        let (key, uid) = (key(kind, object), text(&now["metadata"]["uid"]));
        let seen = self.workloads.entry(key.clone()).or_default();
        let first = seen.uid.is_empty();
        let new = seen.uid != uid;
        seen.restarts +=
            usize::from(if new { kind == "Job" && !first } else { is_restarted(kind, &seen.object, &now) });
        seen.uid = uid;
        seen.object = now.clone();
        if kind == "Job" {
            self.made(&key, &now);
        }
    }

    /// A Job was made from a CronJob, or has changed.
    fn made(&mut self, key: &str, job: &Json) {
        let owners = job["metadata"]["ownerReferences"].as_array();
        let owner = owners.into_iter().flatten().find(|owner| owner["kind"] == "CronJob");
        let Some(name) = owner.and_then(|owner| owner["name"].as_str()) else { return };
        let namespace = text(&job["metadata"]["namespace"]);
        let owner = self.workloads.entry(format!("CronJob/{namespace}/{name}")).or_default();
        let before = owner.jobs.insert(key.to_owned(), job.clone());
        owner.restarts += usize::from(before.is_none());
    }

    fn hear(&mut self, event: &DynamicObject) {
        let data = &event.data;
        let line = format!("{} {}: {}", text(&data["type"]), text(&data["reason"]), text(&data["message"]));
        let about = self.events.entry(text(&data["involvedObject"]["uid"])).or_default();
        about.insert(key(EVENT, event), Json::String(line));
    }

    fn lose(&mut self, kind: &str, object: &DynamicObject) {
        if let Some(seen) = self.workloads.get_mut(&key(kind, object)) {
            seen.object = Json::Null;
        }
    }
}

fn key(kind: &str, object: &DynamicObject) -> Key {
    let metadata = &object.metadata;
    let (namespace, name) = (metadata.namespace.as_deref(), metadata.name.as_deref());
    format!("{kind}/{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default())
}

/// Do the two tell of a restart of one and the same object? A Job and what a CronJob makes have names of their own.
fn is_restarted(kind: &str, before: &Json, now: &Json) -> bool {
    let counts = |object: &Json| match kind {
        "CronJob" | "Job" => Json::Null,
        _ => json!([template(kind, object), object["spec"]["restartAt"]]),
    };
    counts(before) != counts(now)
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Says how `now` differs from what is expected since `before`: every workload that is not named has had no restart.
pub(super) fn compare(expected: &BTreeMap<Key, usize>, before: &Restarts, now: &Restarts) -> Result<()> {
    let mut wrong = Vec::new();
    let keys: std::collections::BTreeSet<&Key> = expected.keys().chain(now.keys()).collect();
    for key in keys {
        let of = |restarts: &Restarts| restarts.get(key).copied().unwrap_or_default();
        let (seen, expected) = (of(now) - of(before), of(expected));
        if seen != expected {
            wrong.push(format!("{key}: expected {expected} restarts, saw {seen}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(anyhow!("{}", wrong.join("\n    "))) }
}
